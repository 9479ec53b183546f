import { decorate } from "./blocks.ts";
import { el, find, glow, icon } from "./dom.ts";
import type { LabSocket } from "./lab-socket.ts";
import { parts } from "./place.ts";
import type { LessonEvent, Start } from "./protocol.ts";

interface Wishes {
  /** the text is another one; what was bound to it must be bound to what is new */
  renewed(start: Start): void;
  restart(): void;
  say(text: string): void;
}

/**
 * Edition keeps the text of the lesson up to date while its author writes it. The lab says which version there is; when it
 * is not the one on the page, the page is fetched again, and whatever is printed otherwise than before takes the place of
 * the old. Blocks that are the same stay the elements they are, with their answers, hints and verdicts, and the reader
 * stays at the place where he is. Terminals and panels are not touched.
 *
 * It also shows what is wrong with the file, and that the lesson needs another box than the one that is there.
 */
export class Edition {
  readonly #paper: HTMLElement;
  readonly #notice: HTMLElement;
  readonly #wishes: Wishes;
  // As the server printed them, before the page's program added signs and buttons.
  readonly #printed = new WeakMap<Element, string>();
  #version: string;
  #told: LessonEvent | null = null;
  #fetching = false;

  constructor(paper: HTMLElement, notice: HTMLElement, lab: LabSocket, version: string, wishes: Wishes) {
    this.#paper = paper;
    this.#notice = notice;
    this.#version = version;
    this.#wishes = wishes;
    this.#note(paper);
    decorate(paper);
    lab.on("lesson", (event) => {
      this.#told = event;
      this.#show(event);
      void this.#update();
    });
  }

  #note(paper: Element): void {
    for (const part of parts(paper)) this.#printed.set(part, part.outerHTML);
  }

  async #update(): Promise<void> {
    if (this.#fetching) return;
    this.#fetching = true;
    try {
      while (this.#told && this.#told.version !== this.#version) {
        const response = await fetch(location.pathname, { cache: "no-store" });
        if (!response.ok) break;
        const page = new DOMParser().parseFromString(await response.text(), "text/html");
        const start = JSON.parse(find("#start", page).textContent ?? "") as Start;
        if (start.version === this.#version) break; // it is not there yet; the lab will tell again
        this.#version = start.version;
        this.#take(page, start);
      }
    } catch {
      // no connection: the lab tells the version again when it is back
    } finally {
      this.#fetching = false;
    }
  }

  #take(page: Document, start: Start): void {
    const fresh = find("[data-scroll]", find("#lesson", page));
    this.#note(fresh);
    const hold = anchor(this.#paper);
    // Steps that are the same as a whole first, so that no other step takes a block out of one of them.
    const steps = this.#keep([...fresh.children], [...this.#paper.children]);
    const blocks = (of: Element): Element[] => (of.matches("section.step") ? [...of.children] : []);
    const news = this.#keep(
      steps.flatMap((step) => blocks(step)),
      [...this.#paper.children].flatMap((step) => blocks(step)),
    ).concat(steps.filter((step) => blocks(step).length === 0));
    decorate(fresh);
    this.#paper.replaceChildren(...fresh.childNodes);
    hold();
    for (const selector of [".rail ol", ".where .lesson-name", ".where .menu-body"]) {
      find(selector).replaceChildren(...find(selector, page).childNodes);
    }
    document.title = page.title;
    this.#wishes.renewed(start);
    for (const part of news) glow(part);
    this.#wishes.say("The lesson has changed, and this page with it.");
  }

  /** keep puts old elements in the places of fresh ones that are printed alike, and returns the fresh ones that stay. */
  #keep(fresh: readonly Element[], old: readonly Element[]): Element[] {
    const by = new Map<string, Element[]>();
    for (const part of old) {
      const html = this.#printed.get(part) ?? "";
      by.set(html, [...(by.get(html) ?? []), part]);
    }
    return fresh.filter((part) => {
      const same = by.get(this.#printed.get(part) ?? "")?.shift();
      if (same) part.replaceWith(same);
      return !same;
    });
  }

  #show(event: LessonEvent): void {
    const slips = event.slips ?? [];
    const said: HTMLElement[] = [];
    if (slips.length > 0) {
      said.push(
        el(
          "p",
          {},
          icon("danger"),
          el("b", {}, event.old ? "The lesson’s files cannot be taught like this:" : "In the lesson’s files:"),
        ),
        el("ul", {}, ...slips.map((s) => el("li", {}, s))),
      );
      if (event.old) said.push(el("p", { class: "aside" }, "This is the lesson as it was before."));
    }
    if (event.outgrown) {
      said.push(
        el(
          "p",
          {},
          icon("box"),
          el("span", {}, `This lesson now needs another box: ${event.outgrown}.`),
          el(
            "button",
            { type: "button", class: "button small", onclick: () => this.#wishes.restart() },
            "Restart the box",
          ),
        ),
      );
    }
    this.#notice.hidden = said.length === 0;
    this.#notice.replaceChildren(...said);
  }
}

/** anchor remembers what stands at the top of the view, and returns a function that brings it there again. */
function anchor(paper: HTMLElement): () => void {
  const top = paper.getBoundingClientRect().top;
  const places = parts(paper)
    .filter((part) => !part.matches("section.step") && part.getBoundingClientRect().bottom > top)
    .map((part) => ({ part, step: part.closest("section.step")?.id ?? "", at: part.getBoundingClientRect().top }));
  const scrolled = paper.scrollTop;
  return () => {
    const place = places.find(({ part }) => paper.contains(part));
    const scroll = (to: number): void => paper.scrollTo({ top: to, behavior: "instant" });
    scroll(scrolled);
    if (place) scroll(paper.scrollTop + place.part.getBoundingClientRect().top - place.at);
    else if (places[0]?.step) document.getElementById(places[0].step)?.scrollIntoView({ behavior: "instant" });
  };
}
