/**
 * keyed makes the children of a container match a list, keeping the element of every item that stays. So what the
 * learner has focused, unfolded or scrolled to stays as it is while values change around it.
 *
 * `make` builds an element for a new key; `draw` puts an item's values into its element, new or old. `fresh` tells draw
 * whether the element is new. The elements that keyed manages carry data-key; others in the container are left alone,
 * and stay in front.
 */
export function keyed<T, E extends HTMLElement | SVGElement>(
  container: Element,
  items: Iterable<T>,
  key: (item: T) => string,
  make: (item: T) => E,
  draw: (element: E, item: T, fresh: boolean) => void,
): void {
  const old = new Map<string, E>();
  let last: Element | null = null; // the element after which the next one belongs
  for (const child of container.children) {
    const k = (child as HTMLElement).dataset.key;
    if (k === undefined) last = child;
    else old.set(k, child as E);
  }
  const seen = new Set<string>();
  for (const item of items) {
    const k = key(item);
    if (seen.has(k)) continue;
    seen.add(k);
    let element = old.get(k);
    const fresh = element === undefined;
    if (element === undefined) {
      element = make(item);
      element.dataset.key = k;
    }
    const next: Element | null = last ? last.nextElementSibling : container.firstElementChild;
    if (next !== element) container.insertBefore(element, next);
    last = element;
    draw(element, item, fresh);
  }
  for (const [k, element] of old) if (!seen.has(k)) element.remove();
}
