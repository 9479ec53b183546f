import { copy } from "./clipboard.ts";
import { all, icon } from "./dom.ts";

/** Sign words for the buttons that the lesson's renderer makes without signs. */
const signs: Record<string, string> = {
  run: "run",
  write: "write",
  copy: "copy",
  check: "tick",
  hint: "hint",
  solution: "lock",
};

/** decorate gives the blocks below a node their signs. It is called again for what comes later: hints, solutions. */
export function decorate(root: ParentNode): void {
  for (const [name, sign] of Object.entries(signs)) {
    for (const button of all(`button[data-${name}]`, root))
      if (!button.querySelector("svg")) button.prepend(icon(sign), " ");
  }
  for (const note of all(".note-label", root)) {
    const kind = [...(note.closest(".note")?.classList ?? [])].find((c) => c.startsWith("note-"))?.slice(5) ?? "";
    const sign = { surprise: "surprise", why: "why", danger: "danger", docker: "box" }[kind];
    if (sign && !note.querySelector("svg")) note.prepend(icon(sign), " ");
  }
}

/** textOf is what a block shows, as it is to be typed: each line ended. */
export function textOf(block: Element): string {
  return all(".line", block)
    .map((line) => `${line.textContent ?? ""}\n`)
    .join("");
}

export interface Runner {
  run(terminal: string, text: string, interrupt: boolean): void;
  /** write types what writes a file: the command, the file's text, its end */
  write(terminal: string, text: string): void;
}

/** bindBlocks makes the Run, Write and Copy buttons below a node work, those that come later included. */
export function bindBlocks(root: HTMLElement, runner: Runner, say: (text: string) => void): void {
  root.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-run], [data-write], [data-copy]");
    const block = button?.closest<HTMLElement>(".run, .code");
    if (!button || !block) return;
    if (button.hasAttribute("data-run")) {
      block.dataset.ran = "";
      runner.run(block.dataset.terminal ?? "", textOf(block), block.hasAttribute("data-interrupt"));
      return;
    }
    if (button.hasAttribute("data-write")) {
      block.dataset.ran = "";
      const { terminal = "", before = "", after = "" } = block.dataset;
      runner.write(terminal, before + textOf(block) + after);
      return;
    }
    void copy(textOf(block).replace(/\n$/, "")).then((done) => {
      say(done ? "Copied." : "The browser does not let this page copy. Select the text instead.");
      if (!done) return;
      button.dataset.done = "";
      setTimeout(() => delete button.dataset.done, 1500);
    });
  });
}
