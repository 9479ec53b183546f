import { el } from "./dom.ts";

/**
 * inline shows a sentence of a lesson's author, in which `code`, **strong** and *stressed* words are marked as in
 * markdown. It makes nodes and parses no HTML, so a sentence that quotes what a sandbox contains is harmless.
 */
export function inline(text: string): DocumentFragment {
  const out = document.createDocumentFragment();
  const mark = /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*/g;
  let from = 0;
  for (const m of text.matchAll(mark)) {
    out.append(text.slice(from, m.index));
    if (m[1] !== undefined) out.append(el("code", {}, m[1]));
    else if (m[2] !== undefined) out.append(el("strong", {}, m[2]));
    else out.append(el("em", {}, m[3] ?? ""));
    from = m.index + m[0].length;
  }
  out.append(text.slice(from));
  return out;
}
