import { type Changes, mark } from "../changes.ts";
import { el, setAttribute, setText } from "../dom.ts";
import { keyed } from "../keyed.ts";
import { panel } from "../panel.ts";

interface Row {
  name: string;
  title: string;
  part: string;
  file: string;
}

export interface Cell {
  text: string;
  note?: string;
  list: string[] | null;
}

interface Process {
  pid: number;
  comm: string;
  kind: "engine" | "nested" | "box";
  container?: string;
  cells: Cell[];
}

interface Reading {
  rows: Row[];
  processes: Process[];
  left: number;
  right: number;
}

/** Comparison is what two cells of a row have in common, and what only one has. */
export interface Comparison {
  same: boolean;
  onlyLeft: string[];
  onlyRight: string[];
}

/** compare compares what two processes have: sets member by member, all else by its text. Notes do not count. */
export function compare(left: Cell, right: Cell): Comparison {
  if (left.list === null || right.list === null) return { same: left.text === right.text, onlyLeft: [], onlyRight: [] };
  const [a, b] = [new Set(left.list), new Set(right.list)];
  const onlyLeft = left.list.filter((x) => !b.has(x));
  const onlyRight = right.list.filter((x) => !a.has(x));
  return { same: onlyLeft.length === 0 && onlyRight.length === 0, onlyLeft, onlyRight };
}

/** Choice is the process on one side: the one that the learner has chosen while it is there, else the proposed one. */
export class Choice {
  #pid: number | null = null;

  /** choose keeps to a process. The proposed one is not kept to: the proposal may follow what happens. */
  choose(pid: number, proposed: number): void {
    this.#pid = pid === proposed ? null : pid;
  }

