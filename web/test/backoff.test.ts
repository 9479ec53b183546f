import assert from "node:assert/strict";
import { test } from "node:test";
import { backoff } from "../src/backoff.ts";

test("the first attempt comes at once, later ones with growing pauses, none later than ten seconds", () => {
  assert.equal(backoff(0), 0);
  const most = [1, 2, 3, 4, 5, 6, 7, 8, 20].map((n) => backoff(n, () => 1));
  assert.deepEqual(most, [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]);
});

test("half of a pause is random", () => {
  assert.equal(
    backoff(3, () => 0),
    500,
  );
  assert.equal(
    backoff(3, () => 0.5),
    750,
  );
});
