import { mark } from "../changes.ts";
import { el, setText } from "../dom.ts";
import { bytesText } from "../format.ts";
import { keyed } from "../keyed.ts";
import { panel } from "../panel.ts";

interface Interface {
  name: string;
  index: number;
  up: boolean;
  addresses: string[] | null;
  mac?: string;
  mtu: number;
  kind?: string;
  received: number;
  sent: number;
}

interface Reading {
  namespaces: { id: number; own: boolean; pids: number[] | null; interfaces: Interface[] | null }[];
  front: number;
}

/** The network namespaces of the box, each with its interfaces. */
export default panel<Reading>({
  name: "network",
  create(body) {
    return {
      draw(reading, _, changes) {
        keyed(
          body,
          reading.namespaces,
          (n) => String(n.id),
          () => el("section", { class: "net" }, el("h4"), el("ul")),
          (node, n) => {
            node.className = `net ${n.own ? "scope-nested" : "scope-sandbox"}`;
            node.toggleAttribute("data-front", n.id === reading.front);
            const [head, list] = node.children;
            if (!head || !list) return;
            const pids = n.pids ?? [];
            const who =
              pids.length === 0
                ? "no process"
                : pids.length > 6
                  ? `${pids.length} processes`
                  : `pid ${pids.join(", ")}`;
            mark(head, changes.is("namespaces", n.id));
            setText(head, `${n.own ? "another" : "the box’s"} net:[${n.id}], ${who}`, true);
            keyed(
              list,
              n.interfaces ?? [],
              (i) => String(i.index),
              () =>
                el(
                  "li",
                  { class: "interface" },
                  el("b"),
                  el("span", { class: "updown" }),
                  el("span", { class: "addresses" }),
                  el("span", { class: "right" }),
                ),
              (line, i) => {
                const [name, up, addresses, traffic] = line.children;
                if (!name || !up || !addresses || !traffic) return;
                setText(name, i.name, true);
                setText(up, i.up ? "up" : "down", true);
                line.toggleAttribute("data-down", !i.up);
                setText(addresses, (i.addresses ?? []).join(" ") || "no address", true);
                mark(name, changes.is("namespaces", n.id, "interfaces", i.name));
                mark(up, changes.has("namespaces", n.id, "interfaces", i.name, "up"));
                mark(addresses, changes.has("namespaces", n.id, "interfaces", i.name, "addresses"));
                setText(traffic, `↓ ${bytesText(i.received)}  ↑ ${bytesText(i.sent)}`);
                (line as HTMLElement).title = [i.kind, i.mac, `mtu ${i.mtu}`].filter(Boolean).join(", ");
              },
            );
          },
        );
      },
    };
  },
});
