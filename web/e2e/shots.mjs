// `npm run shots [DIR]`: pictures of the pages in the states that matter, wide and narrow, light and dark, to be looked at.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { start } from "../fixture/fake.mjs";
import { launch } from "./browser.mjs";

const dir = process.argv[2] ?? new URL("screenshots", import.meta.url).pathname;
const only = process.argv[3];
await mkdir(dir, { recursive: true });
const fake = await start();
const browser = await launch();

const lesson = "/lessons/control-groups";
const passed = {
  type: "verdict",
  exercise: "draw-the-line",
  status: "passed",
  by: "watch",
  evidence: [{ file: "/sys/fs/cgroup/demo/memory.max", want: "≤ 100000", got: "98304" }],
};
const notYet = {
  type: "verdict",
  exercise: "limit-memory",
  status: "not-yet",
  by: "button",
  say: "The limit is right, but no bash lives in **amber-finch**.",
  evidence: [{ file: "/sys/fs/cgroup/amber-finch/cgroup.procs", want: "a process named bash", got: "" }],
};

const scenes = {
  course: { path: "/" },
  error: { path: "/nothing" },
  lesson: { path: lesson },
  starting: {
    path: "/",
    starting: [{ name: "downloading Debian packages", done: 6_200_000, total: 10_400_000, unit: "bytes", took: 3 }],
  },
  waiting: {
    path: lesson,
    box: {
      state: "waiting",
      hostname: undefined,
      say: "The lab makes the layer docker for this lesson. That takes some minutes, once.",
      tasks: [
        { name: "making image nginx", done: 3, total: 12, unit: "images", took: 12 },
        { name: "downloading Debian packages", done: 34_100_000, total: 151_300_000, unit: "bytes", took: 4 },
      ],
    },
  },
  lacking: {
    path: lesson,
    narrowTab: "terminals",
    box: {
      state: "lacking",
      hostname: undefined,
      say: "This lab has no layer docker: fetch podman_4.3.1: dial tcp: lookup deb.debian.org: no such host.",
      do: "Whoever runs the lab finds out more with glassbox shell --tools docker, and starts the lab again when that works.",
    },
  },
  slips: {
    path: lesson,
    act: () =>
      fake.tell({
        type: "lesson",
        version: "",
        outgrown: "512 MiB of memory, the layer docker",
        old: true,
        slips: ["02-control-groups.md:16:1: unknown key titel in an exercise; did you mean title?"],
      }),
  },
  lessons: { path: lesson, act: (page) => page.click(".where summary") },
  exercise: {
    path: lesson,
    async act(page) {
      fake.tell(passed);
      fake.tell(notYet);
      await page.evaluate(() => document.querySelector("#exercise-draw-the-line")?.scrollIntoView({ block: "start" }));
    },
  },
  verdict: {
    path: lesson,
    async act(page) {
      fake.tell(passed);
      fake.tell(notYet);
      await page.evaluate(() => document.querySelector("#exercise-limit-memory")?.scrollIntoView({ block: "start" }));
      await page.evaluate(() => document.querySelector("#exercise-limit-memory [data-hint]")?.click());
    },
  },
  question: {
    path: lesson,
    async act(page) {
      await page.evaluate(() => document.querySelector("[data-predict]")?.scrollIntoView({ block: "start" }));
      await page.evaluate(() => document.querySelector("[data-predict] input[value='1']")?.click());
      await page.evaluate(() => document.querySelector("[data-predict] button.answer")?.click());
    },
  },
  prediction: {
    path: lesson,
    async act(page) {
      fake.tell({
        type: "prediction",
        predict: "who-dies",
        value: "0",
        outcome: "wrong",
        got: "2",
        because: "A fork costs memory *in the shell's group*.",
      });
      await page.evaluate(() => document.querySelector("[data-predict]")?.scrollIntoView({ block: "start" }));
    },
  },
  menu: {
    path: lesson,
    act: (page) => page.click("#box summary"),
  },
  panels: {
    path: lesson,
    narrowTab: "panels",
    async act(page) {
      for (const name of ["cgroups", "processes", "log"])
        await page.evaluate((n) => document.querySelector(`.chip[data-panel=${n}][aria-pressed=true]`)?.click(), name);
      for (const name of ["namespaces", "capabilities", "mounts"])
        await page.evaluate((n) => document.querySelector(`.chip[data-panel=${n}][aria-pressed=false]`)?.click(), name);
      await page.evaluate(() => {
        for (const key of ["--terminals-share"]) document.querySelector(".apparatus").style.setProperty(key, "18");
        document.querySelector("summary.mount")?.click();
        document.querySelector("[data-board]").scrollTop = 0;
      });
    },
  },
  raw: {
    path: lesson,
    narrowTab: "panels",
    async act(page) {
      await page.waitForSelector(".panel-memory .panel-time:not(:empty)");
      for (const panel of ["memory", "processes"]) await page.click(`.panel-${panel} footer button`);
    },
  },
  others: {
    path: lesson,
    narrowTab: "panels",
    async act(page) {
      for (const name of ["memory", "cgroups", "processes", "log"])
        await page.evaluate((n) => document.querySelector(`.chip[data-panel=${n}][aria-pressed=true]`)?.click(), name);
      for (const name of ["network", "seccomp", "timeline", "log"])
        await page.evaluate((n) => document.querySelector(`.chip[data-panel=${n}][aria-pressed=false]`)?.click(), name);
      await page.evaluate(() => document.querySelector(".apparatus").style.setProperty("--terminals-share", "18"));
    },
  },
  compare: {
    path: lesson,
    narrowTab: "panels",
    async act(page) {
      for (const name of ["memory", "cgroups", "processes", "log"])
        await page.evaluate((n) => document.querySelector(`.chip[data-panel=${n}][aria-pressed=true]`)?.click(), name);
      await page.evaluate(() => document.querySelector(".chip[data-panel=compare][aria-pressed=false]")?.click());
      await page.evaluate(() => document.querySelector(".apparatus").style.setProperty("--terminals-share", "18"));
    },
  },
  terminal: {
    path: lesson,
    narrowTab: "terminals",
    async act(page) {
      await page.waitForSelector(".tty-pane[data-active] .xterm-screen");
      await page.click(".tty-pane[data-active] .screen");
      await page.keyboard.type("ls\rcolours\rlinks\rcat memory.max\r");
    },
  },
  failed: {
    path: lesson,
    narrowTab: "terminals",
    box: {
      state: "failed",
      error:
        "idmap lower: this kernel has no id-mapped mounts; it needs 5.19 or newer. Run glassbox doctor on the host: it says what is missing, and how to mend it.",
    },
  },
  building: { path: lesson, narrowTab: "terminals", box: { state: "building" } },
  ended: { path: lesson, narrowTab: "terminals", box: { state: "ended" } },
  lost: {
    path: lesson,
    narrowTab: "terminals",
    async act(page) {
      await page.waitForSelector(".tty-pane[data-active] .xterm-screen");
      fake.refusing = true;
      fake.drop();
    },
  },
  confirm: {
    path: lesson,
    async act(page) {
      await page.click("#box summary");
      await page.click("[data-verb=wipe]");
    },
  },
};

