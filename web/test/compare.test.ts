import assert from "node:assert/strict";
import { test } from "node:test";
import { type Cell, Choice, compare } from "../src/panels/compare.ts";

const text = (t: string, note?: string): Cell =>
  note === undefined ? { text: t, list: null } : { text: t, note, list: null };
const set = (...list: string[]): Cell => ({ text: String(list.length), list });

test("what is said is compared, and what is noted is not", () => {
  assert.deepEqual(compare(text("its own", "4026532501"), text("its own", "4026532601")), {
    same: true,
    onlyLeft: [],
    onlyRight: [],
  });
  assert.equal(compare(text("its own"), text("the box’s")).same, false);
});

test("sets are compared member by member", () => {
  assert.deepEqual(compare(set("CHOWN", "KILL"), set("KILL", "SETUID")), {
    same: false,
    onlyLeft: ["CHOWN"],
    onlyRight: ["SETUID"],
  });
  assert.ok(compare(set("a", "b"), set("b", "a")).same, "in whatever order");
  assert.ok(compare(set(), set()).same);
});

test("a side keeps to what was chosen while that is there", () => {
  const all = [{ pid: 1 }, { pid: 7 }, { pid: 9 }];
  const choice = new Choice();
  assert.equal(choice.of(all, 7)?.pid, 7);
  choice.choose(9, 7);
  assert.equal(choice.of(all, 1)?.pid, 9, "another proposal changes nothing");
  assert.equal(choice.of(all.slice(0, 2), 1)?.pid, 1, "it has ended");
  assert.equal(choice.of(all, 7)?.pid, 7, "its pid may be somebody else's now");
  choice.choose(7, 7);
  assert.equal(choice.of(all, 1)?.pid, 1, "who chooses what is proposed follows the proposal");
  assert.equal(choice.of([], 1), undefined);
});
