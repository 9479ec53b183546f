import assert from "node:assert/strict";
import { test } from "node:test";
import { Changes } from "../src/changes.ts";

test("a field has changed if it is named, or something that it is a part of", () => {
  const changes = new Changes(["groups./demo.memory_max", "groups./bomb", "names.4026532505"]);
  assert.ok(changes.is("groups", "/demo", "memory_max"));
  assert.ok(!changes.is("groups", "/demo", "memory_max_of_another"));
  assert.ok(!changes.is("groups", "/demo"), "the group itself is not new");
  assert.ok(changes.is("groups", "/bomb", "pids_max"), "all of a new group is new");
  assert.ok(!changes.is("groups", "/bomber", "pids_max"));
  assert.ok(changes.is("names", 4026532505));
  assert.ok(!new Changes().is("groups"));
});

test("a field has changed if something in it has", () => {
  const changes = new Changes(["groups./demo.procs.12"]);
  assert.ok(changes.has("groups", "/demo", "procs"));
  assert.ok(!changes.is("groups", "/demo", "procs"));
  assert.ok(!changes.has("groups", "/demo", "proc"));
});

test("a dot in a name does not split it", () => {
  const changes = new Changes(["interfaces.eth0·1.up"]);
  assert.ok(changes.is("interfaces", "eth0.1", "up"));
  assert.ok(!changes.has("interfaces", "eth0"));
});
