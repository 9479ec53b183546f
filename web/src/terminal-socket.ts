import { Offsets } from "./offsets.ts";
import { parse, type TerminalEvent, type TerminalRequest } from "./protocol.ts";
import { type Connection, Reconnecting } from "./reconnecting.ts";
import type { TypeAhead } from "./type-ahead.ts";

/** Screen is what a TerminalSocket draws on. */
export interface Screen {
  /** write draws bytes and calls drawn when they are on the screen */
  write(bytes: Uint8Array, drawn: () => void): void;
  /** reset forgets everything that was drawn */
  reset(): void;
  connection(now: Connection): void;
  /** the pty's size, and whether this page decides it; another page that attached later may */
  geometry(rows: number, cols: number, owner: boolean): void;
  exit(status: number): void;
}

const frameMost = 32 * 1024; // bytes of typing in a frame; the server takes twice that

/**
 * TerminalSocket is one shell on the server, seen through a connection that may drop at any time.
 *
 * It asks for output from the first byte it does not have, and acknowledges what is drawn, so that the server stops
 * reading the pty while this page is behind. Typing while the connection is away is kept and sent when it is back, and so
 * is what was typed ahead, before there was a shell.
 */
export class TerminalSocket {
  readonly #offsets = new Offsets();
  readonly #screen: Screen;
  readonly #socket: Reconnecting;
  readonly #ahead: TypeAhead;
  #size: { rows: number; cols: number } | null = null;
  #attached = false;
  #screenful = 0; // counts resets

  constructor(path: string, screen: Screen, ahead: TypeAhead) {
    this.#screen = screen;
    this.#ahead = ahead;
    this.#socket = new Reconnecting({
      address: () => `${path}?offset=${this.#offsets.received}`,
      state: (now) => {
        if (now !== "open") this.#attached = false;
        else this.#sendSize();
        screen.connection(now);
      },
      message: (data) => {
        if (typeof data === "string") this.#control(data);
        else this.#output(data);
      },
    });
  }

  type(bytes: Uint8Array<ArrayBuffer>): void {
    for (let at = 0; at < bytes.length; at += frameMost) {
      const frame = bytes.slice(at, at + frameMost);
      // What is kept goes first.
      if (!this.#attached || !this.#ahead.empty || !this.#socket.send(frame)) this.#ahead.keep(frame);
    }
  }

  resize(rows: number, cols: number): void {
    if (this.#size?.rows === rows && this.#size.cols === cols) return;
    this.#size = { rows, cols };
    this.#sendSize();
  }

  close(): void {
    this.#socket.close();
  }

  #request(request: TerminalRequest): void {
    this.#socket.send(JSON.stringify(request));
  }

  #sendSize(): void {
    if (this.#size) this.#request({ type: "resize", ...this.#size });
  }

  #output(bytes: Uint8Array): void {
    const end = this.#offsets.take(bytes.length);
    const screenful = this.#screenful;
    this.#screen.write(bytes, () => {
      if (screenful !== this.#screenful) return; // drawn before the reset: its offset is another shell's
      const ack = this.#offsets.drew(end);
      if (ack !== null && this.#attached) this.#request({ type: "ack", offset: ack });
    });
  }

  #control(text: string): void {
    const event = parse<TerminalEvent>(text);
    switch (event?.type) {
      case "attached": {
        if (!this.#offsets.attached(event.offset)) {
          this.#screenful++;
          this.#screen.reset();
        }
        this.#attached = true;
        if (event.rows && event.cols) this.#screen.geometry(event.rows, event.cols, event.owner ?? true);
        const ack = this.#offsets.acknowledge();
        if (ack !== null) this.#request({ type: "ack", offset: ack });
        this.#ahead.deliver((bytes) => this.#socket.send(bytes));
        break;
      }
      case "resized":
        this.#screen.geometry(event.rows, event.cols, event.owner);
        break;
      case "exit":
        this.#socket.close();
        this.#screen.exit(event.status);
        break;
    }
  }
}
