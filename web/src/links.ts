/**
 * harmless returns the address that a link in the terminal may open: http and https only. What a sandbox prints is not
 * ours, so javascript:, file:, data: and everything else stay text.
 */
export function harmless(text: string): string | null {
  try {
    const url = new URL(text);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : null;
  } catch {
    return null;
  }
}

/** follow opens a link in a new tab that cannot reach back to this one. */
export function follow(text: string): void {
  const url = harmless(text);
  if (url) window.open(url, "_blank", "noopener,noreferrer");
}
