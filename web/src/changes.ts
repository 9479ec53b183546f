/**
 * Changes are the fields of a reading that differ from what there was before the learner's last command, as the server
 * names them (server/panel/change.go): "groups./demo.memory_max". An element of a list is named by its key, pid, id,
 * path, name or seq, or by itself; one that is new or gone is named as a whole.
 */
export class Changes {
  readonly #paths: readonly string[];

  constructor(paths: readonly string[] = []) {
    this.#paths = paths;
  }

  /** is tells whether this field has changed, or something that it is a part of is new. */
  is(...path: (string | number)[]): boolean {
    const name = join(path);
    return this.#paths.some((p) => p === name || name.startsWith(`${p}.`));
  }

  /** has tells whether this field has changed, or something in it. */
  has(...path: (string | number)[]): boolean {
    const inside = `${join(path)}.`;
    return this.is(...path) || this.#paths.some((p) => p.startsWith(inside));
  }
}

/** join writes a path as the server does: a dot in a name, as in a file's, would split it. */
function join(path: readonly (string | number)[]): string {
  return path.map((key) => String(key).replaceAll(".", "·")).join(".");
}

/** mark shows on an element that what it says has changed. The style sheet decides how. */
export function mark(node: Element, changed: boolean): void {
  node.toggleAttribute("data-changed", changed);
}