  of<P extends { pid: number }>(processes: readonly P[], proposed: number): P | undefined {
    const find = (pid: number | null): P | undefined => processes.find((p) => p.pid === pid);
    const chosen = find(this.#pid);
    if (!chosen) this.#pid = null;
    return chosen ?? find(proposed);
  }
}

const scopes = { engine: "nested", nested: "nested", box: "sandbox" };

function label(p: Process): string {
  const what = { engine: `container ${p.container}`, nested: "by hand", box: "the box" }[p.kind];
  return `${p.pid} ${p.comm}, ${what}`; // a narrow card shows the beginning
}

/** Above so many, the members that only one side has are folded. */
const most = 8;

/** Two processes of the box side by side, difference by difference: a container built by hand, and one of the engine's. */
export default panel<Reading>({
  name: "compare",
  create(body) {
    const choices = [new Choice(), new Choice()] as const;
    let latest: Reading | null = null;
    let changed: Changes | null = null;
    const side = (i: 0 | 1, name: string): HTMLSelectElement =>
      el("select", {
        "aria-label": `process on the ${name}`,
        onchange: (event: Event) => {
          if (!latest || !changed) return;
          const proposed = i === 0 ? latest.left : latest.right;
          choices[i].choose(Number((event.target as HTMLSelectElement).value), proposed);
          draw(latest, changed);
        },
      });
    const selects = [side(0, "left"), side(1, "right")] as const;
    const sum = el("span");
    const onlyThese = el("input", {
      type: "checkbox",
      onchange: () => {
        if (latest && changed) draw(latest, changed);
      },
    });
    const narrow = el("label", {}, onlyThese, "only these");
    const rows = el("tbody");
    const table = el(
      "table",
      { class: "readings sides" },
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          el("th", { scope: "col" }, el("span", { class: "hidden" }, "what is compared")),
          el("th", { scope: "col" }, selects[0]),
          el("th", { scope: "col" }, el("span", { class: "hidden" }, "the same or not")),
          el("th", { scope: "col" }, selects[1]),
        ),
      ),
      rows,
    );
    body.append(el("p", { class: "whose differing" }, sum, narrow), table);

    const drawCell = (cell: Element, value: Cell, only: string[], others: string[], marked: boolean): void => {
      const [text, note, fold] = cell.children;
      if (!text || !note || !(fold instanceof HTMLDetailsElement)) return;
      setText(text, value.text, true);
      setText(note, value.note ?? "");
      setAttribute(cell, "title", value.list?.join(", ") || value.note || null);
      mark(text, marked);
      // A set that lacks nothing else's and has nothing of its own says all with its number.
      fold.hidden = only.length === 0;
      const [head, list] = fold.children;
      if (!head || !list) return;
      if (list.textContent !== only.join(" ")) fold.open = only.length <= most;
      setText(
        head,
        others.length === 0 && only.length === value.list?.length ? "all only here" : `${only.length} only here`,
      );
      setText(list, only.join(" "));
    };

    const draw = (reading: Reading, changes: Changes): void => {
      latest = reading;
      changed = changes;
      const left = choices[0].of(reading.processes, reading.left);
      const right = choices[1].of(reading.processes, reading.right);
      for (const [i, select] of selects.entries()) {
        const chosen = i === 0 ? left : right;
        keyed(
          select,
          reading.processes,
          (p) => String(p.pid),
          (p) => el("option", { value: p.pid }),
          (option, p) => setText(option, label(p)),
        );
        if (chosen) select.value = String(chosen.pid);
        setAttribute(select, "class", chosen ? `scope-${scopes[chosen.kind]}` : null);
      }
      table.hidden = narrow.hidden = !left || !right;
      if (!left || !right) {
        setText(sum, "There is only one process here. A second one can be put beside it.");
        return;
      }
      const items = reading.rows.map((row, i) => {
        const [a, b] = [left.cells[i], right.cells[i]];
        const result = a && b ? compare(a, b) : { same: true, onlyLeft: [], onlyRight: [] };
        return { row, i, a, b, result };
      });
      const differing = items.filter((item) => !item.result.same);
      const shown = onlyThese.checked ? differing : items;
      keyed(
        rows,
        shown.flatMap((item, n) =>
          item.row.part !== shown[n - 1]?.row.part
            ? [
                { key: `part ${item.row.part}`, item: null, part: item.row.part },
                { key: item.row.name, item, part: "" },
              ]
            : [{ key: item.row.name, item, part: "" }],
        ),
        (line) => line.key,
        (line) =>
          line.item === null
            ? el("tr", { class: "part" }, el("th", { colspan: 4, scope: "colgroup" }, line.part))
            : el(
                "tr",
                {},
                el("th", { scope: "row", title: `/proc/PID/${line.item.row.file}` }, line.item.row.title),
                sideCell(),
                el("td", { class: "middle" }),
                sideCell(),
              ),
        (node, { item }) => {
          if (!item?.a || !item.b) return;
          const [, a, sign, b] = node.children;
          if (!a || !sign || !b) return;
          const { same, onlyLeft, onlyRight } = item.result;
          node.toggleAttribute("data-differs", !same);
          setText(sign, same ? "=" : "≠");
          setAttribute(sign, "aria-label", same ? "the same" : "not the same");
          // Of a process that is new, everything is; that is no news.
          const at = (p: Process): boolean =>
            !changes.is("processes", p.pid) && changes.has("processes", p.pid, "cells", item.i);
          drawCell(a, item.a, onlyLeft, onlyRight, at(left));
          drawCell(b, item.b, onlyRight, onlyLeft, at(right));
        },
      );
      setText(sum, `${differing.length} of ${reading.rows.length} differ`);
    };
    return { draw: (reading, _, changes) => draw(reading, changes) };
  },
});

/** sideCell is an empty cell: what it says, a note, and what only this side has. */
function sideCell(): HTMLElement {
  return el(
    "td",
    {},
    el("span", { class: "value" }),
    " ",
    el("span", { class: "aside" }),
    el("details", { hidden: true }, el("summary"), el("span", { class: "only" })),
  );
}
