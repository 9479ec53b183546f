import { el, setText } from "../dom.ts";
import { clock } from "../format.ts";
import { keyed } from "../keyed.ts";
import type { Panel } from "../panel.ts";
import type { Happening } from "../protocol.ts";

/** The timeline: what changed in the box, in words, the newest at the end; it stays where the reader has scrolled to. */
const timeline: Panel = {
  name: "timeline",
  create(body) {
    const list = el("ol", { class: "timeline" });
    const empty = el("p", { class: "empty" }, "From now on this tells what changes in the box.");
    body.append(empty, list);
    let first = 0; // the number of the oldest that is shown
    return {
      happened(all) {
        empty.hidden = all.length > 0;
        const atEnd = body.scrollTop + body.clientHeight >= body.scrollHeight - 24;
        const below = body.scrollHeight - body.scrollTop; // of what is at the top now
        const older = (all[0]?.seq ?? 0) < first;
        first = all[0]?.seq ?? 0;
        keyed<Happening, HTMLLIElement>(
          list,
          all,
          (h) => String(h.seq),
          (h) =>
            el(
              "li",
              { class: `happening scope-${h.scope}`, "data-kind": h.kind },
              el("time", { datetime: h.at }, clock(h.at)),
              el("i", { class: "bead", "data-scope": h.scope, title: h.scope }),
              el("span", {}),
            ),
          (node, h) => {
            if (node.lastElementChild) setText(node.lastElementChild, h.text);
          },
        );
        if (older) body.scrollTop = body.scrollHeight - below;
        else if (atEnd) body.scrollTop = body.scrollHeight;
      },
    };
  },
};

export default timeline;
