import { all } from "./dom.ts";

export type RegionName = "lesson" | "terminals" | "panels";

const order: readonly RegionName[] = ["lesson", "terminals", "panels"];

/**
 * Regions are the three parts of the page. On a wide screen all are there, on a narrow one they are tabs. F6 goes from
 * one to the next, in and out of a terminal, which keeps every other key to itself.
 */
export class Regions {
  readonly #focusTerminal: () => void;

  constructor(focusTerminal: () => void) {
    this.#focusTerminal = focusTerminal;
    for (const button of all<HTMLButtonElement>("[data-tab-button]")) {
      button.addEventListener("click", () => this.show(button.dataset.tabButton as RegionName));
    }
    addEventListener("keydown", (event) => {
      if (event.key !== "F6" || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      this.cycle(event.shiftKey ? -1 : 1);
    });
    for (const skip of all<HTMLAnchorElement>("a.skip")) {
      skip.addEventListener("click", (event) => {
        event.preventDefault();
        this.go(skip.hash.slice(1) as RegionName);
      });
    }
  }

  /** show brings a region into view where only one is. */
  show(name: RegionName): void {
    document.body.dataset.tab = name;
    for (const button of all("[data-tab-button]")) {
      button.setAttribute("aria-pressed", String(button.dataset.tabButton === name));
    }
  }

  go(name: RegionName): void {
    this.show(name);
    if (name === "terminals") this.#focusTerminal();
    else document.getElementById(name)?.focus({ preventScroll: true });
  }

  cycle(direction: 1 | -1): void {
    const focused = document.activeElement?.closest(".region")?.id;
    const at = order.indexOf(focused as RegionName); // -1 outside of all of them
    this.go(order[(at + direction + order.length) % order.length] ?? "lesson");
  }
}
