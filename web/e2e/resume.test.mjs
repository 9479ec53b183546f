// What a bad network does to a terminal, in a real browser, against the toy server of fixture/, which misbehaves on
// command.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { start } from "../fixture/fake.mjs";
import { launch, visit } from "./browser.mjs";
import { until } from "./watch.mjs";

let browser;
let fake;
let page;
let context;

before(async () => {
  [browser, fake] = await Promise.all([launch(), start()]);
});
after(async () => {
  await browser?.close();
  await fake?.close();
});
beforeEach(async () => {
  fake.shells.clear();
  fake.requests.length = 0;
  fake.posts.length = 0;
  fake.refusing = false;
  fake.slow = false;
  fake.starting = null;
  fake.box = { type: "box", state: "ready", id: "b1", hostname: "teal-otter" };
  ({ page, context } = await visit(browser, `${fake.url}/lessons/control-groups`));
  await shows("root@teal-otter");
});
afterEach(() => context.close());

const shell = () => fake.shells.get("one");
const screen = () => page.locator("#terminal-one .xterm-accessibility-tree");
const words = () => page.textContent("[data-connection]");

const shows = (text) => until(async () => (await screen().innerText()).includes(text), `the screen shows ${text}`);
const type = async (text) => {
  await page.locator("#terminal-one .xterm-helper-textarea").focus();
  await page.keyboard.type(text);
};

test("a lesson that is loaded again, or come back to, is where it was left", async () => {
  const exercise = page.locator("#exercise-limit-memory");
  const top = () => exercise.evaluate((e) => e.getBoundingClientRect().top);
  await exercise.evaluate((e) => e.scrollIntoView({ block: "start", behavior: "instant" }));
  const was = await top();
  const there = async () => Math.abs((await top()) - was) < 3;
  const off = async () => `the exercise is at ${was} again; it is at ${await top()}`;
  await page.reload();
  await until(there, off);
  await page.goto(`${fake.url}/`);
  await page.goBack();
  await until(there, off);
  await page.goto(`${fake.url}/lessons/control-groups`);
  assert.ok(!(await there()), "who opens it anew begins at the top");
});

test("output goes on where it was cut, without a byte lost or doubled", async () => {
  await type("echo before\r");
  await shows("before");
  fake.refusing = true;
  fake.drop();
  await until(async () => /lost/.test(await words()), "the page says that the connection is lost");
  shell().print("\r\nwhile-away");
  fake.refusing = false;
  await shows("while-away");
  await until(async () => (await words()) === "", "the page stops saying so");
  const text = await screen().innerText();
  assert.equal(text.split("echo before").length - 1, 1, "what was there before is there once");
  assert.equal(text.split("while-away").length - 1, 1);
  await until(() => shell().acked === shell().output.length, "all that is drawn is acknowledged");
});

test("what was typed while the connection was away arrives once it is back", async () => {
  fake.refusing = true;
  fake.drop();
  await until(async () => /lost/.test(await words()), "the page notices");
  await type("echo patience\r");
  fake.refusing = false;
  await until(() => shell().typed.includes("echo patience\r"), "the shell gets it");
  assert.equal(shell().typed.split("patience").length - 1, 1);
});

test("what is typed into a new tab before its shell is there arrives, in order, once it is", async () => {
  fake.slow = true;
  await page.click("[data-new-terminal]");
  await page.keyboard.type("echo first\r");
  await until(() => fake.requests.some((r) => r.type === "open" && r.name === "three"), "a shell is asked for");
  await page.keyboard.type("echo second\r");
  fake.open("three");
  await until(() => fake.shells.get("three").typed.includes("second\r"), "the shell gets it");
  await page.keyboard.type("echo third\r");
  await until(() => fake.shells.get("three").typed.includes("third\r"), "and what is typed then");
  assert.equal(fake.shells.get("three").typed, "echo first\recho second\recho third\r");
});

