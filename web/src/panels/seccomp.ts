import { setText } from "../dom.ts";
import { panel } from "../panel.ts";
import { Table } from "../table.ts";

interface Row {
  pid: number;
  comm: string;
  mode: string;
  filters: number;
  own: number;
  no_new_privs: boolean;
}

interface Reading {
  processes: Row[];
  front: number;
}

/** Which process runs behind which filters. The box has one around all of them; what counts is what was added. */
export default panel<Reading>({
  name: "seccomp",
  create(body) {
    let front = 0;
    const table = new Table<Row>(
      [
        { head: "pid", class: "right", marks: ["pid"], draw: (cell, r) => setText(cell, String(r.pid)) },
        { head: "process", marks: ["comm"], draw: (cell, r) => setText(cell, r.comm, true) },
        { head: "mode", marks: ["mode"], draw: (cell, r) => setText(cell, r.mode, true) },
        {
          head: "filters",
          title: "filters in all: the box’s and its own",
          class: "right",
          marks: ["filters"],
          draw: (cell, r) => setText(cell, String(r.filters), true),
        },
        {
          head: "of its own",
          title: "filters beyond those of the box",
          class: "right",
          marks: ["own"],
          draw: (cell, r) => setText(cell, r.own > 0 ? `+${r.own}` : "–", true),
        },
        {
          head: "no_new_privs",
          class: "middle",
          marks: ["no_new_privs"],
          draw: (cell, r) => setText(cell, r.no_new_privs ? "yes" : "no", true),
        },
      ],
      { list: "processes", name: (r) => r.pid },
      (r) => String(r.pid),
      (row, r) => {
        row.toggleAttribute("data-front", r.pid === front);
        row.className = r.own > 0 || r.mode === "strict" ? "scope-nested" : "";
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
