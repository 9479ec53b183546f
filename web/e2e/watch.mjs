// What a test sees of a page, and waits for. Nothing here sleeps.
import assert from "node:assert/strict";

/** patience is how long, in ms, something may take before it counts as stuck; a busy machine is slow. */
export const patience = 60_000;

/** until polls a condition that the page cannot tell. */
export async function until(condition, what) {
  const deadline = Date.now() + patience;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `timed out: ${typeof what === "function" ? await what() : what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** screen is what stands on a terminal. */
export const screen = (page, name) => page.locator(`#terminal-${name} .xterm-accessibility-tree`).innerText();
/** unwrapped is the screen without its line ends, for words that may be broken over two lines. */
export const unwrapped = async (page, name) => (await screen(page, name)).replaceAll("\n", "");
/** shows waits until a terminal shows a text. */
export const shows = (page, name, text) =>
  until(
    async () => (await unwrapped(page, name)).includes(text),
    async () => `terminal ${name} shows ${text}; it shows:\n${await screen(page, name)}`,
  );
export const prompt = (page, name) => shows(page, name, "#");

/** type types into a terminal. */
export async function type(page, name, text) {
  await page.locator(`#terminal-${name} .xterm-helper-textarea`).focus();
  await page.keyboard.type(text);
}
