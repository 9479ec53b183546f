import { mark } from "../changes.ts";
import { el, setAttribute, setText } from "../dom.ts";
import { keyed } from "../keyed.ts";
import { panel } from "../panel.ts";

interface Row {
  key: string;
  depth: number;
  path: string;
  type: string;
  source: string;
  root: string;
  options: string[] | null;
  propagation: string;
  read_only: boolean;
  lower?: string[];
  upper?: string;
  work?: string;
}

interface Reading {
  pid: number;
  namespace: number;
  own: boolean;
  mounts: Row[];
  namespaces: number;
}

/** layers draws an overlay as it is: what is written on top, what is only read below. */
function layers(m: Row): HTMLElement {
  const layer = (kind: string, path: string): HTMLElement =>
    el("li", { class: `layer layer-${kind}` }, el("span", {}, kind), el("code", {}, path));
  return el(
    "ol",
    { class: "layers" },
    m.upper ? layer("upper", m.upper) : null,
    ...(m.lower ?? []).map((path) => layer("lower", path)),
    m.work ? layer("work", m.work) : null,
  );
}

/** The mounts that the process in front sees, as a tree, with their propagation, and the layers of overlays. */
export default panel<Reading>({
  name: "mounts",
  create(body) {
    const whose = el("p", { class: "whose" });
    const list = el("ol", { class: "mounts" });
    body.append(whose, list);
    let first = true;
    return {
      draw(reading, _, changes) {
        const own = reading.own ? "a mount namespace of its own" : "the box’s mount namespace";
        const others = reading.namespaces > 1 ? `; there are ${reading.namespaces}` : "";
        setText(whose, `pid ${reading.pid} in ${own}, mnt:[${reading.namespace}]${others}`);
        whose.className = `whose ${reading.own ? "scope-nested" : "scope-sandbox"}`;
        keyed(
          list,
          reading.mounts,
          (m) => [m.key, m.type, m.upper, m.lower].join("\n"),
          (m) => {
            const line = [
              el("span", { class: "mount-path branch" }),
              el("span", { class: "mount-type" }),
              el("span", { class: "mount-propagation" }),
              el("span", { class: "mount-ro" }),
            ];
            return m.lower?.length || m.upper
              ? el("li", {}, el("details", {}, el("summary", { class: "mount" }, ...line), layers(m)))
              : el("li", {}, el("div", { class: "mount" }, ...line));
          },
          (node, m, fresh) => {
            const line = node.querySelector<HTMLElement>(".mount");
            const [path, type, propagation, ro] = line?.children ?? [];
            if (!line || !path || !type || !propagation || !ro) return;
            (path as HTMLElement).style.setProperty("--depth", String(m.depth));
            setText(path, m.path);
            setText(type, m.type);
            setText(propagation, m.propagation === "private" ? "" : m.propagation, true);
            setText(ro, m.read_only ? "ro" : "", true);
            const changed = (...field: string[]): boolean => changes.has("mounts", m.key, ...field);
            mark(path, changes.is("mounts", m.key));
            mark(type, changed("type") || changed("lower") || changed("upper"));
            mark(propagation, m.propagation !== "private" && changed("propagation"));
            mark(ro, m.read_only && changed("options"));
            setAttribute(
              line,
              "title",
              `${m.source}${m.root === "/" ? "" : `, its ${m.root}`}\n${(m.options ?? []).join(",")}\npropagation: ${m.propagation}`,
            );
            if (fresh && !first) node.classList.add("glow");
          },
        );
        first = false;
      },
    };
  },
});
