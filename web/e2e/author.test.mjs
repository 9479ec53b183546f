// What an author sees: the page follows the file. The lab of these tests teaches a directory of their own.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch, visit } from "./browser.mjs";
import { start } from "./lab.mjs";
import { prompt, shows, type, until } from "./watch.mjs";

let browser;
let lab;
let course;
let file;

const lesson = `---
title: Files
summary: Make files.
minutes: 5
panels: [processes]
terminals: [one]
---

Before the first step.

## Make one

The first words.

~~~exercise make-a
title: Make a
task: Make a file **/root/a**.
checks:
  - that: file("/root/a").exists
    say: There is no a yet.
hints: [The command is touch., touch /root/a]
~~~

~~~solution make-a one
touch /root/a
~~~

~~~wrong make-a one
touch /tmp/a
~~~

## Ask

~~~quiz first
question: Which is first?
choices:
  - {text: a, right: true}
  - {text: b}
~~~

## Write

~~~file /root/app/hello.go one
package main // "Hello", $HOME and \\

func main() {
	println("hello !world") // after a tab
}
~~~

${[3, 4, 5, 6, 7, 8].map((n) => `## Step ${n}\n\n${"More text, so that the page can be scrolled.\n\n".repeat(8)}`).join("")}
## Last

The last step.
`.replaceAll("~~~", "```");

before(async () => {
  course = await mkdtemp(join(tmpdir(), "glassbox-course-"));
  file = join(course, "01-files.md");
  await writeFile(join(course, "course.yaml"), "title: Files\ndescription: About files.\n");
  await writeFile(file, lesson);
  [browser, lab] = await Promise.all([launch(), start("--lessons", course)]);
});
after(async () => {
  await browser?.close();
  await lab?.stop();
  await rm(course, { recursive: true, force: true });
});

async function open() {
  await writeFile(file, lesson);
  const visited = await visit(browser, `${lab.url}/lessons/files`);
  await prompt(visited.page, "one");
  return visited;
}

/** save writes the file with a change, and returns the time in ms. */
async function save(from, to) {
  const text = await readFile(file, "utf8");
  assert.ok(text.includes(from), `the lesson has ${from}`);
  await writeFile(file, text.replace(from, to));
  return Date.now();
}

const paper = (page) => page.locator("[data-scroll]").first();
const says = (page, text) => until(async () => (await paper(page).innerText()).includes(text), `the page says ${text}`);

test("the page has the new text within a second of the save, and everything else stays", async () => {
  const { page, context, complaints } = await open();
  await type(page, "one", "word=kept; touch /root/a\n");
  await page.waitForSelector('[data-exercise="make-a"][data-state=passed]');
  const quiz = page.locator('[data-quiz="first"]');
  await quiz.locator("input[value='0']").check();
  await quiz.locator("button[type=submit]").click();
  await until(async () => /Right\./.test(await quiz.innerText()), "the answer is right");
  await page.locator("#last").scrollIntoViewIfNeeded();
  await paper(page).evaluate((e) => e.scrollTo({ top: e.scrollHeight, behavior: "instant" }));
  const top = () => page.locator("#last").evaluate((e) => Math.round(e.getBoundingClientRect().top));
  const before = await top();

  const saved = await save("The first words.", "Other words.\n\nAnd one more paragraph.");
  await says(page, "And one more paragraph.");
  const took = Date.now() - saved;
  console.log(`the page had the new text ${took} ms after the save`);
  assert.ok(!(await paper(page).innerText()).includes("The first words."), "the old words are gone");
  assert.ok(Math.abs((await top()) - before) <= 1, `the reader is where he was: ${before}, ${await top()}`);
  assert.match(await quiz.innerText(), /Right\./, "the answer stays");
  assert.equal(await page.getAttribute('[data-exercise="make-a"]', "data-state"), "passed");
  await type(page, "one", "echo $word-$((40+2))\n");
  await shows(page, "one", "kept-42");

  // The page was not loaded again: what stood on the terminal is what was drawn then.
  assert.equal(await page.evaluate(() => performance.getEntriesByType("navigation").length), 1);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("a box that runs is judged by what the exercise asks now", async () => {
  const { page, context } = await open();
  await save('file("/root/a").exists', 'file("/root/b").exists');
  await save("a file **/root/a**", "a file **/root/b**");
  await says(page, "Make a file /root/b.");
  await type(page, "one", "touch /root/a; ls /root/a\n");
  await shows(page, "one", "/root/a");
  const card = page.locator('[data-exercise="make-a"]');
  await card.locator("[data-check]").click();
  await until(async () => /Not yet: There is no a yet/.test(await card.innerText()), "a is not enough any more");
  await type(page, "one", "touch /root/b\n");
  await page.waitForSelector('[data-exercise="make-a"][data-state=passed]');
  await context.close();
});

test("a new exercise is judged in the box that runs", async () => {
  const { page, context } = await open();
  // The new text is slow, and the learner is not: the verdict is there before it.
  await page.route("**/lessons/files", async (route) => {
    const response = await route.fetch();
    await type(page, "one", "touch /root/c\n");
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await route.fulfill({ response });
  });
  await save(
    "## Last",
    '## New\n\n```exercise make-c\ntitle: Make c\ntask: Make c.\nchecks: [{that: file("/root/c").exists, say: no}]\nhints: [h]\n```\n\n## Last',
  );
  await page.waitForSelector('[data-exercise="make-c"][data-state=passed]');
  assert.match(await page.textContent("[data-progress-words]"), / of 2$/);
  assert.equal(await page.locator(".rail li").count(), 11, "the rail has the new step");
  const slips = page.locator("#slips");
  await until(
    async () => /01-files\.md:\d+: the exercise make-c has no solution/.test(await slips.innerText()),
    "what lint says",
  );
  await context.close();
});

test("a mistake is told on the page, with file and line, and the lesson stays as it was", async () => {
  const { page, context } = await open();
  const slips = page.locator("#slips");
  await save("title: Make a", "titel: Make a");
  await until(async () => /01-files\.md:16:1: unknown key titel/.test(await slips.innerText()), "what is wrong");
  assert.match(await slips.innerText(), /as it was before/);
  await says(page, "Make a file /root/a.");
  const other = await context.newPage();
  await other.goto(`${lab.url}/lessons/files`);
  await until(
    async () => /unknown key titel/.test(await other.locator("#slips").innerText()),
    "a page that comes later says so too",
  );
  await save("titel: Make a", "title: Make a");
  await until(async () => slips.isHidden(), "the page stops saying so");
  await context.close();
});

test("another need is told, and a restart gives the box that has it", async () => {
  const { page, context } = await open();
  await save("terminals: [one]", "terminals: [one, two]\nneeds: {memory: 128MiB}");
  const slips = page.locator("#slips");
  await until(async () => /now needs another box: 128 MiB of memory/.test(await slips.innerText()), "the need is told");
  await page.click("#tab-two");
  await prompt(page, "two"); // the new terminal is there, in the old box
  await slips.locator("button").click();
  await page.locator("dialog[open] [value=yes]").click();
  await until(async () => slips.isHidden(), "the new box has what is needed");
  await page.click("#tab-one");
  await prompt(page, "one");
  await context.close();
});

test("Write it writes the file, to the byte", async () => {
  const { page, context } = await open();
  await page.locator("figure.file [data-write]").click();
  await shows(page, "one", "after a tab");
  await type(page, "one", "clear; cat -A /root/app/hello.go\n");
  await shows(page, "one", 'package main // "Hello", $HOME and \\$');
  await shows(page, "one", '^Iprintln("hello !world") // after a tab$');
  await context.close();
});
