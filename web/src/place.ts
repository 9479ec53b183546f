// Where the reader is in a lesson: to load its page again, or to come back to it, leads there and not to the top. The paper
// scrolls by itself, and a browser keeps only the place of the whole page.
import { all } from "./dom.ts";

/** parts are what a lesson is made of: the steps, the blocks in them, and what stands beside the steps. */
export function parts(paper: Element): Element[] {
  return all(":scope > *, :scope > section.step > *", paper);
}

/** Place is the first part that is in view, by its number, and how far below the top it begins: text above may be longer or shorter by then. */
interface Place {
  part: number;
  below: number;
}

const blocks = (paper: Element): Element[] => parts(paper).filter((part) => !part.matches("section.step"));

/** keepPlace brings the reader back to where the page was left, and notes the place when it is left again. */
export function keepPlace(paper: HTMLElement): void {
  const key = `glassbox:place:${location.pathname}`;
  addEventListener("pagehide", () => {
    const top = paper.getBoundingClientRect().top;
    const at = blocks(paper).map((block) => block.getBoundingClientRect());
    const part = at.findIndex((box) => box.height > 0 && box.bottom > top);
    const place: Place = { part: paper.scrollTop > 0 ? part : -1, below: (at[part]?.top ?? top) - top };
    try {
      sessionStorage.setItem(key, JSON.stringify(place));
    } catch {
      // storage may be forbidden or full: forgets
    }
  });
  const [entry] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  if (entry?.type !== "reload" && entry?.type !== "back_forward") return;
  try {
    const place = JSON.parse(sessionStorage.getItem(key) ?? "null") as Place | null;
    const block = place && blocks(paper)[place.part];
    if (!block) return;
    const top = block.getBoundingClientRect().top - paper.getBoundingClientRect().top - place.below;
    paper.scrollTo({ top: paper.scrollTop + top, behavior: "instant" });
  } catch {
    // the top, then
  }
}
