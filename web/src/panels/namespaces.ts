import { Changes, mark } from "../changes.ts";
import { el, glow, setAttribute, setText } from "../dom.ts";
import { keyed } from "../keyed.ts";
import { panel } from "../panel.ts";
import { type Column, Table } from "../table.ts";

interface Cell {
  id: number;
  own: boolean;
  shared: number;
}

interface Row {
  pid: number;
  comm: string;
  in: Cell[];
}

interface Reading {
  kinds: string[];
  processes: Row[];
  front: number;
  host: Record<string, number> | null;
  names: Record<string, string> | null;
}

/** The letters there are: without h, which is the host's. */
const signs = "abcdefgijklmnopqrstuvwxyz";

/**
 * Letters gives every namespace of a kind that is not the box's a letter, in the order in which they appeared, and keeps
 * it: the same letter in a column is the same namespace.
 */
export class Letters {
  readonly #of = new Map<string, string>();
  readonly #next = new Map<string, number>();

  letter(kind: string, id: number): string {
    const key = `${kind}:${id}`;
    const known = this.#of.get(key);
    if (known) return known;
    const n = this.#next.get(kind) ?? 0;
    this.#next.set(kind, n + 1);
    const letter = signs.charAt(n % signs.length) + (n >= signs.length ? String(Math.floor(n / signs.length)) : "");
    this.#of.set(key, letter);
    return letter;
  }
}

/** Which process is in which namespace: the box's, one of its own, or (where the kernel gave none) the host's. */
export default panel<Reading>({
  name: "namespaces",
  create(body) {
    const letters = new Letters();
    let kinds = "";
    let table: Table<Row> | null = null;
    let latest: Reading | null = null;
    let changed = new Changes();
    const key = el(
      "p",
      { class: "legend" },
      el("span", {}, el("i", { class: "ns scope-sandbox" }, "•"), " the box’s"),
      el("span", {}, el("i", { class: "ns scope-nested" }, "a"), " another; same letter, same one"),
      el("span", {}, el("i", { class: "ns scope-host" }, "h"), " the host’s"),
    );
    const holder = el("div");
    const numbers = el("dl", { class: "ns-numbers" });
    body.append(holder, key, numbers);

    // The same as readlink /proc/PID/ns/net prints: the box's namespaces first, then the others by letter.
    const drawNumbers = (reading: Reading): void => {
      const rooms = reading.kinds.map((kind, i) => {
        const seen = new Map<number, string>();
        for (const p of reading.processes) {
          const ns = p.in[i];
          if (ns && ns.id !== 0) seen.set(ns.id, ns.own ? letters.letter(kind, ns.id) : "");
        }
        return { kind, ids: [...seen].sort((a, b) => (a[1] < b[1] ? -1 : 1)) };
      });
      keyed(
        numbers,
        rooms,
        (r) => r.kind,
        (r) => el("div", {}, el("dt", {}, r.kind), el("dd")),
        (node, r) => {
          const list = node.lastElementChild;
          if (!list) return;
          keyed(
            list,
            r.ids,
            ([id]) => String(id),
            ([, letter]) => el("span", { class: letter ? "scope-nested" : "scope-sandbox" }),
            (item, [id, letter]) => {
              mark(item, changed.is("names", id));
              const name = reading.names?.[String(id)];
              setText(item, `${letter || "•"} ${id}${name ? ` ${name}` : ""}`);
            },
          );
        },
      );
    };

    const column = (kind: string, i: number): Column<Row> => ({
      head: kind,
      title: `${kind} namespace`,
      class: "middle",
      draw: (cell, row, fresh) => {
        const ns = row.in[i];
        if (!ns) return;
        if (fresh) cell.append(el("i", { class: "ns" }));
        const sign = cell.firstElementChild;
        if (!sign) return;
        const host = latest?.host?.[kind] === ns.id;
        const scope = host ? "host" : ns.own ? "nested" : "sandbox";
        const text = ns.id === 0 ? "?" : host ? "h" : ns.own ? letters.letter(kind, ns.id) : "•";
        const before = sign.textContent;
        setText(sign, text);
        setAttribute(sign, "class", `ns scope-${scope}`);
        if (!fresh && before !== text) glow(cell);
        mark(sign, changed.is("processes", row.pid, "in", ns.id));
        const name = latest?.names?.[String(ns.id)];
        const whose = host ? "the host’s" : ns.own ? "not the box’s" : "the box’s";
        cell.title = `${kind}:[${ns.id}]${name ? ` “${name}”` : ""}, ${whose}, ${ns.shared === 1 ? "this process alone" : `${ns.shared} processes`}`;
        setAttribute(cell, "aria-label", cell.title);
      },
    });

    return {
      draw(reading, _, changes) {
        latest = reading;
        changed = changes;
        if (!table || kinds !== reading.kinds.join()) {
          kinds = reading.kinds.join();
          table = new Table<Row>(
            [
              { head: "pid", class: "right", marks: ["pid"], draw: (cell, r) => setText(cell, String(r.pid)) },
              { head: "process", marks: ["comm"], draw: (cell, r) => setText(cell, r.comm, true) },
              ...reading.kinds.map(column),
            ],
            { list: "processes", name: (r) => r.pid },
            (r) => String(r.pid),
            (row, r) => row.toggleAttribute("data-front", r.pid === latest?.front),
          );
          holder.replaceChildren(table.element);
        }
        table.draw(reading.processes, changes);
        drawNumbers(reading);
      },
    };
  },
});
