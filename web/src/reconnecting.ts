import { backoff } from "./backoff.ts";

/** Connection is the state of a socket, as the page shows it in words. */
export type Connection = "connecting" | "open" | "waiting" | "gone";

export interface Options {
  /** address of the socket; asked before each attempt, because it may carry an offset */
  address: () => string;
  /** a frame: text, or bytes */
  message: (data: string | Uint8Array) => void;
  /** the state changed; `opened` tells the owner to say what the server must know */
  state: (now: Connection) => void;
}

/**
 * Reconnecting is a websocket that comes back. Every attempt is a new WebSocket, and events of an older one are ignored,
 * so nothing is ever written to, or read from, a connection that was given up.
 *
 * It comes back with growing pauses, and at once when the browser says that it is online or the page is looked at again.
 * When the server closes with 1008 or a code from 4400 to 4499 there is no use in coming back, and the state is "gone".
 */
export class Reconnecting {
  readonly #options: Options;
  #socket: WebSocket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempt = 0;
  #opened = 0; // when the present connection opened, ms
  #closed = false;
  readonly #now = (): void => this.#hurry();

  constructor(options: Options) {
    this.#options = options;
    addEventListener("online", this.#now);
    document.addEventListener("visibilitychange", this.#now);
    this.#connect();
  }

  /** send sends if there is a connection, and tells whether there was. What must arrive is sent again once it opens. */
  send(data: string | Uint8Array<ArrayBuffer>): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(data);
    return true;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    removeEventListener("online", this.#now);
    document.removeEventListener("visibilitychange", this.#now);
    this.#socket?.close(1000);
    this.#socket = null;
  }

  #connect(): void {
    const url = new URL(this.#options.address(), location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#options.state("connecting");
    socket.onopen = () => {
      if (this.#socket !== socket) return;
      this.#opened = Date.now();
      this.#options.state("open");
    };
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
      if (this.#socket !== socket) return;
      this.#options.message(typeof event.data === "string" ? event.data : new Uint8Array(event.data));
    };
    socket.onclose = (event) => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      if (event.code === 1008 || (event.code >= 4400 && event.code < 4500)) {
        this.close();
        this.#options.state("gone");
        return;
      }
      // A connection that held for a while starts the pauses anew; one that dies at once must not be tried in a rush.
      if (this.#opened > 0 && Date.now() - this.#opened > 2000) this.#attempt = 0;
      this.#opened = 0;
      this.#timer = setTimeout(() => this.#connect(), backoff(this.#attempt++));
      this.#options.state("waiting");
    };
  }

  #hurry(): void {
    if (this.#closed || this.#socket !== null || document.visibilityState !== "visible") return;
    clearTimeout(this.#timer);
    this.#connect();
  }
}
