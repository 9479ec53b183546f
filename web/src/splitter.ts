import { isNumber, recall, remember } from "./remember.ts";

export interface Range {
  least: number; // per cent
  usual: number;
  most: number;
}

/**
 * bindSplitter lets a gutter between two panes be dragged, or moved with the arrow keys (Home and End go to the ends,
 * Enter and a double click go back to the usual size). The share of the first pane, in per cent, is the custom property
 * `property` of `container`, and is remembered.
 */
export function bindSplitter(gutter: HTMLElement, container: HTMLElement, property: string, range: Range): void {
  const across = gutter.getAttribute("aria-orientation") === "vertical"; // the gutter is vertical: it moves sideways
  let share = range.usual;

  const set = (value: number, keep: boolean): void => {
    share = Math.min(range.most, Math.max(range.least, value));
    container.style.setProperty(property, share.toFixed(2));
    gutter.setAttribute("aria-valuenow", share.toFixed(0));
    if (keep) remember(property, share);
  };

  gutter.setAttribute("aria-valuemin", String(range.least));
  gutter.setAttribute("aria-valuemax", String(range.most));
  set(recall(property, isNumber) ?? range.usual, false);

  gutter.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    gutter.focus({ preventScroll: true });
    gutter.setPointerCapture(event.pointerId);
    gutter.dataset.dragged = "";
  });
  gutter.addEventListener("pointermove", (event) => {
    if (gutter.dataset.dragged === undefined) return;
    const box = container.getBoundingClientRect();
    set(100 * (across ? (event.clientX - box.left) / box.width : (event.clientY - box.top) / box.height), false);
  });
  for (const end of ["pointerup", "pointercancel"] as const) {
    gutter.addEventListener(end, () => {
      delete gutter.dataset.dragged;
      remember(property, share);
    });
  }
  gutter.addEventListener("dblclick", () => set(range.usual, true));
  gutter.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 10 : 2;
    const to: Record<string, number> = {
      [across ? "ArrowLeft" : "ArrowUp"]: share - step,
      [across ? "ArrowRight" : "ArrowDown"]: share + step,
      Home: range.least,
      End: range.most,
      Enter: range.usual,
    };
    const value = to[event.key];
    if (value === undefined) return;
    event.preventDefault();
    set(value, true);
  });
}
