import { type Changes, mark } from "./changes.ts";
import { el } from "./dom.ts";
import { keyed } from "./keyed.ts";

export interface Column<T> {
  head: string;
  /** the long form, shown when the pointer rests on the head; said to a screen reader where there is no head */
  title?: string;
  /** class names of the cells: "right" aligns numbers */
  class?: string;
  /** draw puts the item's value into the cell. It is called for every reading; `fresh` for a new row. */
  draw(cell: HTMLElement, item: T, fresh: boolean): void;
  /** the fields of the item whose change is marked on the cell */
  marks?: readonly string[];
}

/** Rows say which list of a reading a table shows, for what has changed in it. */
export interface Rows<T> {
  list: string;
  /** as the server names the item: its pid, id, path, name or seq */
  name(item: T): string | number;
}

/** Table is a table of a panel: one row an item, rows kept by key, so that scrolling and focus stay. */
export class Table<T> {
  readonly element: HTMLTableElement;
  readonly #body: HTMLElement;
  readonly #columns: readonly Column<T>[];
  readonly #key: (item: T) => string;
  readonly #row: (row: HTMLElement, item: T) => void;
  readonly #rows: Rows<T>;

  constructor(
    columns: readonly Column<T>[],
    rows: Rows<T>,
    key: (item: T) => string,
    row: (row: HTMLElement, item: T) => void = () => {},
  ) {
    this.#rows = rows;
    this.#columns = columns;
    this.#key = key;
    this.#row = row;
    this.#body = el("tbody");
    const heads = columns.map((c) =>
      el("th", { scope: "col", class: c.class, title: c.title }, c.head || el("span", { class: "hidden" }, c.title)),
    );
    this.element = el("table", { class: "readings" }, el("thead", {}, el("tr", {}, ...heads)), this.#body);
  }

  draw(items: readonly T[], changes: Changes): void {
    keyed<T, HTMLTableRowElement>(
      this.#body,
      items,
      this.#key,
      () => el("tr", {}, ...this.#columns.map((c) => el("td", { class: c.class }))),
      (row, item, fresh) => {
        this.#row(row, item);
        for (const [i, column] of this.#columns.entries()) {
          const cell = row.cells[i];
          if (!cell) continue;
          column.draw(cell, item, fresh);
          const { list, name } = this.#rows;
          mark(cell, column.marks?.some((field) => changes.has(list, name(item), field)) ?? false);
        }
      },
    );
  }
}

/** indent draws the branch of a tree in front of a name. */
export function indent(cell: HTMLElement, depth: number): void {
  cell.style.setProperty("--depth", String(depth));
  cell.classList.add("branch");
}
