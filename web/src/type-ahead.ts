/** most is how much is kept, in bytes: as much as the lab keeps of what is typed and not read. */
const most = 64 * 1024;

/**
 * TypeAhead is what is typed while nobody takes it: there is no connection, or the shell that it is for is not there yet.
 * It is kept in order and up to a bound; as on a tty, what comes when it is full is dropped.
 */
export class TypeAhead {
  #pieces: Uint8Array<ArrayBuffer>[] = [];
  #bytes = 0;

  get empty(): boolean {
    return this.#bytes === 0;
  }

  keep(bytes: Uint8Array<ArrayBuffer>): void {
    const piece = bytes.slice(0, most - this.#bytes);
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#bytes += piece.length;
  }

  /** deliver hands over all that is kept, until it is refused; the rest stays. */
  deliver(send: (bytes: Uint8Array<ArrayBuffer>) => boolean): void {
    for (let piece = this.#pieces[0]; piece && send(piece); piece = this.#pieces[0]) {
      this.#pieces.shift();
      this.#bytes -= piece.length;
    }
  }

  clear(): void {
    this.#pieces = [];
    this.#bytes = 0;
  }
}
