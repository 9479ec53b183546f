import { isString, recall, remember } from "./remember.ts";

// Light or dark: what the system says, unless the reader has chosen. theme-first.ts sets it before the first pixel.

export type Theme = "light" | "dark";

const isTheme = (v: unknown): v is Theme => isString(v) && (v === "light" || v === "dark");
const dark = matchMedia("(prefers-color-scheme: dark)");

export function theme(): Theme {
  return recall("theme", isTheme) ?? (dark.matches ? "dark" : "light");
}

export function applyTheme(): void {
  document.documentElement.dataset.theme = theme();
}

/** onTheme calls back whenever the page changes between light and dark. */
export function onTheme(changed: (now: Theme) => void): void {
  new MutationObserver(() => changed(theme())).observe(document.documentElement, { attributeFilter: ["data-theme"] });
}

/** bindTheme makes the toggle work, and follows the system and the reader's other tabs. */
export function bindTheme(): void {
  dark.addEventListener("change", applyTheme);
  addEventListener("storage", applyTheme);
  for (const button of document.querySelectorAll("[data-theme-toggle]")) {
    button.addEventListener("click", () => {
      remember("theme", theme() === "dark" ? "light" : "dark");
      applyTheme();
    });
  }
}
