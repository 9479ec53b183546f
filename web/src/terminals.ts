import { all, el, find, setAttribute, setText } from "./dom.ts";
import { FindBar } from "./find-bar.ts";
import { freshName } from "./format.ts";
import type { Connection } from "./reconnecting.ts";
import { isBoolean, isNumber, recall, remember } from "./remember.ts";
import { type Look, Terminal } from "./terminal.ts";
import { onTheme } from "./theme.ts";

/** Wishes is what the terminals want of the rest of the page. */
export interface Wishes {
  /** open asks the server for the shell of that name; answered by opened or refused */
  open(name: string): void;
  leave(direction: 1 | -1): void;
  say(text: string): void;
}

interface Tab {
  terminal: Terminal;
  button: HTMLButtonElement;
  title: HTMLElement;
  caption: HTMLElement;
}

const sizes = { least: 9, usual: 13, most: 24 };
const connectionWords: Record<Connection, string> = {
  connecting: "connecting…",
  open: "",
  waiting: "connection lost, trying again…",
  gone: "this shell is gone",
};

/**
 * Terminals are the shells of the box: tabs, or side by side. A terminal is known by its name, which the lesson's
 * blocks use; the shell behind a name may end and be replaced by a new one.
 */
export class Terminals {
  readonly #region: HTMLElement;
  readonly #screens: HTMLElement;
  readonly #tablist: HTMLElement;
  readonly #wishes: Wishes;
  readonly #path: string;
  readonly #tabs = new Map<string, Tab>();
  readonly #find: FindBar;
  #active: string;
  #split: boolean;
  #look: Look;
  #boxIsComing = true;

