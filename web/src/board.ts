import { panels } from "panels";
import { Changes } from "./changes.ts";
import { el, find, icon, setAttribute, setText } from "./dom.ts";
import { clock } from "./format.ts";
import type { LabSocket } from "./lab-socket.ts";
import type { Panel, PanelView } from "./panel.ts";
import type { Happening, PanelChoice, RawFile, ReadingEvent } from "./protocol.ts";
import { RawFiles } from "./raw.ts";
import { isStrings, recall, remember } from "./remember.ts";

const rememberedHappenings = 2200; // the server keeps 2,000

/**
 * Board is the region of the panels. Panels are opened and closed by the chips above, moved by their headings, and
 * watched only while they are on the screen: the server reads nothing for the others.
 */
export class Board {
  readonly #board: HTMLElement;
  readonly #chips: HTMLElement;
  readonly #lab: LabSocket;
  readonly #memory: string; // key under which the open panels are remembered
  readonly #cards = new Map<string, Card>();
  readonly #choices: readonly PanelChoice[];
  readonly #visible = new Set<string>();
  readonly #observer: IntersectionObserver;
  #open: string[];
  #happenings: Happening[] = [];
  #older = false; // the server has older ones
  #asked = false; // and was asked for them
  #box = ""; // in which they happened

  constructor(region: HTMLElement, lab: LabSocket, lesson: string, offered: readonly PanelChoice[]) {
    this.#board = find("[data-board]", region);
    this.#chips = find(".chips", region);
    this.#lab = lab;
    this.#memory = `panels:${lesson}`;
    this.#choices = offered;
    const known = new Set(offered.map((c) => c.name));
    const remembered = recall(this.#memory, isStrings)?.filter((name) => known.has(name));
    this.#open = remembered ?? offered.filter((c) => c.open).map((c) => c.name);
    this.#observer = new IntersectionObserver((entries) => this.#seen(entries), { root: null, threshold: 0 });
    for (const choice of offered) {
      const chip = el(
        "button",
        { type: "button", class: "chip", "aria-pressed": "false", "data-panel": choice.name, title: choice.title },
        choice.name,
      );
      chip.addEventListener("click", () => this.#toggle(choice.name));
      this.#chips.append(chip);
    }
    document.addEventListener("visibilitychange", () => this.#watch());
    lab.on("reading", (event) => this.#cards.get(event.panel)?.reading(event));
    lab.on("raw", (event) => this.#cards.get(event.panel)?.raw(event.files ?? []));
    lab.on("timeline", (event) => this.#happened(event.events ?? [], event.more ?? false));
    lab.on("past", (event) => this.#past(event.events ?? [], event.more ?? false));
    lab.on("box", (event) => {
      if (!event.id || event.id === this.#box) return;
      this.#box = event.id;
      this.#happenings = [];
      this.#older = this.#asked = false;
      this.#tell();
    });
    lab.onConnection((now) => this.#board.toggleAttribute("data-stale", now !== "open"));
    lab.on("box", (event) => this.#board.toggleAttribute("data-stale", event.state !== "ready"));
    this.#lay();
  }

  /** offer opens the panels that the lesson opens, unless the reader has chosen others. */
  offer(choices: readonly PanelChoice[]): void {
    if (recall(this.#memory, isStrings)) return;
    this.#open = choices.filter((c) => c.open).map((c) => c.name);
    this.#lay();
  }

  #toggle(name: string): void {
    this.#open = this.#open.includes(name) ? this.#open.filter((n) => n !== name) : [...this.#open, name];
    this.#lay();
    if (this.#open.includes(name)) this.#cards.get(name)?.element.scrollIntoView({ block: "nearest" });
    remember(this.#memory, this.#open);
  }

  #move(name: string, to: number): void {
    const rest = this.#open.filter((n) => n !== name);
    rest.splice(Math.max(0, Math.min(rest.length, to)), 0, name);
    this.#open = rest;
    this.#lay();
    remember(this.#memory, this.#open);
  }

  #lay(): void {
    for (const chip of this.#chips.children) {
      setAttribute(chip, "aria-pressed", String(this.#open.includes((chip as HTMLElement).dataset.panel ?? "")));
    }
    for (const [name, card] of this.#cards) {
      if (this.#open.includes(name)) continue;
      this.#observer.unobserve(card.element);
      this.#visible.delete(name);
      card.element.remove();
      this.#cards.delete(name);
    }
    let last: Element | null = null;
    for (const name of this.#open) {
      const card = this.#cards.get(name) ?? this.#make(name);
      const next: Element | null = last ? last.nextElementSibling : this.#board.firstElementChild;
      if (card.element !== next) this.#board.insertBefore(card.element, next);
      last = card.element;
    }
    this.#board.toggleAttribute("data-empty", this.#open.length === 0);
    this.#watch();
  }

  #make(name: string): Card {
    const choice = this.#choices.find((c) => c.name === name);
    const card = new Card(panels.find((p) => p.name === name) ?? plain(name), choice?.title ?? name, {
      close: () => this.#toggle(name),
      raw: () => this.#lab.request({ type: "raw", panel: name }),
      move: (by) => {
        this.#move(name, this.#open.indexOf(name) + by);
        card.heading.focus();
      },
      dropOn: (dragged, after) => {
        if (dragged === name || !this.#open.includes(dragged)) return;
        const rest = this.#open.filter((n) => n !== dragged);
        this.#move(dragged, rest.indexOf(name) + (after ? 1 : 0));
      },
      older: () => this.#askForThePast(),
    });
    this.#cards.set(name, card);
    card.happened(this.#happenings);
    this.#observer.observe(card.element);
    return card;
  }

  #seen(entries: IntersectionObserverEntry[]): void {
    for (const e of entries) {
      const name = (e.target as HTMLElement).dataset.panel ?? "";
      if (e.isIntersecting) this.#visible.add(name);
      else this.#visible.delete(name);
    }
    this.#watch();
  }

  #watch(): void {
    const looked = document.visibilityState === "visible";
    this.#lab.watch(
      looked ? this.#open.filter((name) => this.#visible.has(name) || this.#cards.get(name)?.listens) : [],
    );
  }

  // After a reconnection the server tells the past again; seq says what is new.
  #happened(events: readonly Happening[], older: boolean): void {
    const last = this.#happenings.at(-1)?.seq ?? -1;
    const first = events[0]?.seq ?? 0;
    const restarted = events.length > 0 && first < last && (events.at(-1)?.seq ?? 0) < last;
    const news = restarted ? events : events.filter((e) => e.seq > last);
    if (news.length === 0) return;
    if (restarted || this.#happenings.length === 0) this.#older = older;
    this.#happenings = (restarted ? [...news] : [...this.#happenings, ...news]).slice(-rememberedHappenings);
    this.#tell();
  }

  /** #askForThePast is called when somebody has scrolled back to the oldest that is known here. */
  #askForThePast(): void {
    const first = this.#happenings[0]?.seq;
    if (!this.#older || this.#asked || first === undefined) return;
    this.#asked = this.#lab.request({ type: "past", before: first });
  }

  #past(events: readonly Happening[], older: boolean): void {
    this.#asked = false;
    this.#older = older;
    const first = this.#happenings[0]?.seq ?? 0;
    this.#happenings = [...events.filter((e) => e.seq < first), ...this.#happenings];
    this.#tell();
  }

  #tell(): void {
    for (const card of this.#cards.values()) card.happened(this.#happenings);
  }
}

const nearTheTop = 80; // px from where older happenings are asked for

interface CardWishes {
  close(): void;
  /** asks for the files of the reading; raw is told them */
  raw(): void;
  move(by: 1 | -1): void;
  dropOn(dragged: string, after: boolean): void;
  /** the reader has come to the beginning of what is known */
  older(): void;
}

class Card {
  readonly element: HTMLElement;
  readonly heading: HTMLElement;
  readonly #body: HTMLElement;
  readonly #paths: HTMLElement;
  readonly #time: HTMLTimeElement;
  readonly #legend: HTMLElement;
  readonly #raw: RawFiles;
  readonly #rawButton: HTMLButtonElement;
  /** it tells what happened, and so must not miss anything while it is scrolled out of sight */
  readonly listens: boolean;
  readonly #view: PanelView;

  constructor(panel: Panel, title: string, wishes: CardWishes) {
    this.#body = el("div", { class: "panel-body", tabindex: "0", role: "group", "aria-label": title });
    this.#paths = el("span", { class: "panel-paths" });
    this.#time = el("time", { class: "panel-time" });
    this.#legend = el(
      "span",
      { class: "panel-legend", hidden: true, title: "What is marked like this has changed since your last command" },
      "changed",
    );
    this.#raw = new RawFiles(title, () => wishes.raw());
    this.#rawButton = el(
      "button",
      { type: "button", class: "quiet small", "aria-pressed": "false", onclick: () => this.#toggleRaw() },
      "raw",
    );
    this.heading = el(
      "h3",
      { tabindex: "0", draggable: "true", title: "Drag to move; or Alt and the arrow keys" },
      title,
    );
    this.element = el(
      "section",
      { class: `panel panel-${panel.name}`, "data-panel": panel.name, "aria-label": title, "data-waiting": true },
      el(
        "header",
        {},
        this.heading,
        this.#legend,
        this.#time,
        el(
          "button",
          { type: "button", class: "quiet square", onclick: () => wishes.close() },
          icon("close", `Close ${title}`),
        ),
      ),
      this.#body,
      this.#raw.element,
      el("footer", {}, this.#paths, this.#rawButton),
    );
    this.#view = panel.create(this.#body);
    this.listens = this.#view.draw === undefined;
    if (this.listens) {
      delete this.element.dataset.waiting;
      this.element.querySelector("footer")?.remove();
      this.#body.addEventListener("scroll", () => {
        if (this.#body.scrollTop < nearTheTop) wishes.older();
      });
    }
    this.heading.addEventListener("keydown", (event) => {
      const by = event.altKey ? { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key] : undefined;
      if (!by) return;
      event.preventDefault();
      wishes.move(by as 1 | -1);
    });
    this.#bindDrag(panel.name, wishes);
  }

  reading(event: ReadingEvent): void {
    delete this.element.dataset.waiting;
    this.#view.draw?.(event.reading, event.at, new Changes(event.changed ?? []));
    this.#legend.hidden = this.#body.querySelector("[data-changed]") === null;
    setText(this.#time, clock(event.at));
    this.#time.dateTime = event.at;
    const paths = event.paths ?? [];
    setText(this.#paths, paths.join("  "));
    setAttribute(this.#paths, "title", paths.join("\n"));
    this.#raw.refresh();
  }

  raw(files: readonly RawFile[]): void {
    this.#raw.show(files);
  }

  happened(all: readonly Happening[]): void {
    this.#view.happened?.(all);
  }

  #toggleRaw(): void {
    this.#raw.toggle();
    this.#body.hidden = this.#raw.shown;
    setAttribute(this.#rawButton, "aria-pressed", String(this.#raw.shown));
  }

  #bindDrag(name: string, wishes: CardWishes): void {
    const type = "application/x-glassbox-panel";
    this.heading.addEventListener("dragstart", (event) => {
      event.dataTransfer?.setData(type, name);
      event.dataTransfer?.setDragImage(this.element, 20, 20);
      this.element.dataset.dragged = "";
    });
    this.heading.addEventListener("dragend", () => delete this.element.dataset.dragged);
    const after = (event: DragEvent): boolean => {
      const box = this.element.getBoundingClientRect();
      return event.clientX > box.left + box.width / 2;
    };
    this.element.addEventListener("dragover", (event) => {
      if (!event.dataTransfer?.types.includes(type)) return;
      event.preventDefault();
      this.element.dataset.drop = after(event) ? "after" : "before";
    });
    this.element.addEventListener("dragleave", () => delete this.element.dataset.drop);
    this.element.addEventListener("drop", (event) => {
      delete this.element.dataset.drop;
      const dragged = event.dataTransfer?.getData(type);
      if (!dragged) return;
      event.preventDefault();
      wishes.dropOn(dragged, after(event));
    });
  }
}

/** plain shows the reading of a panel that has no file here. */
function plain(name: string): Panel {
  return {
    name,
    create(body) {
      const pre = el("pre", { class: "raw" });
      body.append(pre);
      return { draw: (reading) => setText(pre, JSON.stringify(reading, null, 2)) };
    },
  };
}
