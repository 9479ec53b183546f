/**
 * backoff is how many milliseconds to wait before the nth attempt (from 0) to connect again. The first comes at once,
 * as most drops are short; then the wait doubles up to 10 s. Half of it is random, so that a class does not return in
 * one instant to a server that was restarted.
 */
export function backoff(attempt: number, random: () => number = Math.random): number {
  if (attempt <= 0) return 0;
  const most = Math.min(250 * 2 ** (attempt - 1), 10_000);
  return most / 2 + (most / 2) * random();
}
