// The program of a lesson's page: it connects the text, the terminals and the panels with the lab.
import { Announcer } from "./announce.ts";
import { bindBlocks } from "./blocks.ts";
import { Board } from "./board.ts";
import { Box } from "./box.ts";
import { find, setText } from "./dom.ts";
import { Edition } from "./edition.ts";
import { Exercises } from "./exercises.ts";
import { fillKeyRow } from "./key-row.ts";
import { LabSocket } from "./lab-socket.ts";
import { bindMenus } from "./menus.ts";
import { keepPlace } from "./place.ts";
import type { Start } from "./protocol.ts";
import { Questions } from "./questions.ts";
import { Regions } from "./regions.ts";
import { bindSplitter } from "./splitter.ts";
import { Steps } from "./steps.ts";
import { Terminals } from "./terminals.ts";
import { bindTheme } from "./theme.ts";
import { toast } from "./toast.ts";

const start = JSON.parse(find("#start").textContent ?? "") as Start;
const lesson = find("#lesson");
const announcer = new Announcer(find("#announcer"));
const toasts = find("#toasts");
const page = {
  say: (text: string) => announcer.say(text),
  toast: (text: string) => {
    toast(toasts, text);
    announcer.say(text);
  },
};

bindTheme();
bindMenus();
bindSplitter(find("#gutter-x"), find("main.panes"), "--lesson-share", { least: 20, usual: 42, most: 75 });
bindSplitter(find("#gutter-y"), find(".apparatus"), "--terminals-share", { least: 15, usual: 54, most: 88 });

const lab = new LabSocket(start.lab);
const terminals = new Terminals(find("#terminals"), start.terminal, start.terminals, {
  open: (name) => lab.request({ type: "open", name }),
  leave: (direction) => regions.cycle(direction),
  say: page.say,
});
const regions = new Regions(() => terminals.focus());
const box = new Box(lab, terminals, page);
const board = new Board(find("#panels"), lab, start.lesson, start.panels);

lab.on("terminal", (event) => terminals.opened(event.name, event.id));
lab.on("error", (event) => {
  if (event.terminal) terminals.refused(event.terminal, event.say);
  page.toast(event.say);
});

const paper = find("[data-scroll]", lesson);
new Edition(paper, find("#slips"), lab, start.version, {
  renewed: (now) => {
    total = now.total;
    steps.renew();
    exercises.renew(now.passed ?? []);
    questions.renew(now.quizzes ?? {});
    terminals.offer(now.terminals);
    box.openTerminals();
    board.offer(now.panels);
  },
  restart: () => box.restart(),
  say: page.say,
});
const steps = new Steps(find(".rail"), paper);
let total = start.total;
const exercises = new Exercises(lesson, lab, start.passed ?? [], {
  ...page,
  progress: (passed) => {
    steps.progress(passed);
    const progress = find("#progress");
    progress.style.setProperty("--share", String(total > 0 ? passed.size / total : 0));
    progress.toggleAttribute("data-done", total > 0 && passed.size >= total);
    setText(find("[data-progress-words]"), `${passed.size} of ${total}`);
  },
});
const questions = new Questions(lesson, lab, start.quizzes ?? {}, page);
keepPlace(paper);

const first = start.terminals[0] ?? "one";
bindBlocks(
  lesson,
  {
    run: (name, text, interrupt) => {
      regions.show("terminals");
      terminals.run(name || first, text, interrupt);
    },
    write: (name, text) => {
      regions.show("terminals");
      terminals.write(name || first, text);
    },
  },
  page.say,
);
fillKeyRow(find(".keys"), (bytes) => terminals.press(bytes));

// A link into the page must bring its pane to the front where only one is shown.
lesson.addEventListener("click", (event) => {
  if ((event.target as Element).closest('a[href^="#"]')) regions.show("lesson");
});
