/**
 * The style sheet of the SVG diagram: light, dark where the reader's screen is, light on paper. The colours stand in it as they are:
 * many programs that show an SVG know no variables, and would draw all of it black.
 */
import type { MessageKind } from "../journal/message-kinds.ts";
import { COLOURS, type ColourName, type Colours, KIND_STYLES } from "./diagram/colours.ts";

const KINDS = Object.entries(KIND_STYLES);
/** Colours that elements name by their class: `f-accent` fills, `s-accent` draws. */
const NAMES: readonly ColourName[] = [
  ...(Object.keys(KIND_STYLES) as MessageKind[]),
  ...(["partition", "netem", "pause", "accent", "panel", "soft"] as const),
];

const SHAPES = `
text { font: 10.5px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
.title { font-size: 15px; font-weight: 600; }
.tick { font-variant-numeric: tabular-nums; text-anchor: end; }
.quiet { font-size: 9.5px; }
.node { font-size: 13px; font-weight: 600; text-anchor: middle; }
.life { stroke-width: 1.6; opacity: .65; }
.down { stroke-width: 26; opacity: .6; }
.paused { stroke-width: 9; opacity: .35; stroke-dasharray: 3 2; }
.rule { stroke-width: 1; }
.break { fill: none; stroke-width: 1.2; }
.reign { stroke-width: .8; }
.reign.provisional { stroke-dasharray: 3 2; }
.candidate { stroke-width: 5; opacity: .3; }
.hold { fill: url(#hatch); stroke-width: .8; }
.arrow { fill: none; stroke-width: 1.15; }
.arrow.lost { stroke-dasharray: 4 3; opacity: .9; }
.cross { stroke-width: 1.8; fill: none; }
.label, .mark, .quiet { paint-order: stroke; stroke-width: 3px; stroke-linejoin: round; }
.label { font-size: 9px; text-anchor: middle; }
.band { opacity: .09; }
.edge { stroke-width: 1.2; stroke-dasharray: 6 3; fill: none; opacity: .85; }
.wall { stroke-width: 3; stroke-dasharray: 10 5; opacity: .55; }
.fault, .lead { font-weight: 600; }
${KINDS.flatMap(([kind, { dash }]) => (dash === "" ? [] : [`.k-${kind} { stroke-dasharray: ${dash}; }`])).join("\n")}
`.trim();

/** Selector, what it colours, and the colour. The first comes first, so that later ones win. */
const PAINTS: readonly (readonly [string, "fill" | "stroke", ColourName])[] = [
  ["text", "fill", "ink"],
  [".soft, .tick, .quiet", "fill", "soft"],
  [".paper", "fill", "panel"],
  [".life, .break", "stroke", "soft"],
  [".down, .rule", "stroke", "faint"],
  [".paused", "stroke", "pause"],
  [".reign", "fill", "accent"],
  [".reign", "stroke", "accent"],
  [".reign.provisional", "fill", "panel"],
  [".candidate", "stroke", "election"],
  [".hold", "stroke", "repair"],
  [".cross", "stroke", "bad"],
  [".label, .mark, .quiet", "stroke", "panel"],
  [".good", "fill", "good"],
  [".bad", "fill", "bad"],
  [".lead", "fill", "accent"],
  [".vote", "fill", "election"],
  ...KINDS.map(([kind]) => [`.k-${kind}`, "stroke", kind as ColourName] as const),
];

function paint(colours: Colours, within: string): string {
  const all = [
    ...PAINTS,
    ...NAMES.flatMap((name) => [[`.f-${name}`, "fill", name] as const, [`.s-${name}`, "stroke", name] as const]),
  ];
  return all
    .map(([selector, property, name]) => {
      const place = selector
        .split(", ")
        .map((part) => `${within}${part}`)
        .join(", ");
      return `${place} { ${property}: ${colours[name]}; }`;
    })
    .join("\n");
}

export const STYLE_SHEET = `${SHAPES}
${paint(COLOURS.light, "")}
@media (prefers-color-scheme: dark) {
${paint(COLOURS.dark, "svg:not(.light) ")}
}`;
