/**
 * Colours of the space-time diagram: Okabe and Ito's, which all eyes tell apart, a little darker where they are words on paper. Every
 * difference is told twice, by colour and by shape or word, so that a print in black loses nothing.
 */
import type { MessageKind } from "../journal/message-kinds.ts";

export interface KindStyle {
  readonly light: string;
  readonly dark: string;
  /** Of its lines, as SVG has it; empty: whole. */
  readonly dash: string;
  readonly words: string;
}

export const KIND_STYLES: Readonly<Record<MessageKind, KindStyle>> = {
  election: { light: "#c04a00", dark: "#ff8a3d", dash: "", words: "election" },
  trade: { light: "#0063a3", dark: "#5bb8f5", dash: "", words: "trade" },
  membership: { light: "#00795a", dark: "#2fcf9f", dash: "7 3", words: "joining, leaving" },
  repair: { light: "#a33e7c", dark: "#e795c4", dash: "2 2.5", words: "repair" },
  heartbeat: { light: "#8b919c", dark: "#7d8592", dash: "", words: "heartbeat" },
  probe: { light: "#b0a27a", dark: "#8f8462", dash: "", words: "probe" },
};

const KINDS = Object.entries(KIND_STYLES);

/** Light, dark where the reader's screen is, light on paper. */
export const STYLE_SHEET = `
svg { --paper: #ffffff; --ink: #1d232b; --soft: #59626e; --line: #78828f; --faint: #d5dae1; --down: #eceef1; --halo: #ffffff;
  --crown: #8a6100; --crown-fill: #f2b400; --partition: #d55e00; --netem: #0072b2; --pause: #7a4fb0; --bad: #b00020; --good: #00795a;
${KINDS.map(([kind, { light }]) => `  --${kind}: ${light};`).join("\n")} }
@media (prefers-color-scheme: dark) { svg:not(.light) { --paper: #14181d; --ink: #e8ebef; --soft: #a5afbb; --line: #8b96a3; --faint: #363d46;
  --down: #22272e; --halo: #14181d; --crown: #ffd25e; --crown-fill: #f2b400; --partition: #ff8a3d; --netem: #5bb8f5; --pause: #b796e6;
  --bad: #ff7b86; --good: #2fcf9f;
${KINDS.map(([kind, { dark }]) => `  --${kind}: ${dark};`).join("\n")} } }
text { font: 10.5px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: var(--ink); }
.paper { fill: var(--paper); }
.title { font-size: 15px; font-weight: 600; }
.soft, .tick, .quiet { fill: var(--soft); }
.tick { font-variant-numeric: tabular-nums; text-anchor: end; }
.quiet { font-size: 9.5px; }
.node { font-size: 13px; font-weight: 600; text-anchor: middle; }
.life { stroke: var(--line); stroke-width: 1.6; }
.down { stroke: var(--down); stroke-width: 26; } 
.paused { stroke: var(--pause); stroke-width: 9; opacity: .35; stroke-dasharray: 3 2; }
.rule { stroke: var(--faint); stroke-width: 1; }
.break { fill: none; stroke: var(--soft); stroke-width: 1.2; }
.reign { fill: var(--crown-fill); stroke: var(--crown); stroke-width: .8; }
.reign.provisional { fill: var(--paper); stroke-dasharray: 3 2; }
.candidate { stroke: var(--election); stroke-width: 5; opacity: .3; }
.hold { fill: url(#hatch); stroke: var(--repair); stroke-width: .8; }
.arrow { fill: none; stroke-width: 1.15; }
.arrow.lost { stroke-dasharray: 4 3; opacity: .9; }
.cross { stroke: var(--bad); stroke-width: 1.8; fill: none; }
.label, .mark, .quiet { paint-order: stroke; stroke: var(--halo); stroke-width: 3px; stroke-linejoin: round; }
.label { font-size: 9px; text-anchor: middle; }
.band { opacity: .09; }
.edge { stroke-width: 1.2; stroke-dasharray: 6 3; fill: none; opacity: .85; }
.wall { stroke-width: 3; stroke-dasharray: 10 5; opacity: .55; }
.fault { font-weight: 600; }
.good { fill: var(--good); } .bad { fill: var(--bad); } .lead { fill: var(--crown); font-weight: 600; } .vote { fill: var(--election); }
${KINDS.map(([kind, { dash }]) => `.k-${kind} { stroke: var(--${kind});${dash === "" ? "" : ` stroke-dasharray: ${dash};`} } .f-${kind} { fill: var(--${kind}); }`).join("\n")}
`.trim();
