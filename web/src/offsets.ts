/**
 * Offsets keeps the one number that both flow control and resumption need: how far into the terminal's output this
 * page is. Byte 0 is the first byte that the shell ever wrote.
 *
 *   received  everything before it is in xterm.js. A new connection asks for what follows.
 *   drawn     everything before it is on the screen. It is acknowledged, at most once for every `every` bytes while
 *             more is under way, and at once when the screen has caught up.
 */
export class Offsets {
  received = 0;
  drawn = 0;
  #acked = 0;
  readonly #every: number;

  constructor(every = 32 * 1024) {
    this.#every = every;
  }

  /**
   * attached takes the offset at which the server is going to send. It returns false when that is not where this page
   * stands: then bytes are gone (or the shell is another one), and what is on the screen must be forgotten.
   */
  attached(offset: number): boolean {
    const continues = offset === this.received;
    if (!continues) {
      this.received = offset;
      this.drawn = offset;
    }
    this.#acked = Math.min(offset, this.drawn);
    return continues;
  }

  /** take counts a frame that goes into xterm.js, and returns the offset of its end, to hand to drew later. */
  take(length: number): number {
    this.received += length;
    return this.received;
  }

  /** drew notes that everything before `end` is on the screen. It returns the offset to acknowledge now, or null. */
  drew(end: number): number | null {
    if (end <= this.drawn) return null;
    this.drawn = end;
    if (this.drawn - this.#acked < this.#every && this.drawn !== this.received) return null;
    return this.acknowledge();
  }

  /** acknowledge returns what there is to acknowledge, or null when the server knows it all. */
  acknowledge(): number | null {
    if (this.drawn === this.#acked) return null;
    this.#acked = this.drawn;
    return this.drawn;
  }
}