for (const [size, viewport] of Object.entries({
  wide: { width: 1440, height: 900 },
  narrow: { width: 390, height: 844 },
})) {
  for (const colorScheme of ["light", "dark"]) {
    for (const [name, scene] of Object.entries(scenes)) {
      if (only && !only.split(",").includes(name)) continue;
      fake.refusing = false;
      fake.starting = scene.starting ?? null;
      fake.tick = 0;
      fake.shells.clear();
      fake.box = { type: "box", id: "b1", hostname: "teal-otter", state: "ready", ...scene.box };
      const context = await browser.newContext({ viewport, colorScheme, deviceScaleFactor: size === "narrow" ? 2 : 1 });
      const page = await context.newPage();
      page.on(
        "console",
        (m) =>
          ["error", "warning"].includes(m.type()) &&
          !/WebSocket|404|503/.test(m.text()) &&
          console.error(`${name}: ${m.text()}`),
      );
      page.on("pageerror", (e) => console.error(`${name}: ${e.message}`));
      await page.goto(fake.url + scene.path);
      if (size === "narrow" && scene.narrowTab) await page.click(`[data-tab-button=${scene.narrowTab}]`);
      await page.waitForTimeout(700);
      await scene.act?.(page);
      fake.tick = 30;
      await page.waitForTimeout(1500); // motion comes to rest
      await page.screenshot({ path: join(dir, `${name}-${size}-${colorScheme}.png`) });
      await context.close();
    }
  }
}
await browser.close();
await fake.close();
