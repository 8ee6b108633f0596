/** The style sheet of the SVG diagram: light, dark where the reader's screen is, light on paper. */
import { COLOURS, declareColours, KIND_STYLES } from "./diagram/colours.ts";

const KINDS = Object.entries(KIND_STYLES);

export const STYLE_SHEET = `
svg { ${declareColours(COLOURS.light)} }
@media (prefers-color-scheme: dark) { svg:not(.light) { ${declareColours(COLOURS.dark)} } }
text { font: 10.5px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: var(--ink); }
.paper { fill: var(--panel); }
.title { font-size: 15px; font-weight: 600; }
.soft, .tick, .quiet { fill: var(--soft); }
.tick { font-variant-numeric: tabular-nums; text-anchor: end; }
.quiet { font-size: 9.5px; }
.node { font-size: 13px; font-weight: 600; text-anchor: middle; }
.life { stroke: var(--soft); stroke-width: 1.6; opacity: .65; }
.down { stroke: var(--faint); stroke-width: 26; opacity: .6; }
.paused { stroke: var(--pause); stroke-width: 9; opacity: .35; stroke-dasharray: 3 2; }
.rule { stroke: var(--faint); stroke-width: 1; }
.break { fill: none; stroke: var(--soft); stroke-width: 1.2; }
.reign { fill: var(--accent); stroke: var(--accent); stroke-width: .8; }
.reign.provisional { fill: var(--panel); stroke-dasharray: 3 2; }
.candidate { stroke: var(--election); stroke-width: 5; opacity: .3; }
.hold { fill: url(#hatch); stroke: var(--repair); stroke-width: .8; }
.arrow { fill: none; stroke-width: 1.15; }
.arrow.lost { stroke-dasharray: 4 3; opacity: .9; }
.cross { stroke: var(--bad); stroke-width: 1.8; fill: none; }
.label, .mark, .quiet { paint-order: stroke; stroke: var(--panel); stroke-width: 3px; stroke-linejoin: round; }
.label { font-size: 9px; text-anchor: middle; }
.band { opacity: .09; }
.edge { stroke-width: 1.2; stroke-dasharray: 6 3; fill: none; opacity: .85; }
.wall { stroke-width: 3; stroke-dasharray: 10 5; opacity: .55; }
.fault { font-weight: 600; }
.good { fill: var(--good); } .bad { fill: var(--bad); } .lead { fill: var(--accent); font-weight: 600; } .vote { fill: var(--election); }
${KINDS.map(([kind, { dash }]) => `.k-${kind} { stroke: var(--${kind});${dash === "" ? "" : ` stroke-dasharray: ${dash};`} } .f-${kind} { fill: var(--${kind}); }`).join("\n")}
`.trim();
