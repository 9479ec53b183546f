// Numbers as people read them. Bytes are binary here (1 KiB = 1024 B), because the kernel counts pages.

const units = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** bytes splits a number of bytes into a number of at most four characters and its unit: ["96", "KiB"]. */
export function bytes(n: number): [value: string, unit: string] {
  let i = 0;
  while (n >= 1024 && i < units.length - 1) {
    n /= 1024;
    i++;
  }
  const text = i === 0 || n >= 100 ? n.toFixed(0) : n.toFixed(1);
  return [text.replace(/\.0$/, ""), units[i] ?? "B"];
}

/** bytesText is bytes as one string, "96 KiB", with a space that does not break. */
export function bytesText(n: number): string {
  return bytes(n).join("\u00a0");
}

/** ofBytes is an amount and its limit: "25 / 96 KiB", or "614 KiB" without one. */
export function ofBytes(n: number, limit: number | null): string {
  if (limit === null) return bytesText(n);
  const [value, unit] = bytes(n);
  const [most, unitOfMost] = bytes(limit);
  return `${value}${unit === unitOfMost ? "" : `\u00a0${unit}`} / ${most}\u00a0${unitOfMost}`;
}

/** count groups the digits of a whole number: 1 234 567. */
export function count(n: number): string {
  return String(Math.round(n)).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
}

/** percent is a share of 1 as "12 %", with one digit after the point below ten. */
export function percent(share: number): string {
  const p = share * 100;
  return `${p > 0 && p < 10 ? p.toFixed(1) : p.toFixed(0)}\u00a0%`;
}

/** ofDownload is how much of a download is there: "6.2 of 10 MB". They are counted in MB, or kB (1 kB = 1000 B). */
export function ofDownload(done: number, total: number): string {
  const [size, unit] = total < 1e6 ? [1e3, "kB"] : [1e6, "MB"];
  const number = (n: number): string => (n / size).toFixed(unit === "MB" && n < 1e7 ? 1 : 0);
  return `${number(done)} of ${number(total)}\u00a0${unit}`;
}

/** duration is a number of seconds in words: "12 s", "1 min 12 s". */
export function duration(seconds: number): string {
  const s = Math.floor(seconds);
  return s < 60 ? `${s}\u00a0s` : `${Math.floor(s / 60)}\u00a0min ${s % 60}\u00a0s`;
}

/** clock is the time of day of an RFC 3339 time, in the reader's zone: 14:03:27. Empty when it is none. */
export function clock(at: string): string {
  const t = new Date(at);
  return Number.isNaN(t.getTime()) ? "" : t.toTimeString().slice(0, 8);
}

/** shortIds writes the ids of containers in a text as `docker ps` does: the first 12 of their 64 digits. */
export function shortIds(text: string): string {
  return text.replace(/\b([0-9a-f]{12})[0-9a-f]{52}\b/g, "$1");
}

/** pathEnd is the end of a path that is longer than `most` letters: "…/demo". What is in it differs; how it begins does not. */
export function pathEnd(path: string, most: number): string {
  const last = path.lastIndexOf("/");
  return path.length > most && last > 0 ? `…${path.slice(last)}` : path;
}

const words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

/** freshName returns the first number word that no terminal is called by yet. */
export function freshName(taken: ReadonlySet<string>): string {
  for (const w of words) if (!taken.has(w)) return w;
  let n = words.length + 1;
  while (taken.has(`shell-${n}`)) n++;
  return `shell-${n}`;
}
