/** Announcer says things to a screen reader, politely: it waits until the reader has finished its sentence. */
export class Announcer {
  readonly #region: HTMLElement;

  constructor(region: HTMLElement) {
    this.#region = region;
  }

  say(text: string): void {
    // A live region speaks changes, so the same sentence twice needs a change.
    this.#region.textContent = this.#region.textContent === text ? `${text}\u00a0` : text;
  }
}
