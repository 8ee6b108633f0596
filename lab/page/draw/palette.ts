/** The colours and fonts that the page's canvases draw with; the same colours are the variables of its style sheet. */
import { COLOURS, type Colours } from "../../export/diagram/colours.ts";

export interface Palette extends Colours {
  readonly font: string;
  readonly mono: string;
}

export interface Look {
  readonly isDark: boolean;
  readonly hasMoreContrast: boolean;
}

/** Gives the page this look. */
export function applyPalette(root: HTMLElement, { isDark, hasMoreContrast }: Look): Palette {
  const colours = COLOURS[isDark ? "dark" : "light"];
  const shown = hasMoreContrast ? { ...colours, soft: colours.ink, faint: colours.line } : colours;
  root.dataset.theme = isDark ? "dark" : "light";
  for (const [name, value] of Object.entries(shown)) root.style.setProperty(`--${name}`, value);
  const style = getComputedStyle(root);
  return { ...shown, font: style.getPropertyValue("--font").trim(), mono: style.getPropertyValue("--mono").trim() };
}
