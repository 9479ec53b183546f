import { decorate } from "./blocks.ts";
import { el } from "./dom.ts";

/**
 * rendered shows HTML that the server made from the lesson's markdown (a hint, a solution). The renderer lets no HTML of
 * the author's through, and these messages come from our own server only; nothing else may be given to this function.
 */
export function rendered(html: string): HTMLElement {
  const node = el("div", { class: "prose" });
  node.innerHTML = html;
  decorate(node);
  return node;
}
