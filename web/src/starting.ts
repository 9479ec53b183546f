// The program of every page while the lab starts: it shows how far that is, and goes on when the lab is there.
import { find } from "./dom.ts";
import { Making } from "./making.ts";
import type { Task } from "./protocol.ts";
import { bindTheme } from "./theme.ts";

interface Starting {
  tasks: Task[] | null;
}

bindTheme();
const making = new Making();
const silent = find("[data-silent]");
find("[data-making]").replaceWith(making.element);
making.tell((JSON.parse(find("#start").textContent ?? "") as Starting).tasks ?? []);

async function look(): Promise<void> {
  try {
    const response = await fetch(location.href, { headers: { Accept: "application/json" }, cache: "no-store" });
    if (response.status !== 503) {
      location.reload();
      return;
    }
    making.tell(((await response.json()) as Starting).tasks ?? []);
    silent.hidden = true;
  } catch {
    making.tell([]);
    silent.hidden = false;
  }
  setTimeout(() => void look(), 1000);
}
void look();
