/**
 * Sizes and colours of the moving picture. The hues are Okabe and Ito's, which people with any kind of colour vision tell apart; every
 * meaning has a shape or a word too. The paper is the picture's own, so it can be read on any page.
 */
export const SIZE = {
  width: 960,
  height: 540,
  nodeRadius: 33,
  ring: { x: 222, y: 284, radius: 138 },
  panel: { x: 440, y: 98, width: 488, lineHeight: 22, lines: 11 },
  ledger: { x: 440, y: 384, width: 488, height: 30 },
  timeline: { x: 32, y: 505, width: 896 },
} as const;

const MONO = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace";

export const FILM_STYLE = `svg{--paper:#fff;--panel:#f5f7f9;--ink:#1c2430;--soft:#57616e;--line:#cfd6dd;--node:#eef2f6;--accent:#0072b2;--gold:#e69f00;--bad:#c1440e;
--heartbeat:#8b95a1;--membership:#0072b2;--election:#b8720a;--trade:#00825e;--probe:#a3527f;--repair:#2f8fc9;--a1:#56b4e9;--a2:#e69f00;--a3:#009e73;--a4:#cc79a7;--a5:#f0e442;font:15px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}
@media (prefers-color-scheme:dark){svg{--paper:#10161d;--panel:#18202a;--ink:#e8edf3;--soft:#9aa7b4;--line:#344050;--node:#222c38;--accent:#56b4e9;--gold:#f0b429;--bad:#ff7b4a;
--heartbeat:#75808d;--membership:#56b4e9;--election:#f0b429;--trade:#00936a;--probe:#e08fc0;--repair:#7cc7f2;--a1:#3f93c4;--a2:#c98a00;--a3:#00875f;--a4:#b0648f;--a5:#c9be2f}}
text{fill:var(--ink)}.paper{fill:var(--paper);stroke:var(--line)}.soft{fill:var(--soft)}.mono{font-family:${MONO}}.middle{text-anchor:middle}.end{text-anchor:end}
.command{font:600 21px ${MONO};fill:var(--accent)}.words{font-size:17px}.small{font-size:13px}.line{font:13px ${MONO}}.id{font:700 21px system-ui,sans-serif}.bold{font-weight:700}
.chord{fill:none;stroke:var(--line);stroke-width:1;opacity:.7}.node{fill:var(--node);stroke:var(--soft);stroke-width:2}.panel{fill:var(--panel);stroke:var(--line)}
.leader{fill:var(--node);stroke:var(--gold);stroke-width:5}.crown{fill:var(--gold);stroke:var(--ink);stroke-width:1;stroke-linejoin:round}.stands{fill:none;stroke:var(--election);stroke-width:3;stroke-dasharray:5 4}
.suspect{fill:none;stroke:var(--bad);stroke-width:3;stroke-dasharray:3 5}.failed{fill:none;stroke:var(--bad);stroke-width:3}.dead{fill:var(--paper);stroke:var(--soft);stroke-width:2;stroke-dasharray:2 4}.deadx{stroke:var(--bad);stroke-width:4;stroke-linecap:round;opacity:.45}
.bad{fill:var(--bad)}.halo{paint-order:stroke;stroke:var(--paper);stroke-width:5px;stroke-linejoin:round}.transit{fill:none;stroke:var(--soft);stroke-dasharray:3 3}.lost{fill:none;stroke:var(--bad);stroke-width:3;stroke-linecap:round}
.heartbeat{fill:var(--heartbeat)}.membership{fill:var(--membership)}.election{fill:var(--election)}.trade{fill:var(--trade)}.probe{fill:var(--probe)}.repair{fill:var(--repair)}
.axis{stroke:var(--line);stroke-width:4;stroke-linecap:round}.mark{fill:var(--soft)}.head{fill:var(--accent);stroke:var(--paper);stroke-width:2}.now{fill:var(--accent);opacity:.12}
.onbar{font-size:13px;fill:#101820}.amount{font:700 12px system-ui,sans-serif;fill:#fff}`;
