import { mark } from "../changes.ts";
import { el } from "../dom.ts";
import { clock } from "../format.ts";
import { keyed } from "../keyed.ts";
import { panel } from "../panel.ts";

interface Line {
  time: string;
  seq: number;
  text: string;
}

interface Reading {
  lines: Line[];
  more: number;
}

/** The kernel's log of this box. It follows new lines while its end is in sight. */
export default panel<Reading>({
  name: "log",
  create(body) {
    const empty = el("p", { class: "empty" }, "The kernel has written nothing about this box yet.");
    const list = el("ol", { class: "kernel-log" });
    body.append(empty, list);
    let first = true;
    return {
      draw(reading, _, changes) {
        empty.hidden = reading.lines.length > 0;
        const atEnd = body.scrollTop + body.clientHeight >= body.scrollHeight - 24;
        keyed(
          list,
          reading.lines,
          (l) => String(l.seq),
          (l) => {
            const bad = /killed process|segfault/i.test(l.text);
            return el(
              "li",
              { class: `${bad ? "bad" : ""}${first ? "" : " glow"}` },
              el("time", { datetime: l.time }, clock(l.time)),
              el("span", {}, l.text),
            );
          },
          (node, l) => mark(node, changes.is("lines", l.seq)),
        );
        first = false;
        if (atEnd) body.scrollTop = body.scrollHeight;
      },
    };
  },
});
