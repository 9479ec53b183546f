import { FitAddon } from "@xterm/addon-fit";
import type { SearchAddon } from "@xterm/addon-search";
import { Unicode11Addon } from "@xterm/addon-unicode11";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { Terminal as Xterm } from "@xterm/xterm";
import { copy } from "./clipboard.ts";
import { el, icon } from "./dom.ts";
import { follow, harmless } from "./links.ts";
import type { Connection } from "./reconnecting.ts";
import { type Screen, TerminalSocket } from "./terminal-socket.ts";
import { findColours, terminalTheme } from "./terminal-theme.ts";
import { type Theme, theme } from "./theme.ts";
import { TypeAhead } from "./type-ahead.ts";

/** Listener hears what happens in a terminal. */
export interface Listener {
  focused(): void;
  titled(title: string): void;
  connection(now: Connection): void;
  exit(status: number): void;
  /** the keys that leave the terminal: 1 forwards, -1 backwards */
  leave(direction: 1 | -1): void;
  find(): void;
  newShell(): void;
}

// xterm measures a character when it opens, so the font must be there; a slow one is not waited for long.
const font = Promise.race([
  Promise.all([document.fonts.load('13px "IBM Plex Mono"'), document.fonts.load('600 13px "IBM Plex Mono"')]),
  new Promise((resolve) => setTimeout(resolve, 1000)),
]);

/** whenIdle does something when the page has nothing else to do, or in a second. */
function whenIdle(act: () => void): void {
  if ("requestIdleCallback" in globalThis) requestIdleCallback(act, { timeout: 1000 });
  else setTimeout(act, 200); // Safari
}

const input = new TextEncoder();

let graphics: boolean | undefined;

/** hasGraphics tells whether WebGL is drawn by a graphics processor. In software it is slower than elements are. */
function hasGraphics(): boolean {
  graphics ??= !/^$|swiftshader|llvmpipe|softpipe|software|basic render/i.test(renderer());
  return graphics;
}

/** renderer is what WebGL says that it is drawn by; empty where there is none. */
function renderer(): string {
  const gl = document.createElement("canvas").getContext("webgl2");
  const named = gl?.getExtension("WEBGL_debug_renderer_info");
  const name: unknown = gl?.getParameter(named ? named.UNMASKED_RENDERER_WEBGL : gl.RENDERER);
  gl?.getExtension("WEBGL_lose_context")?.loseContext();
  return typeof name === "string" ? name : "";
}

export interface Look {
  fontSize: number;
  screenReader: boolean;
}

/**
 * Terminal is one shell on the screen: xterm.js on an element, and the socket that feeds it.
 *
 * The element exists from the start; xterm opens in it once it is visible and the font is there, because it measures
 * characters. A Terminal outlives its shell: attach gives it another one. Between expect and attach it keeps what is
 * typed, as a tty does for a shell that is not reading yet.
 */
export class Terminal implements Screen {
  readonly name: string;
  readonly element: HTMLElement;
  readonly #screen: HTMLElement;
  readonly #notice: HTMLElement;
  readonly #hover: HTMLElement;
  readonly #xterm: Xterm;
  readonly #fit = new FitAddon();
  readonly #listener: Listener;
  #search: SearchAddon | null = null;
  #socket: TerminalSocket | null = null;
  #path: string | null = null;
  #expects = false; // a shell
  readonly #ahead = new TypeAhead(); // what is typed for this shell, or the one to come, and not sent yet
  #opened: "no" | "opening" | "yes" = "no";
  #drew = false; // output
  #accelerated = false;
  #wantsFocus = false;
  #owner = true;
  #ended = false;
  #fontSize: number;
  // Programs ask the terminal things (where is the cursor? what are you?), and the answers go back as if typed. While
  // old output is drawn again the one who asked is long gone, and a shell would read the answer as a command.
  #answers = false;

