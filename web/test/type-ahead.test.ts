import assert from "node:assert/strict";
import { test } from "node:test";
import { TypeAhead } from "../src/type-ahead.ts";

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** delivered is all that is handed over, as text, when so many pieces are taken. */
function delivered(ahead: TypeAhead, pieces = Number.POSITIVE_INFINITY): string {
  let text = "";
  ahead.deliver((piece) => {
    if (pieces-- <= 0) return false;
    text += new TextDecoder().decode(piece);
    return true;
  });
  return text;
}

test("what is typed ahead is delivered once, in order", () => {
  const ahead = new TypeAhead();
  assert.ok(ahead.empty);
  for (const key of "echo patience\r") ahead.keep(bytes(key));
  assert.ok(!ahead.empty);
  assert.equal(delivered(ahead), "echo patience\r");
  assert.ok(ahead.empty);
  assert.equal(delivered(ahead), "");
});

test("what is refused stays, in front of what comes later", () => {
  const ahead = new TypeAhead();
  for (const word of ["one ", "two ", "three "]) ahead.keep(bytes(word));
  assert.equal(delivered(ahead, 1), "one ");
  ahead.keep(bytes("four"));
  assert.equal(delivered(ahead), "two three four");
});

test("64 KiB are kept, to the last byte, and of what comes later nothing until there is room", () => {
  const ahead = new TypeAhead();
  ahead.keep(bytes("a".repeat(65_000)));
  ahead.keep(bytes(`${"b".repeat(536)}c`));
  ahead.keep(bytes("d"));
  assert.equal(delivered(ahead), "a".repeat(65_000) + "b".repeat(536));
  ahead.keep(bytes("e"));
  assert.equal(delivered(ahead), "e");
});

test("what was for a shell that is gone is forgotten", () => {
  const ahead = new TypeAhead();
  ahead.keep(bytes("rm -r old"));
  ahead.clear();
  assert.ok(ahead.empty);
  ahead.keep(bytes("ls"));
  assert.equal(delivered(ahead), "ls");
});
