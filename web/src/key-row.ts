import { el } from "./dom.ts";

interface Key {
  face: string;
  name: string;
  bytes: string;
}

const keys: Key[] = [
  { face: "Esc", name: "Escape", bytes: "\x1b" },
  { face: "Tab", name: "Tab", bytes: "\t" },
  { face: "^C", name: "Control C: interrupt", bytes: "\x03" },
  { face: "^D", name: "Control D: end of input", bytes: "\x04" },
  { face: "^Z", name: "Control Z: stop", bytes: "\x1a" },
  { face: "←", name: "Left", bytes: "\x1b[D" },
  { face: "↑", name: "Up", bytes: "\x1b[A" },
  { face: "↓", name: "Down", bytes: "\x1b[B" },
  { face: "→", name: "Right", bytes: "\x1b[C" },
  { face: "|", name: "Pipe", bytes: "|" },
  { face: "/", name: "Slash", bytes: "/" },
  { face: "-", name: "Dash", bytes: "-" },
  { face: "$", name: "Dollar", bytes: "$" },
  { face: ">", name: "Greater than", bytes: ">" },
];

/** fillKeyRow gives a phone the keys that its keyboard lacks. They take no focus, so the keyboard stays up. */
export function fillKeyRow(row: HTMLElement, press: (bytes: string) => void): void {
  for (const key of keys) {
    const button = el("button", { type: "button", class: "key", "aria-label": key.name }, key.face);
    button.addEventListener("pointerdown", (event) => event.preventDefault());
    button.addEventListener("click", () => press(key.bytes));
    row.append(button);
  }
}