  constructor(name: string, look: Look, listener: Listener) {
    this.name = name;
    this.#listener = listener;
    this.#fontSize = look.fontSize;
    this.#screen = el("div", { class: "screen" });
    this.#notice = el("div", { class: "shell-notice", role: "status", hidden: true });
    this.#hover = el("div", { class: "link-hover", hidden: true });
    this.element = el("div", { class: "tty-pane", "data-name": name }, this.#screen, this.#notice, this.#hover);
    this.#xterm = new Xterm({
      allowProposedApi: true, // unicode11 needs it
      cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
      fontFamily: '"IBM Plex Mono", ui-monospace, "DejaVu Sans Mono", monospace',
      fontSize: look.fontSize,
      lineHeight: 1.2,
      fontWeightBold: "600",
      scrollback: 10_000,
      minimumContrastRatio: 4.5,
      screenReaderMode: look.screenReader,
      theme: terminalTheme(theme()),
      linkHandler: {
        activate: (_, uri) => follow(uri),
        hover: (_, uri) => this.#showLink(uri),
        leave: () => this.#showLink(null),
      },
    });
    this.#xterm.loadAddon(this.#fit);
    this.#xterm.loadAddon(new Unicode11Addon());
    this.#xterm.unicode.activeVersion = "11";
    this.#xterm.loadAddon(
      new WebLinksAddon((_, uri) => follow(uri), {
        hover: (_, uri) => this.#showLink(uri),
        leave: () => this.#showLink(null),
      }),
    );
    this.#silenceOldQuestions();
    this.#xterm.onData((data) => this.#send(input.encode(data)));
    this.#xterm.onBinary((data) => this.#send(Uint8Array.from(data, (c) => c.charCodeAt(0))));
    this.#xterm.onTitleChange((title) => listener.titled(title.slice(0, 80)));
    this.#xterm.onResize(({ rows, cols }) => {
      if (this.#owner) this.#socket?.resize(rows, cols);
    });
    this.#xterm.attachCustomKeyEventHandler((event) => this.#key(event));
    new ResizeObserver(() => this.fit()).observe(this.#screen);
  }

  /** expect says that a shell is on its way, in place of the one that there may be. What is typed from now on is for it. */
  expect(): void {
    if (this.#path !== null) this.detach();
    this.#expects = true;
    this.#tell(null);
  }

  /** attach shows the shell at that socket from its first kept byte on. */
  attach(path: string): void {
    if (path === this.#path) return;
    this.#socket?.close();
    this.#path = path;
    this.#expects = false;
    this.#ended = false;
    this.#owner = true;
    this.#answers = !this.#ahead.empty;
    this.#xterm.reset();
    this.#tell(null);
    this.#connect();
  }

  /** detach lets go of the shell, which is gone or about to be; what it printed stays readable. */
  detach(): void {
    this.#socket?.close();
    this.#socket = null;
    this.#path = null;
    this.#expects = false;
    this.#ended = false;
    this.#ahead.clear();
    this.#tell(null);
  }

  /** refuse is told why there is no shell to be had, which can be tried again. */
  refuse(why: string): void {
    this.detach();
    this.#tell(why, "New shell", () => this.#listener.newShell());
  }

  get attached(): boolean {
    return this.#path !== null && !this.#ended;
  }

  get ended(): boolean {
    return this.#ended;
  }

  focus(): void {
    this.#wantsFocus = true;
    if (this.#opened === "no") this.fit(); // opens it now, so that the next key goes here
    this.#xterm.focus();
  }

  get focused(): boolean {
    return this.#screen.contains(document.activeElement);
  }

  /** type sends text as if it was typed. */
  type(text: string): void {
    this.#answers = true;
    this.#xterm.scrollToBottom();
    this.#send(input.encode(text));
  }

  /** typeLines types lines and Enter after each. A tab asks a shell to complete a word; after ^V it is a tab. */
  typeLines(text: string): void {
    const lines = text.replace(/\n$/, "").replaceAll("\t", "\x16\t").replaceAll("\n", "\r");
    this.type(`${lines}\r`);
  }

  /** typePiece is typeLines for lines that belong together: in one piece where the shell takes one (bracketed paste). */
  typePiece(text: string): void {
    if (!this.attached || !this.#xterm.modes.bracketedPasteMode) {
      this.typeLines(text);
      return;
    }
    // As xterm pastes, which needs to be open for that. An escape in the text would end the piece.
    const piece = text.replace(/\n$/, "").replaceAll("\n", "\r").replaceAll("\x1b", "\u241b");
    this.type(`\x1b[200~${piece}\x1b[201~\r`);
  }

  fit(): void {
    if (this.#screen.clientWidth < 20 || this.#screen.clientHeight < 20) return; // it is not shown
    if (this.#opened === "no") void this.#open();
    if (this.#opened !== "yes") return;
    if (this.#owner) this.#fit.fit();
    else this.#scale();
  }

  setLook(look: Look): void {
    this.#fontSize = look.fontSize;
    this.#xterm.options.screenReaderMode = look.screenReader;
    this.#xterm.options.fontSize = look.fontSize;
    this.#space();
    this.fit();
  }

  setTheme(now: Theme): void {
    this.#xterm.options.theme = terminalTheme(now);
  }

  /** find shows the next or previous place where the text stands, and returns "3 of 12". */
  async find(text: string, direction: 1 | -1, more: boolean): Promise<string> {
    const search = await this.#loadSearch();
    const options = { decorations: findColours(theme()), incremental: !more };
    let words = "";
    const listening = search.onDidChangeResults(({ resultIndex, resultCount }) => {
      words =
        resultCount === 0 ? "not found" : resultIndex < 0 ? `${resultCount}` : `${resultIndex + 1} of ${resultCount}`;
    });
    if (direction > 0) search.findNext(text, options);
    else search.findPrevious(text, options);
    listening.dispose();
    return text === "" ? "" : words;
  }

  endFind(): void {
    this.#search?.clearDecorations();
    this.focus();
  }

  dispose(): void {
    this.#socket?.close();
    this.#xterm.dispose();
    this.element.remove();
  }

  // Screen, for the socket.

  write(bytes: Uint8Array, drawn: () => void): void {
    this.#xterm.write(bytes, () => {
      drawn();
      this.#drew = true;
      this.#accelerate();
    });
  }

  reset(): void {
    this.#xterm.reset();
  }

  connection(now: Connection): void {
    this.element.dataset.connection = now;
    if (now === "open") this.fit();
    this.#listener.connection(now);
  }

  geometry(rows: number, cols: number, owner: boolean): void {
    this.#owner = owner;
    if (owner) {
      this.#xterm.options.fontSize = this.#fontSize;
      this.#tell(null);
      this.fit();
      this.#socket?.resize(this.#xterm.rows, this.#xterm.cols);
    } else {
      if (rows > 0 && cols > 0) this.#xterm.resize(cols, rows);
      this.#scale();
      this.#tell("This shell is open in another window too, which decides its size.", "Use it here", () =>
        this.#again(),
      );
    }
  }

  exit(status: number): void {
    this.#ended = true;
    const how =
      status === 0
        ? "has ended"
        : status > 128
          ? `was ended by signal ${status - 128}`
          : `has ended with status ${status}`;
    this.#tell(`The shell ${how}.`, "New shell", () => this.#listener.newShell());
    this.#listener.exit(status);
  }

  #connect(): void {
    if (this.#path === null) return;
    this.#socket = new TerminalSocket(this.#path, this, this.#ahead);
    this.#socket.resize(this.#xterm.rows, this.#xterm.cols);
  }

  // The window that attached last owns the shell, so to own it is to attach again.
  #again(): void {
    this.#socket?.close();
    this.#xterm.reset();
    this.#owner = true;
    this.#connect();
    this.focus();
  }

  async #open(): Promise<void> {
    this.#opened = "opening";
    await font;
    this.#opened = "yes";
    this.#xterm.open(this.#screen);
    const label = `Terminal ${this.name}. F6 leaves it.`;
    this.#xterm.textarea?.setAttribute("aria-label", label);
    this.#xterm.textarea?.addEventListener("focus", () => this.#listener.focused());
    this.element.dataset.renderer = "dom";
    this.fit();
    if (this.#wantsFocus) this.#xterm.focus();
    this.#accelerate();
  }

  // A graphics context takes longer to begin than a shell does, so the first prompt is drawn without one.
  #accelerate(): void {
    if (this.#accelerated || this.#opened !== "yes" || !this.#drew) return;
    this.#accelerated = true;
    whenIdle(() => void this.#useGraphics());
  }

  // The WebGL renderer is faster on a large screen; without it xterm draws with elements, which does for a phone and
  // spares it a download and a graphics context for each terminal.
  async #useGraphics(): Promise<void> {
    if (matchMedia("(max-width: 800px), (pointer: coarse)").matches || !hasGraphics()) return;
    try {
      const { WebglAddon } = await import("@xterm/addon-webgl");
      const webgl = new WebglAddon();
      webgl.onContextLoss(() => {
        webgl.dispose();
        this.element.dataset.renderer = "dom";
        this.#space();
      });
      this.#xterm.loadAddon(webgl);
      this.element.dataset.renderer = "webgl";
      this.#space();
      this.fit();
    } catch {
      // no WebGL here
    }
  }

  // WebGL draws characters in whole pixels of the device and rounds their width down: 7.8 becomes 7, which is cramped.
  // A pixel between them rounds to the nearest.
  #space(): void {
    const width = 0.6 * (this.#xterm.options.fontSize ?? this.#fontSize) * devicePixelRatio; // of IBM Plex Mono
    const up = this.element.dataset.renderer === "webgl" && width % 1 >= 0.5;
    this.#xterm.options.letterSpacing = up ? 1 : 0;
  }

  async #loadSearch(): Promise<SearchAddon> {
    if (this.#search) return this.#search;
    const { SearchAddon } = await import("@xterm/addon-search");
    this.#search ??= new SearchAddon();
    this.#xterm.loadAddon(this.#search);
    return this.#search;
  }

  #send(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.attached) this.#socket?.type(bytes);
    else if (this.#expects) this.#ahead.keep(bytes);
  }

  #key(event: KeyboardEvent): boolean {
    const type = event.type === "keydown";
    const shifted = event.ctrlKey && event.shiftKey && !event.altKey;
    const taken = (act?: () => void): boolean => {
      event.preventDefault();
      event.stopPropagation();
      if (type) act?.();
      return false;
    };
    if (event.key === "F6") return taken(() => this.#listener.leave(event.shiftKey ? -1 : 1));
    if (shifted && event.code === "Period") return taken(() => this.#listener.leave(1));
    if (shifted && event.code === "KeyF") return taken(() => this.#listener.find());
    if ((shifted && event.code === "KeyC") || (event.ctrlKey && event.code === "Insert")) {
      return taken(() => void copy(this.#xterm.getSelection()));
    }
    // The browser pastes by itself, and xterm hears of it as of any other paste.
    if ((shifted && event.code === "KeyV") || (event.shiftKey && event.code === "Insert")) return false;
    if (type) this.#answers = true;
    return true;
  }

  #silenceOldQuestions(): void {
    const old = (): boolean => !this.#answers;
    const parser = this.#xterm.parser;
    for (const id of [
      { final: "c" },
      { prefix: ">", final: "c" },
      { prefix: "=", final: "c" },
      { final: "n" },
      { prefix: "?", final: "n" },
    ]) {
      parser.registerCsiHandler(id, old);
    }
    parser.registerCsiHandler({ intermediates: "$", final: "p" }, old);
    parser.registerCsiHandler({ prefix: "?", intermediates: "$", final: "p" }, old);
    parser.registerDcsHandler({ intermediates: "$", final: "q" }, old);
    for (const colour of [4, 10, 11, 12]) parser.registerOscHandler(colour, (text) => old() && text.endsWith("?"));
  }

  // Another window decides the number of rows and columns; here the letters shrink until they fit.
  #scale(): void {
    const proposed = this.#fit.proposeDimensions();
    if (!proposed) return;
    const share = Math.min(proposed.cols / this.#xterm.cols, proposed.rows / this.#xterm.rows);
    const size = Math.floor((this.#xterm.options.fontSize ?? this.#fontSize) * share);
    this.#xterm.options.fontSize = Math.max(5, Math.min(this.#fontSize, size));
  }

  #tell(text: string | null, verb = "", act?: () => void): void {
    this.#notice.hidden = text === null;
    const button = act && el("button", { type: "button", class: "small", onclick: act }, icon("shell"), ` ${verb}`);
    this.#notice.replaceChildren(el("span", {}, text ?? ""), button ?? "");
  }

  #showLink(uri: string | null): void {
    const safe = uri === null ? null : harmless(uri);
    this.#hover.hidden = uri === null;
    this.#hover.textContent = uri === null ? "" : (safe ?? "This link is not followed: only http and https are.");
  }
}
