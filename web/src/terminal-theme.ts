import type { ITheme } from "@xterm/xterm";
import type { Theme } from "./theme.ts";

// The sixteen colours in the page's inks. xterm raises what a program prints to a contrast of 4.5 by itself.

const light: ITheme = {
  background: "#fffdf8",
  foreground: "#22282e",
  cursor: "#0b6b68",
  cursorAccent: "#fffdf8",
  selectionBackground: "#bfe0da",
  selectionInactiveBackground: "#e3ded1",
  black: "#22282e",
  red: "#b3261e",
  green: "#2f6b2f",
  yellow: "#8a5300",
  blue: "#2a5a9a",
  magenta: "#8a3a86",
  cyan: "#0b6b68",
  white: "#6b6f73",
  brightBlack: "#6b7278",
  brightRed: "#c93a30",
  brightGreen: "#3b7d3b",
  brightYellow: "#9a6200",
  brightBlue: "#386cb0",
  brightMagenta: "#9c4a98",
  brightCyan: "#15807c",
  brightWhite: "#3c444b",
};

const dark: ITheme = {
  background: "#101315",
  foreground: "#e6e1d6",
  cursor: "#5fcabf",
  cursorAccent: "#101315",
  selectionBackground: "#1f4a47",
  selectionInactiveBackground: "#2b3236",
  black: "#2a2f33",
  red: "#ff8d7e",
  green: "#9fd08a",
  yellow: "#edb45c",
  blue: "#8ab4f0",
  magenta: "#d9a4dc",
  cyan: "#5fcabf",
  white: "#d8d4ca",
  brightBlack: "#8b9399",
  brightRed: "#ffab9f",
  brightGreen: "#b7e0a5",
  brightYellow: "#f6cc87",
  brightBlue: "#abcaf7",
  brightMagenta: "#e8c0ea",
  brightCyan: "#8de0d7",
  brightWhite: "#ffffff",
};

export function terminalTheme(theme: Theme): ITheme {
  return theme === "dark" ? dark : light;
}

/** Colours of found text; the search addon wants six digits. */
export function findColours(theme: Theme) {
  return theme === "dark"
    ? {
        matchBackground: "#3a2d15",
        matchOverviewRuler: "#edb45c",
        activeMatchBackground: "#8a5a12",
        activeMatchColorOverviewRuler: "#edb45c",
      }
    : {
        matchBackground: "#f7e6c4",
        matchOverviewRuler: "#8a5300",
        activeMatchBackground: "#f0c56f",
        activeMatchColorOverviewRuler: "#8a5300",
      };
}
