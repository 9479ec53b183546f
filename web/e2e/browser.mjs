import { chromium } from "playwright-core";
import { patience } from "./watch.mjs";

/** launch starts Debian's Chromium with a fresh profile, and without anything that it does by itself. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/**
 * visit opens a page as a visitor of its own, and collects what the browser complains about. xterm draws on a canvas; in
 * screen-reader mode it also keeps its text in elements, which is how a test reads the screen (.xterm-accessibility-tree).
 */
export async function visit(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  await context.addInitScript(() => localStorage.setItem("glassbox:screen-reader", "true"));
  context.setDefaultTimeout(patience);
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  await page.goto(url);
  return { page, context, complaints };
}
