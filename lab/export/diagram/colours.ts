/**
 * The colours of everything that is drawn: the page, its canvases, the SVG diagrams. The hues are those of Okabe and Ito ("Color Universal
 * Design", 2008), which people with any kind of colour vision tell apart, dark enough for words on paper; every meaning has a shape
 * or a word too. Each token is a CSS variable of the same name.
 */
import type { MessageKind } from "../../journal/message-kinds.ts";

const LIGHT = {
  /** Behind panels; what is drawn lies on `panel`. */
  paper: "#f4f6f8",
  panel: "#ffffff",
  ink: "#14202b",
  soft: "#566573",
  line: "#c3ccd5",
  faint: "#e3e8ed",
  /** Coordinators, and what is selected. */
  accent: "#0b63b0",
  "accent-ink": "#ffffff",
  good: "#00704f",
  warn: "#a35200",
  bad: "#bf3a0a",
  /** An event's causal past and future. */
  past: "#0b63b0",
  future: "#a35200",
  partition: "#bf3a0a",
  netem: "#0072b2",
  pause: "#7a4fb0",
  trade: "#b06a00",
  election: "#a03f80",
  membership: "#0f6fb8",
  repair: "#00765a",
  heartbeat: "#6c7d8d",
  probe: "#94a3b1",
};

export type ColourName = keyof typeof LIGHT;
export type Colours = Readonly<Record<ColourName, string>>;

const DARK: Colours = {
  paper: "#0e141a",
  panel: "#161e27",
  ink: "#e8eef4",
  soft: "#9fb0c0",
  line: "#3a4957",
  faint: "#26313c",
  accent: "#6cb6ff",
  "accent-ink": "#06131f",
  good: "#3ecfa3",
  warn: "#f2b04a",
  bad: "#ff8658",
  past: "#6cb6ff",
  future: "#f2b04a",
  partition: "#ff8658",
  netem: "#5bb8f5",
  pause: "#b796e6",
  trade: "#f0a92e",
  election: "#e39ac6",
  membership: "#62b8f0",
  repair: "#3ecfa3",
  heartbeat: "#8a9caf",
  probe: "#66788a",
};

export const COLOURS = { light: LIGHT, dark: DARK } as const;

/** How messages of a kind are named and dashed: told by more than colour. */
export const KIND_STYLES: Readonly<Record<MessageKind, { readonly dash: string; readonly words: string }>> = {
  election: { dash: "", words: "election" },
  trade: { dash: "", words: "trade" },
  membership: { dash: "7 3", words: "joining, leaving" },
  repair: { dash: "2 2.5", words: "repair" },
  heartbeat: { dash: "", words: "heartbeat" },
  probe: { dash: "", words: "probe" },
};
