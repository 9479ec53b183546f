import { all } from "./dom.ts";

/** bindMenus has <details class="menu"> behave as menus: Escape, a click elsewhere or on an entry closes them. */
export function bindMenus(): void {
  const menus = all<HTMLDetailsElement>("details.menu");
  document.addEventListener("pointerdown", (event) => {
    for (const m of menus) if (m.open && !m.contains(event.target as Node)) m.open = false;
  });
  for (const m of menus) {
    m.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !m.open) return;
      event.stopPropagation();
      m.open = false;
      m.querySelector("summary")?.focus();
    });
    m.addEventListener("focusout", (event) => {
      const to = event.relatedTarget;
      if (to instanceof Node && !m.contains(to)) m.open = false;
    });
    for (const b of all<HTMLButtonElement>(".menu-body button", m)) {
      if (!b.hasAttribute("aria-pressed")) b.addEventListener("click", () => (m.open = false));
    }
  }
}
