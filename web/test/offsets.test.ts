import assert from "node:assert/strict";
import { test } from "node:test";
import { Offsets } from "../src/offsets.ts";

test("the screen is acknowledged at once when it has caught up", () => {
  const o = new Offsets(100);
  assert.equal(o.attached(0), true);
  const end = o.take(10);
  assert.equal(o.drew(end), 10);
  assert.equal(o.acknowledge(), null, "there is nothing new to say");
});

test("while more is under way, an acknowledgement covers many bytes", () => {
  const o = new Offsets(100);
  o.attached(0);
  const ends = [o.take(40), o.take(40), o.take(40), o.take(40)];
  assert.deepEqual(
    ends.map((end) => o.drew(end)),
    [null, null, 120, 160],
  );
});

test("a new connection asks for what was not received, drawn or not", () => {
  const o = new Offsets(100);
  o.attached(0);
  const first = o.take(30);
  o.take(30);
  o.drew(first);
  assert.equal(o.received, 60);
  assert.equal(o.attached(60), true, "the server goes on where we are");
  assert.equal(o.drew(60), 60, "what was drawn after the drop is acknowledged to the new connection");
});

test("acknowledgements never go back", () => {
  const o = new Offsets(1);
  o.attached(0);
  const a = o.take(5);
  const b = o.take(5);
  assert.equal(o.drew(b), 10);
  assert.equal(o.drew(a), null);
  assert.equal(o.drawn, 10);
});

test("a server that no longer has our place makes us begin anew", () => {
  const o = new Offsets(100);
  o.attached(0);
  o.drew(o.take(50));
  assert.equal(o.attached(4096), false, "bytes are missing");
  assert.equal(o.received, 4096);
  assert.equal(o.drew(o.take(10)), 4106);
  assert.equal(o.attached(0), false, "another shell");
  assert.equal(o.drew(o.take(7)), 7);
});

// A model: whatever the frames, the drawing and the drops, every byte is asked for exactly once, and in order.
test("no byte is lost or doubled over a thousand drops", () => {
  let seed = 42;
  const random = (below: number): number => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return seed % below;
  };
  const written = 1_000_000;
  const o = new Offsets(4096);
  let at = 0; // what the server sends next
  let undrawn: number[] = [];
  let acked = 0;
  const seen: [from: number, to: number][] = [];
  const connect = (): void => {
    at = o.received;
    assert.equal(o.attached(at), true);
  };
  connect();
  let drops = 0;
  while (at < written) {
    const dice = random(10);
    if (dice === 0 && drops < 1000) {
      drops++;
      connect(); // frames that were under way are gone
    } else if (dice < 6) {
      const n = Math.min(1 + random(900), written - at);
      if (random(20) === 0) {
        at += n; // sent, and lost with the connection
        connect();
        continue;
      }
      seen.push([at, at + n]);
      at += n;
      undrawn.push(o.take(n));
    } else {
      for (const end of undrawn.splice(0, 1 + random(3))) {
        const ack = o.drew(end);
        if (ack === null) continue;
        assert.ok(ack >= acked && ack <= o.received, `acknowledged ${ack} after ${acked}, received ${o.received}`);
        acked = ack;
      }
    }
  }
  for (const end of undrawn) acked = o.drew(end) ?? acked;
  undrawn = [];
  let next = 0;
  for (const [from, to] of seen) {
    assert.equal(from, next);
    next = to;
  }
  assert.equal(next, written);
  assert.equal(acked, written);
});
