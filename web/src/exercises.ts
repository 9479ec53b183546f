import { all, el, icon, setText } from "./dom.ts";
import { inline } from "./inline.ts";
import type { LabSocket } from "./lab-socket.ts";
import type { Evidence, VerdictEvent } from "./protocol.ts";
import { rendered } from "./rendered.ts";

interface Page {
  say(text: string): void;
  toast(text: string): void;
  /** the set of passed exercises changed */
  progress(passed: ReadonlySet<string>): void;
}

const patience = 10_000; // ms to wait for a verdict before the button can be pressed again

/**
 * Exercises show the server's verdicts. The server looks by itself whenever the state of the box changes, so a tick
 * appears while the learner works; Check asks at once, and says what is missing.
 */
export class Exercises {
  readonly #cards = new Map<string, Card>();
  readonly #root: HTMLElement;
  readonly #lab: LabSocket;
  readonly #passed = new Set<string>();
  /** verdicts on exercises that the page does not have yet: its new text is on the way */
  readonly #early = new Map<string, VerdictEvent>();
  readonly #page: Page;

  constructor(root: HTMLElement, lab: LabSocket, passed: readonly string[], page: Page) {
    this.#root = root;
    this.#lab = lab;
    this.#page = page;
    this.renew(passed);
    lab.on("verdict", (v) => this.#verdict(v));
    lab.on("hint", (h) => this.#cards.get(h.exercise)?.hint(h.stage, h.left, h.html));
    lab.on("solution", (s) => this.#cards.get(s.exercise)?.solution(s.html));
    lab.on("locked", (l) => this.#cards.get(l.exercise)?.locked(l.say));
    lab.on("progress", (p) => this.#progress(p.passed ?? []));
  }

  /**
   * renew takes in the exercises that are in the lesson now. Those that were there before stay as they are, and what has
   * passed stays passed: passed may be older than what the lab has said since.
   */
  renew(passed: readonly string[]): void {
    const before = new Map(this.#cards);
    const were = new Set(this.#passed);
    this.#cards.clear();
    this.#passed.clear();
    for (const id of passed) this.#passed.add(id);
    for (const section of all("[data-exercise]", this.#root)) {
      const known = before.get(section.dataset.exercise ?? "");
      const card = known?.section === section ? known : new Card(section, this.#lab, this.#page);
      this.#cards.set(card.id, card);
      if (were.has(card.id)) this.#passed.add(card.id);
      if (this.#passed.has(card.id)) card.pass(false);
    }
    this.#page.progress(this.#passed);
    const early = [...this.#early.values()];
    this.#early.clear();
    for (const verdict of early) this.#verdict(verdict);
  }

  #verdict(verdict: VerdictEvent): void {
    const card = this.#cards.get(verdict.exercise);
    if (!card) {
      this.#early.set(verdict.exercise, verdict);
      return;
    }
    card.verdict(verdict);
    if (verdict.status === "passed") this.#progress([card.id]);
  }

  #progress(passed: readonly string[]): void {
    const news = passed.filter((id) => !this.#passed.has(id));
    for (const id of news) {
      this.#passed.add(id);
      const card = this.#cards.get(id);
      card?.pass(true);
      if (card) this.#page.say(`Exercise ${card.title}: passed. ${this.#passed.size} of ${this.#cards.size} passed.`);
    }
    if (news.length > 0) this.#page.progress(this.#passed);
  }
}

class Card {
  readonly id: string;
  readonly title: string;
  readonly section: HTMLElement;
  readonly #state: HTMLElement;
  readonly #verdict: HTMLElement;
  readonly #hints: HTMLElement;
  readonly #answer: HTMLElement;
  readonly #check: HTMLButtonElement | null;
  readonly #hintButton: HTMLButtonElement | null;
  readonly #solutionButton: HTMLButtonElement | null;
  readonly #page: Page;
  readonly #all: number;
  #shown = 0; // hints
  #waiting: ReturnType<typeof setTimeout> | undefined;

  constructor(section: HTMLElement, lab: LabSocket, page: Page) {
    this.section = section;
    this.#page = page;
    this.id = section.dataset.exercise ?? "";
    this.#all = Number(section.dataset.hints ?? 0);
    const heading = section.querySelector<HTMLElement>(".exercise-title");
    this.title = heading?.textContent?.trim() ?? this.id;
    this.#state = el("span", { class: "exercise-state" }, "open");
    heading?.prepend(el("span", { class: "sign", "aria-hidden": "true" }, icon("tick")));
    heading?.append(this.#state);
    const part = (name: string): HTMLElement => {
      const found = section.querySelector<HTMLElement>(`:scope > .${name}`);
      if (found) return found;
      const made = el("div", { class: name });
      section.append(made);
      return made;
    };
    this.#verdict = part("verdict");
    this.#hints = part("hints");
    this.#answer = part("answer");
    this.#check = section.querySelector("button[data-check]");
    this.#hintButton = section.querySelector("button[data-hint]");
    this.#solutionButton = section.querySelector("button[data-solution]");
    this.#labelHint(this.#all);

    const ask = (sent: boolean): boolean => {
      if (!sent) page.toast("There is no connection to the lab at the moment. It comes back by itself.");
      return sent;
    };
    this.#check?.addEventListener("click", () => {
      if (!ask(lab.request({ type: "check", exercise: this.id }))) return;
      this.#pending(true);
    });
    this.#hintButton?.addEventListener("click", () => {
      ask(lab.request({ type: "hint", exercise: this.id, stage: this.#shown + 1 }));
    });
    this.#solutionButton?.addEventListener("click", () => {
      if (this.#answer.childElementCount > 0 && this.#answer.dataset.kind === "solution") {
        this.#answer.hidden = !this.#answer.hidden;
        return;
      }
      ask(lab.request({ type: "solution", exercise: this.id }));
    });
  }

  verdict(v: VerdictEvent): void {
    if (v.by === "button") this.#pending(false);
    if (v.status === "passed") {
      this.#verdict.replaceChildren(
        el(
          "p",
          { class: "verdict-say" },
          icon("tick"),
          el(
            "span",
            {},
            v.say ? inline(v.say) : v.by === "earlier" ? "The kernel agreed: passed." : "The kernel agrees: passed.",
          ),
        ),
        evidence(v.evidence ?? [], true) ?? "",
      );
      this.#verdict.dataset.status = "passed";
      return;
    }
    // What the watcher sees while somebody is still working is not a complaint: it only keeps an asked verdict fresh.
    if (v.by === "watch" && (this.#verdict.childElementCount === 0 || v.status === "failed")) return;
    if (this.section.dataset.state === "passed" && v.by === "watch") return;
    const failed = v.status === "failed";
    const say =
      v.say || (failed ? "The check itself went wrong. This is not your answer’s fault; try again." : "Not yet.");
    this.#verdict.dataset.status = v.status;
    this.#verdict.replaceChildren(
      el(
        "p",
        { class: "verdict-say" },
        icon(failed ? "danger" : "refused"),
        el("span", {}, el("b", {}, failed ? "We failed: " : "Not yet: "), inline(say)),
      ),
      evidence(v.evidence ?? [], false) ?? "",
    );
  }

  pass(news: boolean): void {
    this.section.dataset.state = "passed";
    setText(this.#state, "passed");
    if (news) this.section.classList.add("just-passed");
    if (this.#solutionButton && this.#answer.dataset.kind === "locked") this.#answer.replaceChildren();
  }

  hint(stage: number, left: number, html: string): void {
    if (stage <= this.#shown) return;
    this.#shown = stage;
    const node = el("div", { class: "hint-text" }, el("p", { class: "kicker" }, `Hint ${stage}`), rendered(html));
    this.#hints.append(node);
    this.#page.say(`Hint ${stage}: ${node.textContent ?? ""}`);
    this.#labelHint(left);
  }

  solution(html: string): void {
    this.#answer.dataset.kind = "solution";
    this.#answer.hidden = false;
    this.#answer.replaceChildren(el("p", { class: "kicker" }, "Solution"), rendered(html));
  }

  locked(say: string): void {
    this.#answer.dataset.kind = "locked";
    this.#answer.hidden = false;
    this.#answer.replaceChildren(el("p", { class: "locked" }, icon("lock"), el("span", {}, inline(say))));
    this.#page.say(say);
  }

  #labelHint(left: number): void {
    if (!this.#hintButton) return;
    const words = left > 0 ? `Hint ${this.#shown + 1} of ${this.#all}` : "No more hints";
    this.#hintButton.replaceChildren(icon("hint"), ` ${words}`);
    this.#hintButton.disabled = left === 0;
  }

  #pending(on: boolean): void {
    clearTimeout(this.#waiting);
    if (!this.#check) return;
    this.#check.toggleAttribute("data-pending", on);
    this.#check.setAttribute("aria-busy", String(on));
    this.#check.disabled = on;
    if (on) this.#waiting = setTimeout(() => this.#pending(false), patience);
  }
}

function evidence(list: readonly Evidence[], passed: boolean): HTMLElement | null {
  if (list.length === 0) return null;
  return el(
    "dl",
    { class: "evidence", "aria-label": "What was read" },
    ...list.map((e) =>
      el(
        "div",
        {},
        el("dt", {}, e.file),
        e.want ? el("dd", {}, el("span", {}, "wanted "), el("b", {}, e.want)) : null,
        el(
          "dd",
          { class: passed ? "" : "got" },
          el("span", {}, passed ? "read " : "got "),
          el("b", {}, e.got === "" ? "nothing" : e.got),
        ),
      ),
    ),
  );
}
