import { el, icon, setText } from "../dom.ts";
import { count, ofBytes, percent } from "../format.ts";
import { panel } from "../panel.ts";
import { indent, Table } from "../table.ts";

interface Row {
  path: string;
  depth: number;
  controllers: string[] | null;
  memory_current: number;
  memory_max: number | null;
  oom_kills: number;
  pids_current: number;
  pids_max: number | null;
  pids_refused: number;
  cpu_quota: number | null;
  cpu_period: number;
  cpu_usage: number;
  cpu_throttled: number;
  pressure: number;
  frozen: boolean;
  procs: number[] | null;
}

interface Reading {
  groups: Row[];
  front: string;
}

function bar(cell: HTMLElement, share: number | null, text: string): void {
  if (!cell.firstElementChild)
    cell.append(el("span", { class: "amount" }), el("span", { class: "meter", "aria-hidden": "true" }, el("i")));
  const [amount, meter] = cell.children;
  if (amount) setText(amount, text);
  if (meter) {
    meter.toggleAttribute("data-none", share === null);
    (meter.firstElementChild as HTMLElement).style.setProperty("--share", String(Math.min(1, share ?? 0)));
    meter.toggleAttribute("data-full", share !== null && share > 0.95);
  }
}

function refusals(cell: HTMLElement, kills: number, forks: number): void {
  if (kills + forks === 0) {
    setText(cell, "");
    return;
  }
  if (!cell.firstElementChild) cell.append(icon("refused"), el("span"));
  const words = [
    kills > 0 ? `${count(kills)} OOM kill${kills === 1 ? "" : "s"}` : "",
    forks > 0 ? `${count(forks)} fork${forks === 1 ? "" : "s"} refused` : "",
  ];
  cell.title = words.filter(Boolean).join(", ");
  const number = cell.lastElementChild;
  if (number) setText(number, count(kills + forks), true);
}

/** The tree of groups: what each uses of what it may use, and what the kernel refused it. */
export default panel<Reading>({
  name: "cgroups",
  create(body) {
    let front = "";
    // The rate of processor time comes from two readings.
    const used = new Map<string, { at: number; usage: number; rate: number }>();
    const table = new Table<Row>(
      [
        {
          head: "group",
          class: "wide-cell",
          marks: ["path", "frozen"],
          draw: (cell, g) => {
            indent(cell, g.depth);
            setText(cell, g.path === "/" ? "/" : (g.path.split("/").at(-1) ?? ""));
            cell.title = `${g.path}\nprocesses: ${(g.procs ?? []).join(" ") || "none"}\ncontrollers: ${(g.controllers ?? []).join(" ")}${g.frozen ? "\nfrozen" : ""}`;
          },
        },
        {
          head: "memory",
          class: "right",
          marks: ["memory_max"],
          draw: (cell, g) =>
            bar(
              cell,
              g.memory_max === null ? null : g.memory_current / Math.max(1, g.memory_max),
              ofBytes(g.memory_current, g.memory_max),
            ),
        },
        {
          head: "pids",
          class: "right",
          marks: ["pids_max", "procs"],
          draw: (cell, g) =>
            bar(
              cell,
              g.pids_max === null ? null : g.pids_current / Math.max(1, g.pids_max),
              `${g.pids_current}${g.pids_max === null ? "" : ` / ${g.pids_max}`}`,
            ),
        },
        {
          head: "cpu",
          title: "processor time now, of the quota",
          class: "right",
          marks: ["cpu_quota", "cpu_period"],
          draw: (cell, g) => {
            const quota = g.cpu_quota === null ? null : g.cpu_quota / Math.max(1, g.cpu_period);
            const rate = used.get(g.path)?.rate ?? 0;
            bar(
              cell,
              quota === null ? null : rate / quota,
              `${percent(rate)}${quota === null ? "" : ` / ${percent(quota)}`}`,
            );
            cell.title = g.cpu_throttled > 0 ? `held back in ${g.cpu_throttled} periods` : "";
          },
        },
        {
          head: "refused",
          title: "OOM kills, and forks refused at pids.max",
          class: "right refusals",
          marks: ["oom_kills", "pids_refused"],
          draw: (cell, g) => refusals(cell, g.oom_kills, g.pids_refused),
        },
      ],
      { list: "groups", name: (g) => g.path },
      (g) => g.path,
      (row, g) => {
        row.toggleAttribute("data-front", g.path === front);
        row.className = g.path === "/" || g.path === "/shell" || g.path === "/init" ? "scope-sandbox" : "scope-nested";
      },
    );
    body.append(table.element);
    return {
      draw(reading, at, changes) {
        front = reading.front;
        const now = Date.parse(at);
        for (const g of reading.groups) {
          const before = used.get(g.path);
          const time = before ? (now - before.at) * 1000 : 0; // µs
          const rate = before && time > 0 ? Math.max(0, (g.cpu_usage - before.usage) / time) : 0;
          used.set(g.path, { at: now, usage: g.cpu_usage, rate });
        }
        table.draw(reading.groups, changes);
      },
    };
  },
});
