import type { Changes } from "./changes.ts";
import type { Happening } from "./protocol.ts";

/**
 * Panel is one live panel: a file in panels/ whose default export it is. Adding one is adding that file, and the Go file
 * that makes its readings.
 */
export interface Panel {
  /** as in the messages of the lab's socket */
  readonly name: string;
  /** create fills the empty body of a card once, and returns what draws readings into it */
  create(body: HTMLElement): PanelView;
}

export interface PanelView {
  /**
   * draw shows a reading, and marks what has changed since the learner's last command. It keeps its elements, so that
   * nothing jumps, loses focus or scrolls back.
   */
  draw?(reading: unknown, at: string, changes: Changes): void;
  /** happened is told everything that happened so far and what is new; only the timeline listens */
  happened?(all: readonly Happening[]): void;
}

/** panel gives a panel's file its reading's type. The server is ours, so the shape is believed. */
export function panel<R>(of: {
  name: string;
  create(body: HTMLElement): { draw(reading: R, at: string, changes: Changes): void };
}): Panel {
  return {
    name: of.name,
    create(body) {
      const view = of.create(body);
      return { draw: (reading, at, changes) => view.draw(reading as R, at, changes) };
    },
  };
}
