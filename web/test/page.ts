// As much of a document as elements need that are made and never laid out, since node has none.

class Node {
  readonly tag: string;
  readonly attributes = new Map<string, string>();
  children: (Node | string)[] = [];
  parent: Node | null = null;
  constructor(tag: string) {
    this.tag = tag;
  }
  get textContent(): string {
    return this.children.map((c) => (typeof c === "string" ? c : c.textContent)).join("");
  }
  set textContent(text: string) {
    this.children = [text];
  }
  append(...more: (Node | string)[]): void {
    for (const child of more) {
      if (child instanceof Node) child.parent = this;
      this.children.push(child);
    }
  }
  remove(): void {
    if (this.parent) this.parent.children = this.parent.children.filter((c) => c !== this);
  }
  setAttribute(name: string, value: string): void {
    this.attributes.set(name, value);
  }
  getAttribute(name: string): string | null {
    return this.attributes.get(name) ?? null;
  }
  hasAttribute(name: string): boolean {
    return this.attributes.has(name);
  }
  removeAttribute(name: string): void {
    this.attributes.delete(name);
  }
}

function* below(node: Node): Generator<Node> {
  for (const child of node.children) {
    if (typeof child === "string") continue;
    yield child;
    yield* below(child);
  }
}

/** Page stands in for the browser's document while it is open. */
export class Page {
  open(): void {
    Object.assign(globalThis, { document: { createElement: (tag: string) => new Node(tag) } });
  }

  close(): void {
    Reflect.deleteProperty(globalThis, "document");
  }

  /** all are the elements of a class within another. */
  all(name: string, within: Element): Element[] {
    const found = [...below(within as unknown as Node)].filter((n) => n.getAttribute("class") === name);
    return found as unknown as Element[];
  }

  /** one is the only element of its kind within another. */
  one(tag: string, within: Element): Element {
    const found = [...below(within as unknown as Node)].filter((n) => n.tag === tag);
    if (found.length !== 1) throw new Error(`there are ${found.length} of ${tag}`);
    return found[0] as unknown as Element;
  }

  /** text is what an element's innermost elements say, with | between them. */
  text(of: Element): string {
    return [...below(of as unknown as Node)]
      .filter((n) => n.children.some((c) => typeof c === "string"))
      .map((n) => n.textContent)
      .join("|");
  }
}
