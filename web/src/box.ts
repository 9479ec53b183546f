import { el, find, icon, setText } from "./dom.ts";
import type { LabSocket } from "./lab-socket.ts";
import { Making } from "./making.ts";
import type { BoxEvent, Task } from "./protocol.ts";
import type { Terminals } from "./terminals.ts";

interface Page {
  say(text: string): void;
  toast(text: string): void;
}

/** Box is the state of the learner's sandbox in the header, over the terminals, and the three verbs. */
export class Box {
  readonly #menu: HTMLElement;
  readonly #overlay: HTMLElement;
  readonly #lacks: HTMLElement;
  readonly #terminals: Terminals;
  readonly #page: Page;
  readonly #making = new Making();
  readonly #makingAbove = new Making();
  #event: BoxEvent = { type: "box", state: "building" };
  #lost = false; // until a connection that is tried again is there
  #id: string | undefined;
  #late: ReturnType<typeof setTimeout> | undefined;

  constructor(lab: LabSocket, terminals: Terminals, page: Page) {
    this.#menu = find("#box");
    this.#overlay = find("[data-box-overlay]");
    this.#lacks = find("#lacks");
    this.#terminals = terminals;
    this.#page = page;
    lab.on("box", (event) => this.#changed(event));
    lab.onConnection((now) => {
      if (now !== "connecting") this.#lost = now !== "open";
      this.#draw();
    });
    for (const verb of ["shell", "restart", "wipe"] as const) {
      find(`[data-verb=${verb}]`, this.#menu).addEventListener("click", () => void this.#do(verb));
    }
    this.#draw();
  }

  #changed(event: BoxEvent): void {
    const before = this.#event;
    this.#event = event;
    // One whose building was told has its shells expected already.
    const another =
      before.state !== "building" && event.id !== undefined && this.#id !== undefined && event.id !== this.#id;
    if (another || ["ended", "failed", "waiting", "lacking"].includes(event.state)) this.#terminals.boxGone();
    if (event.state === "building") this.#terminals.boxComes();
    if (event.id !== undefined) this.#id = event.id;
    if (event.state === "ready") this.openTerminals();
    if (before.state !== event.state) {
      const words = {
        waiting: `Your box is not there yet. ${event.say ?? ""}`,
        lacking: `This lab cannot build the box of this lesson. ${event.say ?? ""}`,
        building: "Your box is being built.",
        ready: "Your box is ready.",
        ended: "Your box has ended.",
        failed: "Your box could not be built.",
      };
      this.#page.say(words[event.state]);
    }
    this.#draw();
  }

  #draw(): void {
    const { state, hostname, error } = this.#event;
    const lost = this.#lost;
    this.#menu.dataset.state = lost ? "lost" : state;
    const words = {
      waiting: "not yet…",
      lacking: "not here",
      building: "building…",
      ready: hostname || "ready",
      ended: "ended",
      failed: "not built",
    }[state];
    setText(find("[data-box-words]", this.#menu), lost ? "reconnecting…" : words);
    const say = {
      waiting: this.#event.say || "The lab prepares what it needs.",
      lacking: this.#event.say || "This lab cannot build it.",
      building: "It is being built.",
      ready: hostname ? `It runs, and calls itself ${hostname}.` : "It runs.",
      ended: "It has ended: its PID 1 is gone. Restart it to go on.",
      failed: error || "It could not be built.",
    }[state];
    setText(
      find("[data-box-say]", this.#menu),
      lost ? "The connection to the lab is lost. Your box keeps running; this page comes back by itself." : say,
    );
    this.#drawOverlay();
    this.#drawLacks();
  }

  // Above the text too: on a narrow screen the terminals are behind a tab.
  #drawLacks(): void {
    const { state, say, do: remedy } = this.#event;
    this.#makingAbove.tell(this.#tasks);
    this.#lacks.hidden = state !== "waiting" && state !== "lacking";
    if (this.#lacks.hidden) return;
    const head = state === "waiting" ? "The box is being prepared." : "This lab cannot build the box of this lesson.";
    const words = [head, say, remedy, "The text can be read all the same."].filter(Boolean);
    // It is read out, so it is not touched while it says the same.
    if (this.#lacks.dataset.said === words.join(" ")) return;
    this.#lacks.dataset.said = words.join(" ");
    this.#lacks.replaceChildren(
      el(
        "p",
        {},
        icon(state === "waiting" ? "box" : "danger"),
        el("span", {}, el("b", {}, head), ` ${words.slice(1).join(" ")}`),
      ),
      this.#makingAbove.element,
    );
  }

  /** tasks are what the lab does for a box that waits, as far as it tells. */
  get #tasks(): readonly Task[] {
    return this.#event.state === "waiting" && !this.#lost ? (this.#event.tasks ?? []) : [];
  }

  #drawOverlay(): void {
    clearTimeout(this.#late);
    const { state, error, say, do: remedy } = this.#event;
    this.#making.tell(this.#tasks);
    const show = (...children: (Node | string)[]): void => {
      this.#overlay.dataset.state = state;
      this.#overlay.replaceChildren(...children);
      this.#overlay.hidden = false;
    };
    const restart = (words: string): HTMLElement =>
      el(
        "button",
        { type: "button", class: "button", onclick: () => void this.#do("restart") },
        icon("restart"),
        ` ${words}`,
      );
    switch (state) {
      case "ready":
        this.#overlay.hidden = true;
        return;
      case "waiting":
        if (this.#overlay.dataset.state !== state || this.#overlay.hidden) {
          show(
            el("div", { class: "building", "aria-hidden": "true" }, el("i"), el("i"), el("i")),
            el("p", { "data-head": "" }),
            el("p", { class: "aside", "data-say": "" }),
            this.#making.element,
            el("p", { class: "aside" }, "Your box is built as soon as this is done. You can read on meanwhile."),
          );
        }
        setText(
          find("[data-head]", this.#overlay),
          this.#lost ? "The lab does not answer. Trying again…" : "Your box is not there yet.",
        );
        setText(find("[data-say]", this.#overlay), say || "The lab prepares what it needs.");
        return;
      case "lacking":
        show(
          icon("refused"),
          el("p", {}, "This lab cannot build the box of this lesson."),
          el("pre", { class: "reason" }, [say, remedy].filter(Boolean).join("\n\n")),
          el("p", { class: "aside" }, "The text can be read all the same."),
        );
        return;
      case "building":
        // A box is mostly there before anybody has seen that it was not.
        this.#late = setTimeout(
          () =>
            show(
              el("div", { class: "building", "aria-hidden": "true" }, el("i"), el("i"), el("i")),
              el("p", {}, this.#lost ? "The lab does not answer. Trying again…" : "Your box is being built."),
              el("p", { class: "aside" }, "Namespaces, limits, a root of its own, a network."),
            ),
          250,
        );
        return;
      case "ended":
        show(
          icon("box"),
          el("p", {}, "Your box has ended."),
          el(
            "p",
            { class: "aside" },
            "Its PID 1 is gone, as after a reboot, and with it every process and file. What you have passed stays.",
          ),
          restart("Restart the box"),
        );
        return;
      case "failed":
        show(
          icon("refused"),
          el("p", {}, "Your box could not be built."),
          error ? el("pre", { class: "reason" }, error) : "",
          restart("Try again"),
        );
    }
  }

  /** openTerminals opens a shell in each terminal that has none, if there is a box for it. */
  openTerminals(): void {
    if (this.#event.state === "ready") this.#terminals.openAll();
  }

  /** restart asks, and replaces the box by a fresh one. */
  restart(): void {
    void this.#do("restart");
  }

  async #do(verb: "shell" | "restart" | "wipe"): Promise<void> {
    if (verb === "shell") return this.#terminals.newShell();
    const ask = {
      restart: {
        title: "Restart the box?",
        lost: ["every file that you made in it", "every process that runs in it, and what the terminals show"],
        kept: "Your passed exercises and answers stay.",
        yes: "Restart the box",
      },
      wipe: {
        title: "Wipe this lesson?",
        lost: [
          "the box: its files, processes and terminals",
          "your passed exercises, answers and hints of this lesson",
          "the values that were drawn for you; you get new ones",
        ],
        kept: "Other lessons are not touched.",
        yes: "Wipe",
      },
    }[verb];
    // A box that is gone has nothing to lose.
    const nothing = verb === "restart" && (this.#event.state === "ended" || this.#event.state === "failed");
    if (!nothing && !(await confirm(ask))) return;
    const url = find(`[data-verb=${verb}]`, this.#menu).dataset.url ?? "";
    try {
      const response = await fetch(url, { method: "POST", headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(await fault(response));
      if (verb === "wipe") location.reload(); // the text has other values now
    } catch (e) {
      this.#page.toast(`That did not work: ${e instanceof Error ? e.message : "the lab does not answer"}`);
    }
  }
}

/** fault is what the server says about a request that it did not grant. */
async function fault(response: Response): Promise<string> {
  try {
    const { say, do: remedy } = (await response.json()) as { say?: string; do?: string };
    return [say, remedy].filter(Boolean).join(" ") || response.statusText;
  } catch {
    return response.statusText;
  }
}

interface Ask {
  title: string;
  lost: string[];
  kept: string;
  yes: string;
}

function confirm(ask: Ask): Promise<boolean> {
  const dialog = find<HTMLDialogElement>("#confirm");
  setText(find("h2", dialog), ask.title);
  find("[data-confirm-say]", dialog).replaceChildren(
    el("p", {}, "This is lost:"),
    el("ul", {}, ...ask.lost.map((l) => el("li", {}, l))),
    el("p", { class: "kept" }, icon("tick"), ` ${ask.kept}`),
  );
  setText(find("[data-confirm-yes]", dialog), ask.yes);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    const closed = (): void => {
      // What was pressed is in a menu that has closed, and cannot have the focus back.
      const at = document.activeElement;
      if (!at || at === document.body || !at.checkVisibility()) find("#box summary").focus();
      resolve(dialog.returnValue === "yes");
    };
    dialog.addEventListener("close", closed, { once: true });
  });
}
