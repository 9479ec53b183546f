import assert from "node:assert/strict";
import { after, before, mock, test } from "node:test";
import { Making } from "../src/making.ts";
import type { Task } from "../src/protocol.ts";
import { Page } from "./page.ts";

const page = new Page();
before(() => page.open());
after(() => page.close());

/** rows are what a Making shows: of each task its words, and its bar as [value, max, label, text]. */
const rows = (making: Making): [string, (string | null)[]][] =>
  page.all("task", making.element).map((task) => {
    const bar = page.one("progress", task);
    const of = (name: string): string | null => bar.getAttribute(name);
    return [page.text(task), [of("value"), of("max"), of("aria-label"), of("aria-valuetext")]];
  });
const image: Task = { name: "making image nginx", done: 3, total: 12, unit: "images", took: 40 };
const download: Task = {
  name: "downloading Debian packages",
  done: 34_100_000,
  total: 151_300_000,
  unit: "bytes",
  took: 4,
};

test("a task whose end is known has a bar, with the same words for a screen reader", () => {
  const making = new Making();
  making.tell([image, download]);
  assert.deepEqual(rows(making), [
    ["Making image nginx|3 of 12 images", ["3", "12", "Making image nginx", "3 of 12 images"]],
    [
      "Downloading Debian packages|34 of 151\u00a0MB",
      ["34100000", "151300000", "Downloading Debian packages", "34 of 151\u00a0MB"],
    ],
  ]);
  making.tell([{ ...image, done: 4 }]);
  assert.deepEqual(rows(making), [
    ["Making image nginx|4 of 12 images", ["4", "12", "Making image nginx", "4 of 12 images"]],
  ]);
  making.tell([]);
  assert.deepEqual(rows(making), []);
});

test("of a task whose end nobody knows it says how long it takes, and invents nothing", () => {
  let tick = (): void => {};
  const now = mock.method(performance, "now", () => 0);
  mock.method(globalThis, "setInterval", (act: () => void) => {
    tick = act;
    return setTimeout(() => {});
  });
  try {
    const making = new Making();
    making.tell([{ name: "installing packages", done: 0, took: 58 }]);
    assert.deepEqual(rows(making), [
      ["Installing packages|58\u00a0s", [null, null, "Installing packages", "58\u00a0s"]],
    ]);
    now.mock.mockImplementation(() => 4000);
    tick();
    assert.equal(rows(making)[0]?.[0], "Installing packages|1\u00a0min 2\u00a0s", "and goes on by itself");
    making.tell([]);
    assert.deepEqual(rows(making), []);
  } finally {
    mock.restoreAll();
  }
});

test("a bar keeps its element while it grows, and never overflows", () => {
  const making = new Making();
  making.tell([download]);
  const bar = page.one("progress", making.element);
  making.tell([{ ...download, done: 200_000_000 }]);
  assert.equal(page.one("progress", making.element), bar);
  assert.equal(bar.getAttribute("value"), bar.getAttribute("max"));
});
