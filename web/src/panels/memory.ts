import { mark } from "../changes.ts";
import { el, icon, setAttribute, setText, svg } from "../dom.ts";
import { bytes, bytesText, count } from "../format.ts";
import { panel } from "../panel.ts";

interface MemoryOf {
  path: string;
  current: number;
  peak: number;
  max: number | null;
  high: number | null;
  swap_current: number;
  swap_max: number | null;
  events: { low: number; high: number; max: number; oom: number; oom_kill: number };
  pressure: { known: boolean; some: { avg10: number }; full: { avg10: number } };
}

interface Reading {
  group: MemoryOf;
  killed: number; // in the group, since the learner's last command
  sandbox: MemoryOf;
}

interface Sample {
  at: number; // ms
  current: number;
  killed: number; // how many were killed since the sample before
}

/** Course is the memory of a group over the last minute. */
interface Course {
  samples: Sample[];
  last: MemoryOf | null;
}

const span = 60_000; // ms that the chart shows
const width = 600;
const height = 100;

/** ceiling is the top of the chart: a little above the limit or the highest value, in steps, so that it seldom changes. */
export function ceiling(limit: number | null, high: number): number {
  const top = Math.max(limit !== null && limit < high * 64 ? limit * 1.12 : 0, high * 1.12, 64 * 1024);
  const unit = 2 ** Math.floor(Math.log2(top) - 2);
  return Math.ceil(top / unit) * unit;
}

