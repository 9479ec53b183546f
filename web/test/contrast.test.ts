import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

// The promise of styles/tokens.css: every ink can be read on every ground it stands on (WCAG 2.2, 1.4.3: 4.5 to 1), and
// the edges of controls can be seen (1.4.11: 3 to 1).
const css = readFileSync("styles/tokens.css", "utf8");
const blocks = css.split(/:root[^{]*\{/).slice(1);

function tokens(block: string): Map<string, string> {
  return new Map([...block.matchAll(/--([a-z-]+): (#[0-9a-f]{6});/g)].map((m) => [m[1] ?? "", m[2] ?? ""]));
}

function luminance(colour: string): number {
  const [r, g, b] = [1, 3, 5]
    .map((i) => Number.parseInt(colour.slice(i, i + 2), 16) / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * (r ?? 0) + 0.7152 * (g ?? 0) + 0.0722 * (b ?? 0);
}

function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return ((light ?? 0) + 0.05) / ((dark ?? 0) + 0.05);
}

for (const [name, block] of [
  ["light", blocks[0]],
  ["dark", blocks[1]],
] as const) {
  test(`contrast, ${name}`, () => {
    const colour = tokens(block ?? "");
    const check = (ink: string, ground: string, least: number): void => {
      const [a, b] = [colour.get(ink), colour.get(ground)];
      assert.ok(a && b, `no ${ink} or ${ground}`);
      const got = contrast(a, b);
      assert.ok(got >= least, `${ink} on ${ground}: ${got.toFixed(2)}, want ${least}`);
    };
    for (const ground of ["paper", "sheet", "sunk"]) {
      for (const ink of ["text", "muted", "host", "sandbox", "nested", "refused"]) check(ink, ground, 4.5);
    }
    for (const ink of ["host", "sandbox", "nested", "refused"]) {
      check(ink, `${ink}-soft`, 4.5);
      check("text", `${ink}-soft`, 4.5);
      check("muted", `${ink}-soft`, 4.5);
    }
    check("on-sandbox", "sandbox", 4.5);
    check("right", "sheet", 4.5);
    check("text", "glow", 4.5);
    check("edge", "sheet", 3);
    check("edge", "paper", 3);
  });
}
