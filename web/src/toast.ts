import { el, icon } from "./dom.ts";

/** toast shows a sentence for a while; scope gives its colour and sign. */
export function toast(area: HTMLElement, text: string, sign: "tick" | "danger" | "copy" = "danger"): void {
  const node = el("p", { class: "toast", "data-sign": sign }, icon(sign), el("span", {}, text));
  area.append(node);
  setTimeout(() => node.remove(), 2500 + text.length * 45);
}