test("what is typed while a box is built anew goes to its shell; what was for the old one's does not", async () => {
  const open = () => fake.requests.filter((r) => r.type === "open" && r.name === "one").length;
  fake.refusing = true;
  shell().viewers.forEach((v) => {
    v.terminate();
  });
  await until(async () => /lost/.test(await words()), "the terminal's connection is away");
  await type("echo old\r");
  fake.slow = true;
  fake.shells.clear();
  fake.setBox({ state: "building" });
  await until(() => page.locator("[data-box-overlay]").isVisible(), "the box is being built");
  await page.keyboard.type("echo building\r");
  await page.locator("figure.run", { hasText: "Run a subshell" }).first().locator("[data-run]").click();
  const before = open();
  fake.refusing = false;
  fake.setBox({ state: "ready", id: "b2", hostname: "amber-finch" });
  await until(() => open() > before, "its shell is asked for");
  await page.keyboard.type("echo ready\r");
  fake.open("one");
  await until(() => shell()?.typed.includes("ready\r"), "the shell gets it");
  assert.match(shell().typed, /^echo building\rsh .*\rls .*\recho ready\r$/);
});

test("of what is typed ahead 64 KiB are kept", async () => {
  fake.slow = true;
  await page.click("[data-new-terminal]");
  const paste = (text) =>
    page.locator("#terminal-three .xterm-helper-textarea").evaluate((area, text) => {
      const clipboardData = new DataTransfer();
      clipboardData.setData("text/plain", text);
      area.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
    }, text);
  await paste("x".repeat(65_535));
  await paste("yz");
  fake.open("three");
  await until(() => fake.shells.get("three").typed.length >= 65_536, "the shell gets it");
  await page.keyboard.type("!");
  await until(() => fake.shells.get("three").typed.endsWith("!"), "and what is typed then");
  assert.equal(fake.shells.get("three").typed, `${"x".repeat(65_535)}y!`);
});

test("a shell that cannot be had: the terminal says why, forgets what was typed, and can try again", async () => {
  fake.slow = true;
  await page.click("[data-new-terminal]");
  await page.keyboard.type("echo lost\r");
  fake.tell({ type: "error", say: "This box has 8 shells already.", terminal: "three" });
  const notice = page.locator("#terminal-three .shell-notice");
  await until(async () => /8 shells/.test(await notice.innerText()), "the reason");
  await page.keyboard.type("echo lost\r");
  fake.slow = false;
  await notice.locator("button").click();
  await until(() => fake.shells.has("three"), "a shell is asked for again");
  await page.keyboard.type("echo found\r");
  await until(() => fake.shells.get("three").typed.includes("found\r"), "it takes what is typed");
  assert.equal(fake.shells.get("three").typed, "echo found\r");
});

test("a flood is acknowledged as it is drawn, to its last byte", async () => {
  await type("flood 600\r"); // 600 KiB
  await until(
    () => shell().acked === shell().output.length && shell().acked > 600_000,
    "the last byte is acknowledged",
  );
});

