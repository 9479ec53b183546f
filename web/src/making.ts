import { el, setAttribute, setText } from "./dom.ts";
import { duration, ofDownload } from "./format.ts";
import type { Task } from "./protocol.ts";

/** amount is how much of a task is done, in words; where nobody knows how much there is, how many seconds it has taken. */
export function amount(task: Task, took: number): string {
  if (!task.total) return duration(took);
  if (task.unit === "bytes") return ofDownload(task.done, task.total);
  return `${task.done} of ${task.total} ${task.unit ?? ""}`.trim();
}

/** A row is one task: what, how much, and a bar, which has a value only where there is a total. */
class Row {
  readonly #name = el("span");
  readonly #amount = el("span", { class: "amount" });
  readonly #bar = el("progress");
  readonly element = el("div", { class: "task" }, el("p", {}, this.#name, this.#amount), this.#bar);

  draw(task: Task, took: number): void {
    const name = task.name.charAt(0).toUpperCase() + task.name.slice(1);
    const words = amount(task, took);
    setText(this.#name, name);
    setText(this.#amount, words);
    setAttribute(this.#bar, "aria-label", name);
    setAttribute(this.#bar, "aria-valuetext", words);
    setAttribute(this.#bar, "max", task.total ? String(task.total) : null);
    setAttribute(this.#bar, "value", task.total ? String(Math.min(task.done, task.total)) : null);
  }
}

/**
 * Making shows what the lab is doing for a box that waits: the task, after those that it is a part of. It changes several
 * times a second, so it is read out to nobody who does not ask.
 */
export class Making {
  readonly element = el("div", { class: "making", "aria-live": "off" });
  readonly #rows: Row[] = [];
  #tasks: readonly Task[] = [];
  #at = 0; // when they were told, ms
  #timer: ReturnType<typeof setInterval> | undefined;

  /** tell shows tasks as the lab has just told them; none ends that. */
  tell(tasks: readonly Task[]): void {
    this.#tasks = tasks;
    this.#at = performance.now();
    while (this.#rows.length > tasks.length) this.#rows.pop()?.element.remove();
    while (this.#rows.length < tasks.length) {
      const row = new Row();
      this.#rows.push(row);
      this.element.append(row.element);
    }
    this.#draw();
    clearInterval(this.#timer);
    if (tasks.some((t) => !t.total)) this.#timer = setInterval(() => this.#draw(), 1000);
  }

  #draw(): void {
    const since = (performance.now() - this.#at) / 1000;
    for (const [i, task] of this.#tasks.entries()) this.#rows[i]?.draw(task, task.took + since);
  }
}
