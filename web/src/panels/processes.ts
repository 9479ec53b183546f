import { el, setText } from "../dom.ts";
import { pathEnd, shortIds } from "../format.ts";
import { panel } from "../panel.ts";
import { indent, Table } from "../table.ts";

interface Row {
  pid: number;
  pids: number[] | null;
  host_pid: number;
  ppid: number;
  depth: number;
  comm: string;
  cmdline: string;
  state: string;
  uid: number;
  own_uid: number;
  host_uid: number;
  terminal: string;
  root: string;
  threads: number;
  cgroup: string;
  nested: boolean;
  uid_map?: { inside: number; outside: number; count: number }[];
}

interface Reading {
  processes: Row[];
  front: number;
}

const states: Record<string, string> = {
  R: "running",
  S: "sleeping",
  D: "waiting for a device",
  T: "stopped",
  t: "traced",
  Z: "zombie: ended, and its parent has not asked how",
  I: "idle",
};

const command = (p: Row): string => shortIds(p.cmdline) || `[${p.comm}]`;
const root = (p: Row): string => (p.root && p.root !== "/" ? `root ${pathEnd(shortIds(p.root), 24)}` : "");
const group = (p: Row): string => pathEnd(shortIds(p.cgroup), 16);

/** The same processes from both sides: with the pid and uid that they have in the box, and those of the host. */
export default panel<Reading>({
  name: "processes",
  create(body) {
    let front = 0;
    const table = new Table<Row>(
      [
        {
          head: "process",
          class: "wide-cell",
          marks: ["cmdline", "comm", "root"],
          draw: (cell, p, fresh) => {
            indent(cell, p.depth);
            if (fresh) cell.append(el("span", { class: "command" }), " ", el("span", { class: "root" }));
            const [name, within] = cell.children;
            if (name) setText(name, command(p), true);
            if (within) setText(within, root(p), true);
            cell.title = `${p.cmdline || p.comm}\ngroup ${p.cgroup}${p.root && p.root !== "/" ? `\nroot ${p.root}` : ""}${p.terminal ? `\non ${p.terminal}` : ""}`;
          },
        },
        {
          head: "pid",
          title: "pid in the box, then in pid namespaces inside it",
          class: "right scope-sandbox",
          marks: ["pids"],
          draw: (cell, p) => setText(cell, (p.pids?.length ? p.pids : [p.pid]).join(" › "), true),
        },
        {
          head: "on host",
          title: "pid on the host",
          class: "right scope-host",
          marks: ["host_pid"],
          draw: (cell, p) => setText(cell, String(p.host_pid)),
        },
        {
          head: "uid",
          title: "user id in the box; in its own user namespace",
          class: "right scope-sandbox",
          marks: ["uid", "own_uid"],
          draw: (cell, p) => {
            setText(cell, p.own_uid === p.uid ? String(p.uid) : `${p.uid} › ${p.own_uid}`, true);
            cell.title = (p.uid_map ?? []).map((m) => `${m.inside} is ${m.outside}, ${m.count} ids`).join("\n");
          },
        },
        {
          head: "on host",
          title: "user id on the host",
          class: "right scope-host",
          marks: ["host_uid"],
          draw: (cell, p) => setText(cell, String(p.host_uid)),
        },
        {
          head: "",
          title: "state",
          class: "state-letter",
          draw: (cell, p) => {
            setText(cell, p.state);
            cell.title = states[p.state] ?? p.state;
          },
        },
        {
          head: "group",
          class: "group-cell",
          marks: ["cgroup"],
          draw: (cell, p) => {
            setText(cell, group(p), true);
            cell.title = p.cgroup;
          },
        },
      ],
      { list: "processes", name: (p) => p.pid },
      (p) => String(p.host_pid),
      (row, p) => {
        row.toggleAttribute("data-front", p.pid === front);
        row.toggleAttribute("data-nested", p.nested);
        row.toggleAttribute("data-zombie", p.state === "Z");
        // In a narrow panel what is long has a line of its own.
        row.toggleAttribute("data-long", p.depth * 2 + command(p).length + root(p).length > 14);
        row.toggleAttribute("data-deep", group(p).length > 7);
        row.style.setProperty("--depth", String(p.depth));
      },
    );
    body.append(table.element);
    return {
      draw(reading, _, changes) {
        front = reading.front;
        table.draw(reading.processes, changes);
      },
    };
  },
});
