import assert from "node:assert/strict";
import { test } from "node:test";
import { harmless } from "../src/links.ts";

const cases: [name: string, link: string, want: string | null][] = [
  ["https", "https://example.org/a?b#c", "https://example.org/a?b#c"],
  ["http", "http://httpstat.us/418", "http://httpstat.us/418"],
  ["script", "javascript:alert(1)", null],
  ["script behind a space", " javascript:alert(1)", null],
  ["script in capitals with a tab", "JaVaScRiPt\t:alert(1)", null],
  ["file", "file:///etc/passwd", null],
  ["data", "data:text/html,<script>alert(1)</script>", null],
  ["blob", "blob:https://example.org/x", null],
  ["no scheme", "example.org", null],
  ["nothing", "", null],
];

for (const [name, link, want] of cases) {
  test(`a link of the sandbox: ${name}`, () => assert.equal(harmless(link), want));
}
