import { el, icon, setText } from "./dom.ts";
import type { Terminal } from "./terminal.ts";

/** FindBar finds text in the terminal in front. Enter goes on, Shift+Enter goes back, Escape closes. */
export class FindBar {
  readonly #bar: HTMLElement;
  readonly #field: HTMLInputElement;
  readonly #words: HTMLElement;
  readonly #terminal: () => Terminal;

  constructor(region: HTMLElement, terminal: () => Terminal) {
    this.#terminal = terminal;
    this.#field = el("input", {
      type: "search",
      "aria-label": "Find in the terminal",
      placeholder: "Find",
      spellcheck: "false",
    });
    this.#words = el("span", { class: "find-words", role: "status" });
    const button = (name: string, label: string, act: () => void): HTMLElement =>
      el("button", { type: "button", class: "quiet square", onclick: act }, icon(name, label));
    this.#bar = el(
      "div",
      { class: "find-bar", role: "search", hidden: true },
      this.#field,
      this.#words,
      button("up", "Previous", () => void this.#go(-1, true)),
      button("down", "Next", () => void this.#go(1, true)),
      button("close", "Close", () => this.close()),
    );
    region.append(this.#bar);
    this.#field.addEventListener("input", () => void this.#go(1, false));
    this.#field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") void this.#go(event.shiftKey ? -1 : 1, true);
      else if (event.key === "Escape") this.close();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }

  open(): void {
    this.#bar.hidden = false;
    this.#field.select();
    this.#field.focus();
  }

  close(): void {
    this.#bar.hidden = true;
    this.#terminal().endFind();
  }

  async #go(direction: 1 | -1, more: boolean): Promise<void> {
    setText(this.#words, await this.#terminal().find(this.#field.value, direction, more));
  }
}
