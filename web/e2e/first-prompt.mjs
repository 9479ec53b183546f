// How long it takes from opening a lesson until the prompt of its first terminal is drawn.

/**
 * firstPrompt opens a lesson as a new visitor, with a new box, and returns the times in ms from the beginning of its
 * navigation until the page is loaded (its program has run) and until the prompt is drawn. It reads what xterm draws with
 * elements: in screen-reader mode, where tests read elsewhere, xterm tells of new text once a second only.
 */
export async function firstPrompt(browser, url) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  await page.addInitScript(() => {
    const seen = new MutationObserver(() => {
      if (!document.querySelector(".xterm-rows")?.textContent.includes("#")) return;
      seen.disconnect();
      performance.mark("prompt");
    });
    seen.observe(document, { subtree: true, childList: true, characterData: true });
  });
  await page.goto(url);
  await page.waitForFunction(() => performance.getEntriesByName("prompt").length > 0);
  const times = await page.evaluate(() => ({
    loaded: performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd,
    prompt: performance.getEntriesByName("prompt")[0].startTime,
  }));
  await context.close();
  return times;
}

export const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