/** The memory of the group in front: its course over a minute, its limit as a line, and a mark for every OOM kill. */
export default panel<Reading>({
  name: "memory",
  create(body) {
    const value = el("b");
    const unit = el("span");
    const of = el("span", { class: "of" });
    const group = el("code", { class: "group" });
    const area = svg("path", { class: "area" });
    const line = svg("path", { class: "line-of-memory" });
    const limit = svg("path", { class: "limit" });
    const drawing = svg(
      "svg",
      { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" },
      area,
      line,
      limit,
    );
    const limitLabel = el("span", { class: "limit-label" });
    const top = el("span", { class: "ceiling" });
    const marks = el("div", { class: "marks" });
    const chart = el("div", { class: "chart" }, drawing, top, limitLabel, marks);
    const cells = new Map<string, HTMLElement>();
    const facts = el("dl", { class: "facts-grid" });
    const names = { peak: "peak", high: "high", swap: "swap", max: "events max", oom: "oom_kill", stall: "some avg10" };
    const files: Record<string, string> = {
      peak: "memory.peak: the most it ever used",
      high: "memory.high: from here on the kernel slows it down",
      swap: "memory.swap.current",
      max: "memory.events, max: how often it was about to go over its limit",
      oom: "memory.events, oom_kill: processes killed for want of memory",
      stall: "memory.pressure: share of the last 10 s in which somebody waited for memory",
    };
    for (const [key, name] of Object.entries(names)) {
      const dd = el("dd");
      cells.set(key, dd);
      facts.append(el("div", { "data-fact": key }, el("dt", { title: files[key] }, name), dd));
    }
    const whole = el("span");
    const wholeBar = el("i");
    body.append(
      el("p", { class: "figure" }, value, unit, of, group),
      chart,
      facts,
      el(
        "p",
        { class: "whole" },
        el("span", {}, "whole box"),
        el("span", { class: "meter", "aria-hidden": "true" }, wholeBar),
        whole,
      ),
    );

    // Each group keeps its course: the process in front goes to and fro between groups.
    const courses = new Map<string, Course>();
    let course: Course = { samples: [], last: null };

    const drawChart = (): void => {
      const { last } = course;
      if (!last) return;
      const now = Date.now();
      const samples = course.samples.filter((s, i, all) => s.at > now - span || (all[i + 1]?.at ?? now) > now - span);
      course.samples = samples;
      const scale = ceiling(last.max, Math.max(...samples.map((s) => s.current), 1));
      const x = (at: number): number => Math.max(0, ((at - now + span) / span) * width);
      const y = (n: number): number => height - (n / scale) * height;
      // A value holds until the next reading, so the course is a staircase.
      let d = "";
      for (const [i, s] of samples.entries())
        d +=
          i === 0
            ? `M${x(s.at).toFixed(1)} ${y(s.current).toFixed(1)}`
            : `H${x(s.at).toFixed(1)}V${y(s.current).toFixed(1)}`;
      d += `H${width}`;
      setAttribute(line, "d", d);
      setAttribute(area, "d", `${d}V${height}H${x(samples[0]?.at ?? now).toFixed(1)}Z`);
      const shown = last.max !== null && last.max <= scale;
      setAttribute(limit, "d", shown ? `M0 ${y(last.max ?? 0).toFixed(1)}H${width}` : "");
      limitLabel.hidden = !shown;
      limitLabel.style.top = `${(y(last.max ?? 0) / height) * 100}%`;
      top.hidden = shown;
      setText(top, bytesText(scale));
      const killed = samples.filter((s) => s.killed > 0);
      while (marks.childElementCount > killed.length) marks.firstElementChild?.remove();
      while (marks.childElementCount < killed.length)
        marks.append(el("span", { class: "oom" }, icon("refused", "OOM kill")));
      for (const [i, s] of killed.entries()) {
        const sign = marks.children[i] as HTMLElement;
        sign.style.left = `${(x(s.at) / width) * 100}%`;
        sign.title =
          s.killed === 1 ? "The kernel killed a process here" : `The kernel killed ${s.killed} processes here`;
      }
    };
    const timer = setInterval(() => {
      if (!body.isConnected) clearInterval(timer);
      else if (!document.hidden) drawChart();
    }, 500);

    return {
      draw(reading, _, changes) {
        const g = reading.group;
        course = courses.get(g.path) ?? { samples: [], last: null };
        courses.set(g.path, course);
        // A group that was never in front until it was too late has a past all the same.
        const before = course.last?.events.oom_kill ?? g.events.oom_kill - reading.killed;
        course.samples.push({ at: Date.now(), current: g.current, killed: Math.max(0, g.events.oom_kill - before) });
        course.last = g;
        const [n, u] = bytes(g.current);
        setText(value, n);
        setText(unit, u);
        setText(of, g.max === null ? "no limit" : `of ${bytesText(g.max)}`, true);
        mark(of, changes.has("group", "max"));
        mark(group, changes.has("group", "path"));
        setText(group, g.path);
        group.className = `group ${g.path === "/" || g.path === "/shell" ? "scope-sandbox" : "scope-nested"}`;
        setText(limitLabel, g.max === null ? "" : `memory.max ${bytesText(g.max)}`);
        const facts: Record<string, string> = {
          peak: g.peak > 0 ? bytesText(g.peak) : "–",
          high: g.high === null ? "max" : bytesText(g.high),
          swap: bytesText(g.swap_current),
          max: count(g.events.max),
          oom: count(g.events.oom_kill),
          stall: g.pressure.known ? `${g.pressure.some.avg10.toFixed(1)}\u00a0%` : "–",
        };
        for (const [key, text] of Object.entries(facts)) {
          const cell = cells.get(key);
          if (cell) setText(cell, text, key === "high" || key === "max" || key === "oom");
        }
        const high = cells.get("high");
        const oom = cells.get("oom");
        if (high) mark(high, changes.has("group", "high"));
        if (oom) mark(oom, reading.killed > 0);
        facts.oom !== "0" ? body.setAttribute("data-oom", "") : body.removeAttribute("data-oom");
        const b = reading.sandbox;
        setText(whole, b.max === null ? bytesText(b.current) : `${bytesText(b.current)} of ${bytesText(b.max)}`);
        wholeBar.style.setProperty("--share", String(b.max ? Math.min(1, b.current / b.max) : 0));
        drawChart();
      },
    };
  },
});
