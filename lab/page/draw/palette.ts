/**
 * The page's colours for canvases, read from its style sheet, so that light and dark are said once. The hues are those of Okabe and Ito
 * ("Color Universal Design", 2008), which people with any kind of colour vision tell apart; every meaning has a shape or a word too.
 */
import { MESSAGE_KINDS, type MessageKind } from "../../journal/message-kinds.ts";

export interface Palette {
  readonly paper: string;
  readonly panel: string;
  readonly ink: string;
  readonly soft: string;
  readonly line: string;
  readonly faint: string;
  readonly accent: string;
  readonly good: string;
  readonly warn: string;
  readonly bad: string;
  readonly past: string;
  readonly future: string;
  readonly messages: Readonly<Record<MessageKind, string>>;
  readonly font: string;
  readonly mono: string;
}

export function readPalette(root: Element): Palette {
  const style = getComputedStyle(root);
  const read = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    paper: read("paper"),
    panel: read("panel"),
    ink: read("ink"),
    soft: read("soft"),
    line: read("line"),
    faint: read("faint"),
    accent: read("accent"),
    good: read("good"),
    warn: read("warn"),
    bad: read("bad"),
    past: read("past"),
    future: read("future"),
    messages: Object.fromEntries(MESSAGE_KINDS.map((kind) => [kind, read(kind)])) as Record<MessageKind, string>,
    font: read("font"),
    mono: read("mono"),
  };
}