  constructor(region: HTMLElement, path: string, names: readonly string[], wishes: Wishes) {
    this.#region = region;
    this.#path = path;
    this.#wishes = wishes;
    this.#screens = find("[data-screens]", region);
    this.#tablist = find("[role=tablist]", region);
    this.#active = names[0] ?? "one";
    this.#split = recall("split", isBoolean) ?? names.length > 1;
    this.#look = {
      fontSize: recall("font-size", isNumber) ?? sizes.usual,
      screenReader: recall("screen-reader", isBoolean) ?? false,
    };
    this.#find = new FindBar(region, () => this.#current.terminal);
    for (const name of names.length > 0 ? names : [this.#active]) this.#add(name);
    this.#bindBar();
    this.#show();
    onTheme((now) => this.#each((t) => t.setTheme(now)));
    addEventListener("beforeunload", (event) => {
      // Ctrl-W means "delete a word" to a shell and "close the tab" to a browser. Nothing would be lost, but ask.
      if (this.focused) event.preventDefault();
    });
  }

  get active(): string {
    return this.#active;
  }

  get focused(): boolean {
    return [...this.#tabs.values()].some((t) => t.terminal.focused);
  }

  /** offer adds the terminals that the lesson has and the page has not. */
  offer(names: readonly string[]): void {
    for (const name of names) if (!this.#tabs.has(name)) this.#add(name);
    this.#show();
  }

  /** openAll asks for the shells of all tabs; the box has just become ready. */
  openAll(): void {
    this.#boxIsComing = false;
    for (const [name, { terminal }] of this.#tabs) {
      if (!terminal.attached && !terminal.ended) this.#open(name, terminal);
    }
  }

  /** opened is told the shell behind a name. */
  opened(name: string, id: string): void {
    if (this.#boxIsComing) return; // a late answer: it is one of the old box's
    const tab = this.#tabs.get(name) ?? this.#add(name);
    delete tab.button.dataset.ended;
    tab.terminal.attach(this.#path + encodeURIComponent(id));
  }

  /** refused is told that there is no shell for a name, and why. */
  refused(name: string, why: string): void {
    const terminal = this.#tabs.get(name)?.terminal;
    if (terminal && !terminal.attached && !this.#boxIsComing) terminal.refuse(why);
  }

  /** boxComes says that a box is being built: what is typed from now on is for its shells. */
  boxComes(): void {
    this.#boxIsComing = true;
    this.#each((t) => t.expect());
  }

  /** boxGone lets go of all shells: their box has ended. */
  boxGone(): void {
    this.#boxIsComing = false;
    this.#each((t) => t.detach());
  }

  /** newShell opens one more terminal and goes there. */
  newShell(): void {
    const name = freshName(new Set(this.#tabs.keys()));
    this.#open(name, this.#add(name).terminal);
    this.activate(name);
    this.focus();
  }

  /** run types a block's lines into the terminal of that name, and opens it if need be. */
  run(name: string, text: string, interrupt: boolean): void {
    const terminal = this.#use(name);
    if (!interrupt || !terminal.attached) {
      terminal.typeLines(text);
      return;
    }
    // The tty throws away what it holds when ^C comes, so the lines wait until the shell has answered it.
    terminal.type("\x03");
    setTimeout(() => terminal.typeLines(text), 200);
  }

  /** write has a shell write a file: its text between a command and the end of that. */
  write(name: string, text: string): void {
    this.#use(name).typePiece(text);
  }

  /** use brings the terminal of that name to the front, opened if need be, for something to be typed there. */
  #use(name: string): Terminal {
    const { terminal } = this.#tabs.get(name) ?? this.#add(name);
    this.activate(name);
    if (!terminal.attached) this.#open(name, terminal);
    terminal.element.classList.remove("flash");
    void terminal.element.offsetWidth;
    terminal.element.classList.add("flash");
    terminal.focus();
    return terminal;
  }

  activate(name: string): void {
    if (!this.#tabs.has(name)) return;
    this.#active = name;
    this.#show();
  }

  focus(): void {
    this.#current.terminal.focus();
  }

  get #current(): Tab {
    const tab = this.#tabs.get(this.#active) ?? [...this.#tabs.values()][0];
    if (!tab) throw new Error("there is no terminal");
    return tab;
  }

  #each(act: (t: Terminal) => void): void {
    for (const tab of this.#tabs.values()) act(tab.terminal);
  }

  /** open has a terminal get a shell. While the box is being built there is none to ask for; openAll does. */
  #open(name: string, terminal: Terminal): void {
    terminal.expect();
    if (!this.#boxIsComing) this.#wishes.open(name);
  }

  #add(name: string): Tab {
    const title = el("span", { class: "tab-title" });
    const button = el(
      "button",
      {
        type: "button",
        role: "tab",
        class: "tab",
        id: `tab-${name}`,
        "aria-controls": `terminal-${name}`,
        "data-name": name,
      },
      el("span", { class: "tab-name" }, name),
      title,
    );
    button.addEventListener("click", () => {
      this.activate(name);
      this.focus();
    });
    const terminal = new Terminal(name, this.#look, {
      focused: () => {
        this.#active = name;
        this.#show();
      },
      titled: (text) => {
        setText(title, text);
        setText(caption, text);
      },
      connection: () => this.#showConnection(),
      exit: (status) => {
        button.dataset.ended = "";
        this.#wishes.say(`The shell in terminal ${name} has ended with status ${status}.`);
      },
      leave: (direction) => this.#wishes.leave(direction),
      find: () => this.#find.open(),
      newShell: () => {
        this.#open(name, terminal);
        terminal.focus();
      },
    });
    const caption = el("span", { class: "tab-title" });
    terminal.element.id = `terminal-${name}`;
    terminal.element.setAttribute("role", "tabpanel");
    terminal.element.setAttribute("aria-label", `Terminal ${name}`);
    terminal.element.prepend(el("p", { class: "terminal-caption", "aria-hidden": "true" }, el("b", {}, name), caption));
    const tab: Tab = { terminal, button, title, caption };
    if (this.#boxIsComing) terminal.expect();
    this.#tabs.set(name, tab);
    this.#tablist.append(button);
    this.#screens.append(terminal.element);
    return tab;
  }

  #show(): void {
    const several = this.#tabs.size > 1;
    this.#region.toggleAttribute("data-side-by-side", this.#split && several);
    setAttribute(find("[data-split]", this.#region), "aria-pressed", String(this.#split));
    for (const [name, tab] of this.#tabs) {
      const active = name === this.#active;
      setAttribute(tab.button, "aria-selected", String(active));
      tab.button.tabIndex = active ? 0 : -1;
      tab.terminal.element.toggleAttribute("data-active", active);
    }
    this.#showConnection();
  }

  #showConnection(): void {
    const states = [...this.#tabs.values()].map((t) => t.terminal.element.dataset.connection as Connection | undefined);
    const worst = (["gone", "waiting", "connecting"] as const).find((s) => states.includes(s)) ?? "open";
    const node = find("[data-connection]", this.#region);
    node.dataset.connection = worst;
    setText(node, connectionWords[worst]);
  }

  #bindBar(): void {
    const on = (selector: string, act: (button: HTMLElement) => void): void => {
      const button = find(selector, this.#region);
      button.addEventListener("click", () => act(button));
    };
    on("[data-new-terminal]", () => this.newShell());
    on("[data-split]", () => {
      this.#split = !this.#split;
      remember("split", this.#split);
      this.#show();
    });
    on("[data-find]", () => this.#find.open());
    on("[data-larger]", () => this.#resizeText(1));
    on("[data-smaller]", () => this.#resizeText(-1));
    const reader = find("[data-screen-reader]", this.#region);
    setAttribute(reader, "aria-pressed", String(this.#look.screenReader));
    on("[data-screen-reader]", () => {
      this.#setLook({ ...this.#look, screenReader: !this.#look.screenReader });
      setAttribute(reader, "aria-pressed", String(this.#look.screenReader));
    });
    this.#tablist.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const buttons = all<HTMLButtonElement>("[role=tab]", this.#tablist);
      const at = buttons.findIndex((b) => b.dataset.name === this.#active);
      const next = buttons[(at + step + buttons.length) % buttons.length];
      if (!next?.dataset.name) return;
      this.activate(next.dataset.name);
      next.focus();
    });
  }

  #resizeText(by: number): void {
    const fontSize = Math.max(sizes.least, Math.min(sizes.most, this.#look.fontSize + by));
    this.#setLook({ ...this.#look, fontSize });
  }

  #setLook(look: Look): void {
    this.#look = look;
    remember("font-size", look.fontSize);
    remember("screen-reader", look.screenReader);
    this.#each((t) => t.setLook(look));
  }

  /** press sends a key of the phone's key row to the terminal in front. */
  press(bytes: string): void {
    this.#current.terminal.type(bytes);
    this.focus();
  }
}
