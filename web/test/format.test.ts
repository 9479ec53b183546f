import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, count, duration, freshName, ofBytes, ofDownload, pathEnd, percent, shortIds } from "../src/format.ts";
import { ceiling } from "../src/panels/memory.ts";
import { Letters } from "../src/panels/namespaces.ts";
import { parse } from "../src/protocol.ts";

test("bytes have at most four characters, and a unit", () => {
  const cases: [number, [string, string]][] = [
    [0, ["0", "B"]],
    [1023, ["1023", "B"]],
    [98304, ["96", "KiB"]],
    [26931, ["26.3", "KiB"]],
    [73 * 1024 ** 2, ["73", "MiB"]],
    [1.5 * 1024 ** 3, ["1.5", "GiB"]],
    [2 ** 50, ["1024", "TiB"]],
  ];
  for (const [n, want] of cases) assert.deepEqual(bytes(n), want);
});

test("an amount of a limit names a shared unit once", () => {
  assert.equal(ofBytes(25 * 1024, 96 * 1024), "25 / 96\u00a0KiB");
  assert.equal(ofBytes(900, 96 * 1024), "900\u00a0B / 96\u00a0KiB");
  assert.equal(ofBytes(614 * 1024, null), "614\u00a0KiB");
});

test("a download, and how long something takes", () => {
  assert.equal(ofDownload(6_240_000, 10_400_000), "6.2 of 10\u00a0MB");
  assert.equal(ofDownload(0, 1_400_000), "0.0 of 1.4\u00a0MB");
  assert.equal(ofDownload(12_800, 12_800), "13 of 13\u00a0kB");
  assert.equal(duration(0.9), "0\u00a0s");
  assert.equal(duration(59.99), "59\u00a0s");
  assert.equal(duration(72), "1\u00a0min 12\u00a0s");
});

test("ids as docker ps has them, and the end of a path", () => {
  const id = "7b5a40960130727ae3debca4f550939a5a9502d34cd14eedd34294ed5732bb34";
  assert.equal(
    shortIds(`conmon -c ${id} -b /run/${id}/userdata`),
    "conmon -c 7b5a40960130 -b /run/7b5a40960130/userdata",
  );
  assert.equal(shortIds(`${id}0 x${id}`), `${id}0 x${id}`);
  assert.equal(pathEnd(shortIds(`/libpod_parent/libpod-${id}`), 16), "…/libpod-7b5a40960130");
  assert.equal(pathEnd("/demo/child", 16), "/demo/child");
  assert.equal(pathEnd("/a-group-with-a-long-name", 16), "/a-group-with-a-long-name");
});

test("other numbers", () => {
  assert.equal(count(1234567), "1\u202f234\u202f567");
  assert.equal(percent(0.2), "20\u00a0%");
  assert.equal(percent(0.013), "1.3\u00a0%");
  assert.equal(percent(0), "0\u00a0%");
});

test("a new terminal gets the first number word that is free", () => {
  assert.equal(freshName(new Set(["one", "two"])), "three");
  assert.equal(freshName(new Set(["shell"])), "one");
});

test("namespaces keep their letters, kind by kind", () => {
  const l = new Letters();
  assert.equal(l.letter("net", 7), "a");
  assert.equal(l.letter("uts", 9), "a");
  assert.equal(l.letter("net", 8), "b");
  assert.equal(l.letter("net", 7), "a");
  const pids = Array.from({ length: 26 }, (_, n) => l.letter("pid", n));
  assert.equal(pids.indexOf("h"), -1, "h is the host's");
  assert.equal(new Set(pids).size, 26);
});

test("the chart's ceiling leaves room above the limit, and does not follow every byte", () => {
  const limit = 96 * 1024;
  assert.ok(ceiling(limit, 50_000) > limit);
  assert.equal(ceiling(limit, 50_000), ceiling(limit, 51_000));
  assert.ok(ceiling(2 ** 40, 1_000_000) < 2 ** 22, "a limit far away does not flatten the course");
});

test("a frame that is no message is nothing", () => {
  for (const text of ["", "{", "null", "3", '"x"', '{"a":1}', '{"type":3}']) assert.equal(parse(text), null, text);
  assert.deepEqual(parse('{"type":"exit","status":0}'), { type: "exit", status: 0 });
});
