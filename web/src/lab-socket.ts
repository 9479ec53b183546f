import { type LabEvent, type LabRequest, parse } from "./protocol.ts";
import { type Connection, Reconnecting } from "./reconnecting.ts";

type Handler<T extends LabEvent["type"]> = (event: Extract<LabEvent, { type: T }>) => void;

/**
 * LabSocket carries everything of a lesson but the terminals: the state of the box, readings, verdicts, answers.
 *
 * What the page looks at (watch) is said again after each reconnection. Everything else is a question that somebody
 * asked by a click: request returns false when there is no connection, and the one who asked says so to the learner.
 */
export class LabSocket {
  readonly #socket: Reconnecting;
  readonly #handlers = new Map<string, ((event: never) => void)[]>();
  readonly #stateHandlers: ((now: Connection) => void)[] = [];
  #watched: string[] = [];

  constructor(path: string) {
    this.#socket = new Reconnecting({
      address: () => path,
      state: (now) => {
        if (now === "open") this.request({ type: "watch", panels: this.#watched });
        for (const h of this.#stateHandlers) h(now);
      },
      message: (data) => {
        if (typeof data !== "string") return;
        const event = parse<LabEvent>(data);
        if (event) for (const h of this.#handlers.get(event.type) ?? []) h(event as never);
      },
    });
  }

  on<T extends LabEvent["type"]>(type: T, handler: Handler<T>): void {
    const list = this.#handlers.get(type) ?? [];
    list.push(handler as (event: never) => void);
    this.#handlers.set(type, list);
  }

  onConnection(handler: (now: Connection) => void): void {
    this.#stateHandlers.push(handler);
  }

  request(request: LabRequest): boolean {
    return this.#socket.send(JSON.stringify(request));
  }

  /** watch tells which panels are on screen; the server reads nothing for others. */
  watch(panels: string[]): void {
    if (panels.length === this.#watched.length && panels.every((p, i) => p === this.#watched[i])) return;
    this.#watched = panels;
    this.request({ type: "watch", panels });
  }
}
