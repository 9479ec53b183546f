// What goes over the sockets. docs/protocol.md is the long form; the readings of the panels are typed beside the panels.

/** Start is what the page knows before a socket is open (server/pages.go, Start). */
export interface Start {
  lesson: string;
  version: string;
  lab: string;
  terminal: string;
  terminals: string[];
  panels: PanelChoice[];
  passed: string[] | null;
  total: number;
  quizzes: Record<string, boolean> | null;
}

export interface PanelChoice {
  name: string;
  title: string;
  open: boolean;
}

// /ws/terminal/{id}?offset=N: binary frames are bytes, text frames are these.

export type TerminalRequest = { type: "resize"; rows: number; cols: number } | { type: "ack"; offset: number };

export type TerminalEvent =
  | { type: "attached"; offset: number; rows?: number; cols?: number; owner?: boolean }
  | { type: "resized"; rows: number; cols: number; owner: boolean }
  | { type: "exit"; status: number };

// /ws/lab?lesson=NAME: text frames only.

export type LabRequest =
  | { type: "watch"; panels: string[] }
  | { type: "raw"; panel: string }
  | { type: "open"; name: string }
  | { type: "check"; exercise: string }
  | { type: "answer"; quiz: string; choices: number[] }
  | { type: "predict"; predict: string; value: string }
  | { type: "hint"; exercise: string; stage: number }
  | { type: "solution"; exercise: string }
  | { type: "past"; before: number };

/** waiting is for a layer that is being made, lacking one that this lab does not have. */
export type BoxState = "waiting" | "lacking" | "building" | "ready" | "ended" | "failed";

export interface BoxEvent {
  type: "box";
  state: BoxState;
  id?: string;
  hostname?: string;
  error?: string;
  /** what it waits for or lacks, what to do about it, and what is being done: a task, after those that it is a part of */
  say?: string;
  do?: string;
  tasks?: Task[] | null;
}

/** Task is something that the lab does, and how much of it is done; total is missing where nobody knows it. */
export interface Task {
  name: string;
  done: number;
  total?: number;
  /** bytes, or a noun in the plural */
  unit?: string;
  /** seconds */
  took: number;
}

export interface Evidence {
  file: string;
  want: string;
  got: string;
}

export interface VerdictEvent {
  type: "verdict";
  exercise: string;
  status: "passed" | "not-yet" | "failed";
  say?: string;
  evidence?: Evidence[] | null;
  by?: "watch" | "button" | "earlier";
}

export interface ReadingEvent {
  type: "reading";
  panel: string;
  at: string;
  paths?: string[] | null;
  reading: unknown;
  changed?: string[] | null;
}

export type Scope = "host" | "sandbox" | "nested" | "refused";

export interface Happening {
  seq: number;
  at: string;
  text: string;
  kind: string;
  scope: Scope;
  /** the process, by its pid in the box, or the control group that it is about */
  pid?: number;
  group?: string;
}

export interface QuizEvent {
  type: "quiz";
  quiz: string;
  right: boolean;
  because?: string[] | null;
}

export interface PredictionEvent {
  type: "prediction";
  predict: string;
  value?: string;
  outcome: "right" | "wrong" | "waiting";
  got?: string;
  because?: string;
}

export interface HintEvent {
  type: "hint";
  exercise: string;
  stage: number;
  html: string;
  left: number;
}

export interface LessonEvent {
  type: "lesson";
  version: string;
  outgrown?: string;
  slips?: string[] | null;
  old?: boolean;
}

/** RawFile is one of the files that a reading came from: its text, or why there is none. */
export interface RawFile {
  path: string;
  host?: string;
  text: string;
  /** bytes that are left out */
  more?: number;
  say?: string;
}

export type LabEvent =
  | BoxEvent
  | LessonEvent
  | VerdictEvent
  | ReadingEvent
  | QuizEvent
  | PredictionEvent
  | HintEvent
  | { type: "raw"; panel: string; files: RawFile[] | null }
  | { type: "terminal"; name: string; id: string }
  | { type: "timeline"; events: Happening[] | null; more?: boolean }
  | { type: "past"; events: Happening[] | null; more?: boolean }
  | { type: "solution"; exercise: string; html: string }
  | { type: "locked"; exercise: string; say: string }
  | { type: "progress"; passed: string[] | null; total: number }
  | { type: "error"; say: string; terminal?: string };

/** parse reads one text frame: an object with a type, or null for anything else. The server is ours; the check is thin. */
export function parse<T extends { type: string }>(text: string): T | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string") {
      return value as T;
    }
  } catch {
    // not JSON
  }
  return null;
}
