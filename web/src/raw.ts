import { el, setAttribute, setText } from "./dom.ts";
import type { RawFile } from "./protocol.ts";

const often = 500; // ms between two questions for the files, at least

/**
 * RawFiles are the files that a panel's reading came from, as the kernel has them. The path is as the learner finds it; the
 * text is what the host sees there, so pids and ids are the host's, and its path stands below.
 */
export class RawFiles {
  readonly element = el("div", { class: "panel-raw", tabindex: "0", role: "group", hidden: true });
  readonly #ask: () => void;
  #asked = 0; // when, ms
  #late: ReturnType<typeof setTimeout> | undefined;

  /** ask has the lab send the files; they come to show */
  constructor(title: string, ask: () => void) {
    this.#ask = ask;
    this.element.setAttribute("aria-label", `${title}: the files`);
  }

  get shown(): boolean {
    return !this.element.hidden;
  }

  toggle(): void {
    this.element.hidden = !this.element.hidden;
    if (this.shown) this.refresh();
  }

  /** refresh asks for the files again, if they are on the screen and not too soon. */
  refresh(): void {
    if (!this.shown) return;
    clearTimeout(this.#late);
    const wait = this.#asked + often - Date.now();
    if (wait > 0) {
      this.#late = setTimeout(() => this.refresh(), wait);
      return;
    }
    this.#asked = Date.now();
    this.#ask();
  }

  // Elements are kept, so that nobody who reads or marks text loses the place.
  show(files: readonly RawFile[]): void {
    const old = new Map([...this.element.children].map((c) => [(c as HTMLElement).dataset.path, c as HTMLElement]));
    const now = files.map((file) => {
      const node =
        old.get(file.path) ??
        el(
          "section",
          { "data-path": file.path },
          el("h4", {}, el("code", {}, file.path)),
          el("pre", {}),
          el("p", { class: "aside" }),
        );
      const [, pre, aside] = node.children as unknown as [Element, Element, Element];
      const words = [
        file.host && file.host !== file.path ? `On the host ${file.host}.` : "",
        file.more ? `${file.more} more bytes.` : "",
        file.say ?? (file.text === "" ? "It is empty." : ""),
      ];
      setText(pre, file.text);
      setAttribute(pre, "hidden", file.text === "" ? "" : null);
      setText(aside, words.filter(Boolean).join(" "));
      return node;
    });
    if (now.some((node, i) => this.element.children[i] !== node) || now.length !== this.element.children.length)
      this.element.replaceChildren(...now);
  }
}
