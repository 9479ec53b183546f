import { mark } from "../changes.ts";
import { el, glow, setText } from "../dom.ts";
import { keyed } from "../keyed.ts";
import { panel } from "../panel.ts";

interface Reading {
  pid: number;
  comm: string;
  all: string[];
  sets: { name: string; hex: string; has: string[] }[];
  no_new_privs: boolean;
  own_user: boolean;
}

const words: Record<string, string> = {
  CapEff: "effective",
  CapPrm: "permitted",
  CapInh: "inheritable",
  CapBnd: "bounding",
  CapAmb: "ambient",
};

/** The five capability sets of the process in front: as the kernel prints them, and bit by bit. */
export default panel<Reading>({
  name: "capabilities",
  create(body) {
    const who = el("p", { class: "whose" });
    const sets = el("dl", { class: "capsets" });
    const grid = el("ol", { class: "caps" });
    body.append(who, sets, grid);
    return {
      draw(reading, _, changes) {
        const where = reading.own_user ? ", root only in a user namespace of its own" : "";
        const nnp = reading.no_new_privs ? ", no_new_privs" : "";
        setText(who, `${reading.comm}, pid ${reading.pid}${where}${nnp}`);
        keyed(
          sets,
          reading.sets,
          (s) => s.name,
          (s) =>
            el(
              "div",
              {},
              el("dt", { title: words[s.name] }, el("i", {}, s.name.slice(3, 4)), s.name),
              el("dd", { class: "hex" }),
              el("dd", { class: "right" }),
            ),
          (node, s, fresh) => {
            const [, hex, n] = node.children;
            if (hex) {
              setText(hex, s.hex, !fresh);
              mark(hex, changes.has("sets", s.name, "hex"));
            }
            if (n) setText(n, `${s.has.length}`);
          },
        );
        const has = reading.sets.map((s) => new Set(s.has));
        keyed(
          grid,
          reading.all.map((name, bit) => ({ name, bit })),
          (c) => c.name,
          (c) =>
            el(
              "li",
              { title: `${c.name}, bit ${c.bit}` },
              el("span", { class: "bits", "aria-hidden": "true" }, ...reading.sets.map(() => el("i"))),
              el("span", { class: "cap" }, c.name.replace(/^CAP_/, "").toLowerCase()),
            ),
          (node, c, fresh) => {
            mark(
              node,
              reading.sets.some((s) => changes.is("sets", s.name, "has", c.name)),
            );
            const bits = has.map((set) => set.has(c.name));
            const state = bits.map((b) => (b ? "1" : "0")).join("");
            if (node.dataset.bits === state) return;
            node.dataset.bits = state;
            node.toggleAttribute("data-off", !bits[0]);
            node.setAttribute(
              "aria-label",
              `${c.name}: ${
                reading.sets
                  .filter((_, i) => bits[i])
                  .map((s) => words[s.name] ?? s.name)
                  .join(", ") || "in no set"
              }`,
            );
            for (const [i, bit] of [...(node.firstElementChild?.children ?? [])].entries())
              bit.toggleAttribute("data-on", bits[i] ?? false);
            if (!fresh) glow(node);
          },
        );
      },
    };
  },
});
