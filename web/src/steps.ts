import { all, find, setAttribute, setText } from "./dom.ts";

/** Steps is the rail above the lesson: where the reader is, and which steps have all their exercises passed. */
export class Steps {
  readonly #rail: HTMLElement;
  readonly #scroller: HTMLElement;
  readonly #words: HTMLElement;
  #links: { link: HTMLAnchorElement; section: HTMLElement; exercises: string[] }[] = [];

  constructor(rail: HTMLElement, scroller: HTMLElement) {
    this.#rail = rail;
    this.#scroller = scroller;
    this.#words = find("[data-rail-words]", rail);
    this.#collect();
    let queued = false;
    const look = (): void => {
      queued = false;
      this.#look();
    };
    scroller.addEventListener(
      "scroll",
      () => {
        if (!queued) requestAnimationFrame(look);
        queued = true;
      },
      { passive: true },
    );
    new ResizeObserver(look).observe(scroller); // and for the first time
  }

  /** renew looks at the rail and the lesson anew: there may be other steps. */
  renew(): void {
    this.#collect();
    this.#look();
  }

  #collect(): void {
    this.#links = [];
    for (const link of all<HTMLAnchorElement>("a", this.#rail)) {
      const section = document.getElementById(decodeURIComponent(link.hash.slice(1)));
      if (!section) continue;
      const exercises = all("[data-exercise]", section).map((e) => e.dataset.exercise ?? "");
      if (exercises.length > 0) link.dataset.exercises = String(exercises.length);
      this.#links.push({ link, section, exercises });
    }
  }

  progress(passed: ReadonlySet<string>): void {
    for (const { link, exercises } of this.#links) {
      const done = exercises.length > 0 && exercises.every((id) => passed.has(id));
      link.toggleAttribute("data-done", done);
    }
  }

  // The step being read is the last one whose heading is in the upper third, or the last one at the very end.
  #look(): void {
    const scroller = this.#scroller;
    const line = scroller.getBoundingClientRect().top + scroller.clientHeight / 3;
    const atEnd = scroller.scrollTop + scroller.clientHeight >= scroller.scrollHeight - 4 && scroller.scrollTop > 0;
    let current = -1;
    for (const [i, { section }] of this.#links.entries())
      if (atEnd || section.getBoundingClientRect().top < line) current = i;
    for (const [i, { link }] of this.#links.entries()) {
      setAttribute(link, "aria-current", i === current ? "step" : null);
      link.toggleAttribute("data-read", i < current);
    }
    const title = this.#links[current]?.link.textContent?.trim();
    setText(
      this.#words,
      current < 0 ? `${this.#links.length} steps` : `${current + 1} / ${this.#links.length} · ${title}`,
    );
  }
}