test("a reload shows what the shell said, and answers none of its old questions", async () => {
  await type("ask\r"); // where is the cursor? what are you?
  await until(() => /\[\d+;\d+R/.test(shell().typed), "a question is answered while somebody types");
  await type("\recho kept\r");
  await shows("kept");
  const typed = shell().typed;
  await page.reload();
  await shows("kept");
  await until(() => shell().acked === shell().output.length, "the old output is drawn");
  assert.equal(shell().typed, typed, "nothing was sent by drawing it again");
});

test("the page is as large as the window and does not scroll", async () => {
  const spare = await page.evaluate(() => {
    const { scrollWidth, clientWidth, scrollHeight, clientHeight } = document.documentElement;
    return [scrollWidth - clientWidth, scrollHeight - clientHeight];
  });
  assert.deepEqual(spare, [0, 0]);
});

test("the size of the window is told, and told again to a new connection", async () => {
  await until(() => shell().size?.cols > 20, "the size is told");
  const { rows, cols } = shell().size;
  shell().size = undefined;
  fake.drop();
  await until(() => shell().size !== undefined, "the size is told again");
  assert.deepEqual({ rows: shell().size.rows, cols: shell().size.cols }, { rows, cols });
});

test("terminals stand side by side, or one in front", async () => {
  const visible = () => page.locator(".xterm-screen:visible").count();
  await until(async () => (await visible()) === 2, "two side by side");
  await page.click("[data-split]");
  await until(async () => (await visible()) === 1, "one in front");
  await page.click("#tab-two");
  await until(() => page.locator("#terminal-two .xterm-screen").isVisible(), "the other one");
  assert.ok(await page.evaluate(() => document.activeElement.closest("#terminal-two") !== null), "it has the focus");
  await page.click("[data-new-terminal]");
  await until(() => fake.shells.has("three"), "a third shell");
  await until(() => page.locator("#terminal-three .xterm-screen").isVisible(), "the third one in front");
  await page.keyboard.type("hello");
  await until(() => fake.shells.get("three").typed === "hello", "typing goes there");
});

test("a shell that ends says so, and is replaced under its name", async () => {
  const first = shell().id;
  await type("exit\r");
  const notice = page.locator("#terminal-one .shell-notice");
  await until(async () => /has ended/.test(await notice.innerText()), "the notice");
  await notice.locator("button").click();
  await until(() => shell().id !== first, "a new shell");
  await type("echo anew\r");
  await shows("anew");
});

test("Run types a block into its terminal and opens it if need be", async () => {
  const block = page.locator("figure.run", { hasText: "Run a subshell" }).first();
  await block.locator("[data-run]").click();
  await until(() => shell().typed.includes("# Run a command\r"), "the lines are typed");
  assert.match(shell().typed, /^sh .*\rls .*\r$/);
  assert.ok(
    await page.evaluate(() => document.activeElement.closest("#terminal-one") !== null),
    "the terminal has the focus",
  );
});

test("Write types a file in one piece and its Enter, also on a phone whose terminals were never shown", async () => {
  const phone = await visit(browser, `${fake.url}/lessons/builds`, { viewport: { width: 390, height: 844 } });
  await until(() => shell()?.viewers.size > 0, "the shell is attached");
  shell().print("\x1b[?2004h");
  await until(() => shell().acked === shell().output.length, "the terminal has taken it");
  await phone.page.locator("[data-write]").first().click();
  await until(() => /\r$/.test(shell().typed), "the Enter");
  assert.match(shell().typed.replaceAll("\x1b", "ESC"), /^ESC\[200~[^\n]*cat > [^\n]+ESC\[201~\r$/);
  assert.deepEqual(phone.complaints, []);
  await phone.context.close();
});

test("only panels on the screen are watched, and none in a hidden tab", async () => {
  const watched = () => fake.requests.filter((r) => r.type === "watch").at(-1)?.panels;
  await until(() => watched()?.includes("memory"), "memory is watched");
  await page.click(".chip[data-panel=memory]");
  await until(() => !watched().includes("memory"), "a closed panel is not");
  await page.click(".chip[data-panel=capabilities]");
  await until(() => watched().includes("capabilities"), "an opened one is");
  await page.reload();
  await until(() => watched()?.includes("cgroups") && !watched().includes("memory"), "what is open is remembered");
});

test("the keyboard leaves the terminal and comes back", async () => {
  await page.locator("#terminal-one .xterm-helper-textarea").focus();
  const region = () => page.evaluate(() => document.activeElement.closest(".region")?.id);
  await page.keyboard.press("F6");
  assert.equal(await region(), "panels");
  await page.keyboard.press("F6");
  assert.equal(await region(), "lesson");
  await page.keyboard.press("F6");
  assert.equal(await region(), "terminals");
  await page.keyboard.press("Control+Shift+Period");
  assert.equal(await region(), "panels");
  await page.locator("#terminal-one .xterm-helper-textarea").focus();
  await page.keyboard.press("Tab");
  assert.equal(await region(), "terminals", "Tab belongs to the shell");
  await until(() => shell().typed.endsWith("\t"), "the shell gets the Tab");
  await page.focus("#gutter-x");
  const before = await page.getAttribute("#gutter-x", "aria-valuenow");
  await page.keyboard.press("ArrowRight");
  assert.equal(Number(await page.getAttribute("#gutter-x", "aria-valuenow")), Number(before) + 2);
});

test("links: http is followed, a script is not", async () => {
  await type("links\r");
  await shows("good");
  let opened = 0;
  context.on("page", (p) => {
    opened++;
    void p.close();
  });
  const row = page.locator("#terminal-one .xterm-screen");
  const box = await row.boundingBox();
  const lines = (await screen().innerText()).split("\n");
  const at = lines.findIndex((l) => l.includes("https://example.org/x bad good"));
  const cell = await page.evaluate(() => {
    const s = document.querySelector("#terminal-one .xterm-screen").getBoundingClientRect();
    return s.height;
  });
  const height = cell / shell().size.rows;
  const width = box.width / shell().size.cols;
  const hover = page.locator("#terminal-one .link-hover");
  const click = async (column, words) => {
    const where = [box.x + (column + 0.5) * width, box.y + (at + 0.5) * height];
    await page.mouse.move(...where);
    await until(async () => (await hover.textContent()) === words, `the pointer rests on ${words || "no link"}`);
    await page.mouse.click(...where);
  };
  const bad = "https://example.org/x ".length + 1;
  const good = bad + "bad ".length;
  await click(good, "https://example.org/y");
  await until(() => opened === 1, "the good link opens");
  await click(bad, "");
  await click(good, "https://example.org/y");
  await until(() => opened >= 2, "the good link opens again");
  assert.equal(opened, 2, "the script is inert");
});

test("a box that could not be built says why and can be tried again", async () => {
  fake.setBox({ state: "failed", error: "idmap lower: this kernel has no id-mapped mounts" });
  const overlay = page.locator("[data-box-overlay]");
  await until(async () => /id-mapped mounts/.test(await overlay.innerText()), "the reason");
  await overlay.locator("button").click();
  await until(() => fake.posts.includes("/lessons/control-groups/restart"), "the restart");
  fake.shells.clear();
  fake.setBox({ state: "building" });
  fake.setBox({ state: "ready", id: "b2", hostname: "amber-finch" });
  await until(async () => (await page.textContent("[data-box-words]")) === "amber-finch", "the new name");
  assert.ok(await overlay.isHidden());
  await shows("root@teal-otter");
});

test("a box that waits shows how far what it needs is, and goes on by itself", async () => {
  const overlay = page.locator("[data-box-overlay]");
  const bar = overlay.locator("progress");
  const say = "The lab makes the layer docker for this lesson.";
  const image = { name: "making image nginx", done: 3, total: 12, unit: "images", took: 8 };
  fake.setBox({ state: "waiting", say, tasks: [image, { name: "installing packages", done: 0, took: 61 }] });
  await until(async () => /3 of 12 images/.test(await overlay.innerText()), "how many images are made");
  const seconds = async () => Number(/Installing packages\s+1\smin (\d+)\ss/.exec(await overlay.innerText())?.[1]);
  const before = await seconds();
  assert.ok(before >= 1, "how long it takes");
  assert.equal(await bar.locator("visible=true").count(), 1, "what nobody can count has no bar");
  const progress = page.getByRole("progressbar", { name: "Making image nginx" });
  assert.equal(await progress.evaluate((b) => b.position), 3 / 12);
  assert.equal(await progress.getAttribute("aria-valuetext"), "3 of 12 images");
  await until(async () => (await seconds()) > before, "time goes on");
  fake.setBox({ state: "waiting", say, tasks: [{ ...image, done: 4 }] });
  await until(async () => /4 of 12 images/.test(await overlay.innerText()), "one more");
  assert.equal(await bar.count(), 1);
  fake.refusing = true;
  fake.drop();
  await until(
    async () => /does not answer/.test(await overlay.innerText()),
    "what it says may be old, so it is not said",
  );
  assert.equal(await bar.count(), 0);
  fake.refusing = false;
  await until(async () => /4 of 12 images/.test(await overlay.innerText()), "the lab is back");
  fake.setBox({ state: "building" });
  fake.setBox({ state: "ready", id: "b2", hostname: "amber-finch" });
  await until(async () => overlay.isHidden(), "the box is there");
  await type("echo at-last\r");
  await shows("at-last");
});

test("a page that is opened while the lab starts shows how far that is, and turns into what was asked for", async () => {
  fake.starting = [{ name: "unpacking", done: 7, total: 89, unit: "packages", took: 1 }];
  await page.goto(`${fake.url}/lessons/control-groups`);
  const bar = page.getByRole("progressbar", { name: "Unpacking" });
  await until(async () => (await bar.getAttribute("aria-valuetext")) === "7 of 89 packages", "how far it is");
  fake.starting = [{ name: "unpacking", done: 8, total: 89, unit: "packages", took: 1 }];
  await until(async () => (await bar.getAttribute("aria-valuetext")) === "8 of 89 packages", "one more");
  fake.starting = null;
  await shows("root@teal-otter");
});

test("wipe asks first, and says what is lost", async () => {
  await page.click("#box summary");
  await page.click("[data-verb=wipe]");
  const dialog = page.locator("dialog[open]");
  assert.match(await dialog.innerText(), /passed exercises/);
  await page.keyboard.press("Escape");
  assert.deepEqual(fake.posts, []);
  const focused = () => page.evaluate(() => document.activeElement.matches("#box summary"));
  await until(focused, "the focus is where the menu is");
  await page.click("#box summary");
  await page.click("[data-verb=wipe]");
  await dialog.locator("[value=yes]").click();
  await until(() => fake.posts.includes("/lessons/control-groups/wipe"), "the wipe");
});

test("a verdict appears in the page by itself, once", async () => {
  fake.tell({ type: "verdict", exercise: "draw-the-line", status: "not-yet", by: "watch", say: "There is no group." });
  fake.tell({ type: "progress", passed: ["draw-the-line"], total: 7 });
  fake.tell({ type: "verdict", exercise: "draw-the-line", status: "passed", by: "watch" });
  await until(async () => (await page.getAttribute("#exercise-draw-the-line", "data-state")) === "passed", "the tick");
  assert.equal(await page.textContent("[data-progress-words]"), "1 of 7");
  assert.match(await page.textContent("#announcer"), /passed/);
  assert.ok(
    !(await page.textContent("#exercise-draw-the-line")).includes("There is no group"),
    "the watcher does not nag",
  );
});

const wrong = { type: "prediction", predict: "who-dies", value: "0", outcome: "wrong", got: "2" };

test("a prediction marks what was said and what the kernel showed, again after a reload", async () => {
  const choices = page.locator("[data-predict=who-dies] .choice");
  const outcomes = () =>
    choices.evaluateAll((all) => all.map((c) => c.querySelector(".choice-outcome")?.innerText ?? ""));
  const marks = async (want) =>
    until(
      async () => JSON.stringify(await outcomes()) === JSON.stringify(want),
      async () => `the choices are marked ${want}; they are marked ${await outcomes()}`,
    );
  fake.tell(wrong);
  await marks(["your prediction", "", "what the kernel showed"]);
  await page.reload();
  await shows("root@teal-otter");
  fake.tell(wrong);
  await marks(["your prediction", "", "what the kernel showed"]);
  assert.ok(await choices.nth(0).locator("input").isChecked());
  fake.tell({ ...wrong, value: "2", outcome: "right" });
  await marks(["", "", "your prediction, and what the kernel showed"]);
});

test("nothing to complain of for a screen reader, light or dark", async () => {
  const axe = await readFile(new URL("../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
  for (const colorScheme of ["light", "dark"]) {
    for (const path of ["/", "/lessons/control-groups", "/nothing", "/starting"]) {
      fake.starting = path === "/starting" ? [{ name: "unpacking", done: 7, total: 89, took: 1 }] : null;
      const { page, context } = await visit(browser, fake.url + path, { colorScheme, reducedMotion: "reduce" }); // no colour is on its way
      if (path.startsWith("/lessons")) {
        await page.evaluate(() => {
          for (const chip of document.querySelectorAll(".chip[aria-pressed=false]")) chip.click();
        });
        await until(
          async () => (await page.locator(".panel[data-waiting]:visible").count()) <= 6,
          "the panels in sight are drawn",
        );
        fake.tell(wrong);
        await until(async () => (await page.locator(".choice-outcome").count()) === 2, "the prediction is marked");
      }
      await page.evaluate(axe);
      const found = await page.evaluate(() => window.axe.run());
      const words = found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).join(", ")}`);
      assert.deepEqual(words, [], `${path}, ${colorScheme}`);
      await context.close();
    }
  }
});

test("processes with long commands and groups fit a narrow panel", async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.click("[data-tab-button=panels]");
  const panel = page.locator(".panel-processes");
  await panel.scrollIntoViewIfNeeded();
  const row = panel.locator("tbody tr", { hasText: "…/libpod-7b5a40960130" });
  await until(async () => (await row.count()) === 1, "the container's process is shown, with a short id");
  assert.match(await row.innerText(), /while true; do sleep 1000; done/);
  const over = await panel.locator(".panel-body").evaluate((b) => b.scrollWidth - b.clientWidth);
  assert.equal(over, 0, "all columns are in sight");
  const cut = await row.locator(".wide-cell").evaluate((c) => c.scrollWidth - c.clientWidth);
  assert.equal(cut, 0, "and all of the command");
});

test("find shows where a word stands", async () => {
  await type("echo needle; echo needle\r");
  await shows("needle");
  await page.keyboard.press("Control+Shift+KeyF");
  await page.keyboard.type("needle");
  await until(async () => /of \d/.test(await page.textContent(".find-words")), "the count");
  await page.keyboard.press("Escape");
  assert.ok(await page.evaluate(() => document.activeElement.closest("#terminal-one") !== null));
});

test("a graphics processor draws, where there is one, and only after the first output", async () => {
  const other = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const drawn = await other.newPage();
  await drawn.addInitScript(() => {
    // This machine has none, and WebGL says so; it works all the same.
    const ask = WebGL2RenderingContext.prototype.getParameter;
    WebGL2RenderingContext.prototype.getParameter = function (name) {
      const answer = ask.call(this, name);
      return typeof answer === "string" && /swiftshader|llvmpipe/i.test(answer) ? "a graphics processor" : answer;
    };
    localStorage.setItem("glassbox:screen-reader", "true");
  });
  await drawn.goto(`${fake.url}/lessons/control-groups`);
  const pane = drawn.locator("#terminal-one");
  await until(async () => (await pane.getAttribute("data-renderer")) === "webgl", "WebGL draws");
  assert.ok(await pane.locator("canvas").first().isVisible());
  await until(
    async () => (await pane.locator(".xterm-accessibility-tree").innerText()).includes("root@"),
    "the prompt",
  );
  assert.equal(await page.getAttribute("#terminal-one", "data-renderer"), "dom", "without one, elements draw");
  await other.close();
});
