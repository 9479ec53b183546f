import { all, el, icon, setText } from "./dom.ts";
import { inline } from "./inline.ts";
import type { LabSocket } from "./lab-socket.ts";
import type { PredictionEvent, QuizEvent } from "./protocol.ts";

interface Page {
  toast(text: string): void;
}

/**
 * Questions are quizzes and predictions. The page holds no answers: a choice goes to the server, which answers with
 * right or wrong and why. A prediction is answered later, once the kernel has shown what happens.
 */
export class Questions {
  readonly #questions = new Map<string, Question>();
  readonly #predictions = new Map<string, PredictionEvent>(); // the last that was told, by id
  readonly #root: HTMLElement;
  readonly #lab: LabSocket;
  readonly #page: Page;

  constructor(root: HTMLElement, lab: LabSocket, answered: Record<string, boolean>, page: Page) {
    this.#root = root;
    this.#lab = lab;
    this.#page = page;
    this.renew(answered);
    lab.on("quiz", (q) => this.#quiz(q));
    lab.on("prediction", (p) => this.#prediction(p));
  }

  /** renew takes in the questions that are in the lesson now. Those that were there before stay as they are. */
  renew(answered: Record<string, boolean>): void {
    const lost = "There is no connection to the lab at the moment. It comes back by itself.";
    const before = new Map(this.#questions);
    this.#questions.clear();
    const known = (key: string, section: HTMLElement): boolean => {
      const question = before.get(key);
      if (question?.section !== section) return false;
      this.#questions.set(key, question);
      return true;
    };
    for (const section of all("[data-quiz]", this.#root)) {
      const id = section.dataset.quiz ?? "";
      if (known(`quiz ${id}`, section)) continue;
      const question = new Question(section, "Question");
      this.#questions.set(`quiz ${id}`, question);
      if (answered[id] !== undefined)
        question.mark(answered[id] ? "right" : "wrong", answered[id] ? "answered" : "try again");
      question.onAnswer((values) => {
        if (!this.#lab.request({ type: "answer", quiz: id, choices: values.map(Number) })) this.#page.toast(lost);
      });
    }
    for (const section of all("[data-predict]", this.#root)) {
      const id = section.dataset.predict ?? "";
      if (known(`predict ${id}`, section)) continue;
      const question = new Question(section, "Predict, then run");
      this.#questions.set(`predict ${id}`, question);
      question.onAnswer((values) => {
        if (!this.#lab.request({ type: "predict", predict: id, value: values[0] ?? "" })) this.#page.toast(lost);
      });
      const told = this.#predictions.get(id);
      if (told) this.#prediction(told);
    }
  }

  #quiz(event: QuizEvent): void {
    const question = this.#questions.get(`quiz ${event.quiz}`);
    if (!question) return;
    question.mark(event.right ? "right" : "wrong", event.right ? "right" : "not right");
    question.because(event.right ? "Right." : "Not right; try again.", event.because ?? []);
  }

  #prediction(event: PredictionEvent): void {
    this.#predictions.set(event.predict, event);
    const question = this.#questions.get(`predict ${event.predict}`);
    if (!question) return;
    if (event.value !== undefined) question.choose(event.value);
    if (event.outcome === "waiting") {
      question.mark("waiting", "waiting for the kernel");
      question.because("Noted. Now run it, and see.", []);
      return;
    }
    const right = event.outcome === "right";
    question.mark(event.outcome, right ? "as you said" : "otherwise");
    question.compare(event.value, event.got);
    const got = event.got ? ` It was: ${question.wordsOf(event.got)}` : "";
    question.because(
      right ? "The kernel did as you said." : `The kernel did otherwise.${got}`,
      event.because ? [event.because] : [],
    );
  }
}

type Outcome = "right" | "wrong" | "waiting";

class Question {
  readonly section: HTMLElement;
  readonly #form: HTMLFormElement;
  readonly #state: HTMLElement;
  readonly #verdict: HTMLElement;

  constructor(section: HTMLElement, kicker: string) {
    this.section = section;
    const form = section.querySelector("form");
    if (!form) throw new Error(`question ${section.id} has no form`);
    this.#form = form;
    this.#state = el("span", { class: "exercise-state" });
    section.prepend(
      el(
        "p",
        { class: "question-head" },
        el("span", { class: "sign", "aria-hidden": "true" }, icon("ask")),
        el("span", { class: "kicker" }, kicker),
        this.#state,
      ),
    );
    this.#verdict =
      section.querySelector<HTMLElement>(".verdict") ?? section.appendChild(el("div", { class: "verdict" }));
  }

  onAnswer(answer: (values: string[]) => void): void {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const given = new FormData(this.#form);
      const values = [...given.getAll("choice"), ...given.getAll("value")].map(String).filter((v) => v !== "");
      if (values.length > 0) answer(values);
      else setText(this.#state, "choose first");
    });
    this.#form.addEventListener("change", () => {
      if (this.section.dataset.outcome === "wrong" && this.section.dataset.quiz !== undefined) {
        delete this.section.dataset.outcome;
        setText(this.#state, "");
      }
    });
  }

  mark(outcome: Outcome, words: string): void {
    this.section.dataset.outcome = outcome;
    setText(this.#state, words);
    // A prediction is a commitment; a quiz may be tried again until it is right.
    const done = outcome === "right" || this.section.dataset.predict !== undefined;
    for (const field of all<HTMLInputElement | HTMLButtonElement>("input, button", this.#form)) field.disabled = done;
  }

  choose(value: string): void {
    for (const input of all<HTMLInputElement>("input", this.#form)) {
      if (input.type === "number") input.value = value;
      else input.checked = input.value === value;
    }
  }

  /** compare says on the choices which one was predicted, and which one the kernel has shown. */
  compare(predicted: string | undefined, shown: string | undefined): void {
    for (const choice of all(".choice", this.#form)) {
      const said = choice.dataset.choice === predicted;
      const is = choice.dataset.choice === shown;
      choice.querySelector(".choice-outcome")?.remove();
      choice.toggleAttribute("data-shown", is);
      if (!said && !is) continue;
      const words = [said ? "your prediction" : "", is ? "what the kernel showed" : ""].filter(Boolean).join(", and ");
      choice.append(el("span", { class: "choice-outcome" }, icon(is ? "tick" : "refused"), words));
    }
  }

  /** wordsOf is the text of the choice of that number; a number that was asked for is its own words. */
  wordsOf(value: string): string {
    const choice = this.#form.querySelector(`.choice[data-choice="${CSS.escape(value)}"] .choice-text`);
    return choice?.textContent?.trim() ?? value;
  }

  because(head: string, sentences: readonly string[]): void {
    const outcome = this.section.dataset.outcome;
    this.#verdict.dataset.status = outcome === "right" ? "passed" : outcome === "wrong" ? "not-yet" : "waiting";
    this.#verdict.replaceChildren(
      el(
        "p",
        { class: "verdict-say" },
        icon(outcome === "right" ? "tick" : outcome === "wrong" ? "refused" : "ask"),
        el("b", {}, head),
      ),
      ...sentences.map((s) => el("p", {}, inline(s))),
    );
  }
}
