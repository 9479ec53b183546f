// Making and finding elements. Text is always set as text; nothing in the front end parses HTML that it did not get
// from the lesson's renderer.

type Child = Node | string | null | undefined | false;
type Props = Record<string, string | number | boolean | null | undefined | ((event: never) => void)>;

const svgNamespace = "http://www.w3.org/2000/svg";

function fill(node: Element, props: Props, children: Child[]): void {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name.slice(2), value as EventListener);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const c of children) if (c !== null && c !== undefined && c !== false) node.append(c);
}

/** el makes an element: `el("button", { class: "quiet", onclick: go }, "Go")`. */
export function el<T extends keyof HTMLElementTagNameMap>(
  tag: T,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[T] {
  const node = document.createElement(tag);
  fill(node, props, children);
  return node;
}

/** svg makes an element of a drawing. */
export function svg<T extends keyof SVGElementTagNameMap>(
  tag: T,
  props: Props = {},
  ...children: Child[]
): SVGElementTagNameMap[T] {
  const node = document.createElementNS(svgNamespace, tag);
  fill(node, props, children);
  return node;
}

/** icon refers to a symbol of the sheet that layout.html puts into every page. */
export function icon(name: string, label = ""): SVGElement {
  const use = svg("use", { href: `#i-${name}` });
  return label
    ? svg("svg", { class: "icon", role: "img", "aria-label": label }, use)
    : svg("svg", { class: "icon", "aria-hidden": "true" }, use);
}

/** find returns the element that the page's template must have; its absence is a mistake of ours. */
export function find<T extends Element = HTMLElement>(selector: string, within: ParentNode = document): T {
  const node = within.querySelector<T>(selector);
  if (!node) throw new Error(`the page has no ${selector}`);
  return node;
}

export function all<T extends Element = HTMLElement>(selector: string, within: ParentNode = document): T[] {
  return [...within.querySelectorAll<T>(selector)];
}

/** glow shows once that something changed. The style sheet decides how, and whether (reduced motion). */
export function glow(node: Element): void {
  node.classList.remove("glow");
  void (node as HTMLElement).getBoundingClientRect(); // restarts the animation
  node.classList.add("glow");
}

/**
 * setText changes a node's text, and nothing when it is the same already. With `tell`, a change glows; the first text
 * does not, because it is news to nobody.
 */
export function setText(node: Element, text: string, tell = false): void {
  const before = node.textContent;
  if (before === text) return;
  node.textContent = text;
  if (tell && before !== "") glow(node);
}

export function setAttribute(node: Element, name: string, value: string | null): void {
  if (value === null) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== value) {
    node.setAttribute(name, value);
  }
}
