// The rules for imports: the architecture's table as data, and a check of every source file against it. The idea is that
// the core stays a pure function, the lab's planners stay testable without an engine, and dockerode and commander stay
// behind one door each; a comment can't keep that up, a test can.
//
// Imports are read from the text (static, type-only, dynamic, re-exports), after comments are blanked out.
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { LAB_ROOMS } from "../documents/rooms.ts";
import { blankOut, listSources, PROJECT_ROOT, readImports } from "../support/sources.ts";

const linesMax = 500;

interface Layer {
  readonly name: string;
  readonly files: RegExp;
  /** Patterns for allowed specifiers, local ones as paths from the project's root. Absent: everything not forbidden. */
  readonly mayImport?: readonly RegExp[];
  readonly mayNotImport?: readonly RegExp[];
  /** Patterns that the code, without comments and the text of strings, must not match. */
  readonly mayNotUse?: Readonly<Record<string, RegExp>>;
}

const wire = /^node\/wire\//;
const core = /^node\/core\//;
const runtime = /^node\/runtime\//;
const builtin = /^node:/;

/** The lab's pure modules: what they say depends on what they are given only. */
const pureLab =
  /^lab\/base\/(bytes|checked-by|duration|hint|lab-error|memory|next|numbers|suggest|yaml-alias|yaml-file)\.ts$|^lab\/cluster\/(condition-text|judge-agreement|lab-fields|limits|plan-lab|selectors|sides)\.ts$|^lab\/scenario\/(actions|condition-schema|course-order|describe-step|format-scenario|lesson|parse-scenario|read-lesson|scenario-schema|values)\.ts$|^lab\/(check|export)\/|^lab\/kind\/(check-schema|pcap|program-spec|program-lines|tap|timeline)\.ts$|^lab\/journal\/(detail|entry|filter|journal|lab-entry|message-kinds|order|time-order)\.ts$|^lab\/journal\/story\/|^lab\/faults\/(compile[\w-]*|expand|fault|list|netem-flags|parse-fault|shapes|verify)\.ts$/;

/** The runtime's pure modules, which the simulator's nodes share. */
const pureRuntime =
  /^node\/runtime\/(clock-incarnation|command-line|control-server|core-config|driver|errors|fault-desk|impairments|inbound|intake|machine|node-shell|operations|multicast-watch|outgoing|platform|ports|rate-limit|replay-window|reply-cache|send-queue|settings|source-gate|wire-lines)\.ts$/;

/** Modules that the dashboard's page and its server share. */
const browserDash = /^lab\/dash\/(client|page-command|protocol)\.ts$/;

/** Modules that the local engine starts by path, and no module imports. */
const impureRuntime = new RegExp(`^(?!${pureRuntime.source.slice(1)})node/runtime/`);

/** The page's picture of a run, which Node's tests and exporters read too. */
const pageModel = /^lab\/page\/model\//;

const browser = { "a browser": /(?<![.\w$])(?:document|window|navigator|location)\s*[.[]/ };

const clockAndTimers = {
  Date: /\bDate\b/,
  performance: /\bperformance\b/,
  timers: /\b(?:set|clear)(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b/,
};

const rooms = LAB_ROOMS.map(({ name }) => name);

/** The first layer whose `files` match a path is the one that holds for it. */
const layers: readonly Layer[] = [
  { name: "node/wire", files: /^node\/wire\//, mayImport: [wire, /^zod$/] },
  {
    name: "node/core",
    files: /^node\/core\//,
    mayImport: [core, wire],
    mayNotUse: {
      ...clockAndTimers,
      "Math.random": /\bMath\s*\.\s*random\b/,
      // Engines may round these differently; a run must be the same byte for byte everywhere.
      "inexact Math": /\bMath\s*\.\s*(?:log\w*|pow|exp\w*|sin\w*|cos\w*|tan\w*|cbrt|hypot)\b|\*\*/,
      process: /(?<![.\w$])process\s*[.[]/,
      console: /(?<![.\w$])console\s*[.[]/,
      async: /\b(?:async|await|Promise)\b/,
      crypto: /(?<![.\w$])crypto\s*\./,
    },
  },
  {
    name: "node/runtime, pure",
    files: pureRuntime,
    mayImport: [core, wire, pureRuntime, /^zod$/],
    mayNotUse: clockAndTimers,
  },
  { name: "node/runtime", files: /^node\/runtime\//, mayImport: [core, wire, runtime, builtin, /^(pino|zod)$/] },
  {
    name: "lab, pure",
    files: pureLab,
    mayImport: [pureLab, wire, /^node\/core\/kernel\/heap\.ts$/, /^lab\/engine\/engine\.ts$/, /^(zod|yaml)$/],
    mayNotUse: clockAndTimers,
  },
  {
    name: "lab/page/model",
    files: /^lab\/page\/model\//,
    mayImport: [
      pageModel,
      /^lab\/export\/diagram\/event-rows\.ts$/,
      /^lab\/(check\/verdict|journal\/(entry|journal|lab-entry|message-kinds|order|story\/[\w-]+)|scenario\/lesson)\.ts$/,
      wire,
    ],
    mayNotUse: { ...clockAndTimers, ...browser },
  },
  {
    name: "lab/page/render-report.ts",
    files: /^lab\/page\/render-report\.ts$/,
    mayImport: [pageModel, pureLab, /^node:zlib$/],
  },
  {
    // The page's policy lets nobody compile code: zod is told before anything uses it.
    name: "lab/page/play/jitless.ts",
    files: /^lab\/page\/play\/jitless\.ts$/,
    mayImport: [/^zod$/],
  },
  {
    name: "lab/page",
    files: /^lab\/page\//,
    mayImport: [
      /^lab\/page\//,
      /^lab\/export\/diagram\//,
      /^lab\/dash\/(client|page-command|protocol)\.ts$/,
      /^lab\/play\//,
      /^lab\/scenario\/(lesson|scenario-schema)\.ts$/,
      /^lab\/(base\/glossary|check\/verdict|journal\/(entry|journal|message-kinds|story\/[\w-]+))\.ts$/,
      /^preact/,
    ],
    mayNotUse: { process: /(?<![.\w$])process\s*[.[]/, Buffer: /\bBuffer\b/ },
  },
  {
    name: "lab/sim",
    files: /^lab\/sim\/(?!threads\/)/,
    mayImport: [/^lab\/sim\//, pureLab, core, wire, pureRuntime, /^lab\/engine\/engine\.ts$/],
    mayNotUse: clockAndTimers,
  },
  {
    // Runs in browsers too: nothing of Node's, nothing of the lab's but types.
    name: "lab/dash, browser",
    files: browserDash,
    mayImport: [browserDash, pureLab, wire, /^lab\/engine\/engine\.ts$/],
    mayNotUse: { process: /(?<![.\w$])process\s*[.[]/, Buffer: /\bBuffer\b/ },
  },
  {
    name: "lab/play",
    files: /^lab\/play\//,
    mayNotImport: [/^node:/, /^(commander|dockerode)$/, core, runtime, /^lab\/dash\/(?!page-command|protocol)/],
    mayNotUse: { ...clockAndTimers, process: /(?<![.\w$])process\s*[.[]/, Buffer: /\bBuffer\b/ },
  },
  {
    name: "lab/chaos, pure",
    files: /^lab\/chaos\/(plan-chaos|reductions|fault-schedule|shrink)\.ts$/,
    mayImport: [/^lab\/chaos\/(reductions|fault-schedule)\.ts$/, /^lab\/sim\/world\/draw\.ts$/, wire],
    mayNotUse: clockAndTimers,
  },
  {
    name: "lab/engine/docker, swarm",
    files: /^lab\/engine\/(docker|swarm)\//,
    mayNotImport: [/^lab\/sim\//, /^commander$/, core, runtime],
  },
  {
    name: "lab/engine",
    files: /^lab\/engine\//,
    mayNotImport: [/^commander$/, /^dockerode$/, impureRuntime],
  },
  {
    name: "lab/cli",
    files: /^lab\/cli\//,
    // Both have a prompt in a terminal.
    mayNotImport: [/^dockerode$/, core, /^node\/runtime\/(?!job-control\.ts$)/],
  },
  {
    name: "lab/control/control-client.ts",
    files: /^lab\/control\/control-client\.ts$/,
    mayImport: [wire, /^lab\/control\//, /^lab\/base\/(bytes|hint|lab-error|next)\.ts$/],
  },
  {
    name: "lab, everything else",
    files: /^lab\//,
    mayNotImport: [/^(commander|dockerode)$/, core, impureRuntime],
  },
];

/** To be opened up; nothing may be added. */
const knownCircles: readonly string[] = [];

/** Types alone, which leave no import at run time: the state of the core is composed here, and each part of the core is given the whole. */
const composedTypes = "node/core/state.ts";

/** Names that may stand in several folders, because the folder says which is meant. */
const sharedNames = new Set([
  // A promise: its checker over a journal, and the check of it inside the simulator.
  "answers.ts",
  "bounds.ts",
  "detection.ts",
  "identity.ts",
  "conservation.ts",
  "control-client.ts",
  "history.ts",
  "journal.ts",
  "node.ts",
  // Until exports read the story.
  "lives.ts",
  "trips.ts",
]);

describe("sources", () => {
  const files = listSources("node", "lab");
  const sources = files.map((file) => ({ file, text: readFileSync(join(PROJECT_ROOT, file), "utf8") }));

  test("there must be sources to check", () => {
    expect(files.length).toBeGreaterThan(0);
  });

  test("every file must keep to its layer", () => {
    const violations = sources.flatMap(({ file, text }) =>
      findViolations(file, text).map((line) => `${file}: ${line}`),
    );
    expect(violations).toEqual([]);
  });

  test("lab/ must hold rooms only, each with a floor", () => {
    expect(readdirSync(join(PROJECT_ROOT, "lab")).sort()).toEqual(["README.md", ...rooms].sort());
  });

  test("a lab must ask its kind how nodes differ, and not look at the program that they run", () => {
    const knowing = /^lab\/(engine\/|kind\/|cluster\/(kind|program-[\w-]+|plan-[\w-]+|execute-up)\.ts$)/;
    const others = listSources().filter((path) => path.startsWith("lab/") && !knowing.test(path));
    const looking = others.filter((path) => /\binfo\.program\b/.test(readFileSync(join(PROJECT_ROOT, path), "utf8")));
    expect(looking).toEqual([]);
  });

  test("folders must not import each other in a circle", () => {
    const edges = new Map<string, Set<string>>();
    for (const { file, text } of sources) {
      const targets = edges.get(dirname(file)) ?? new Set();
      for (const target of readImports(file, text)) {
        const isInside = /^(lab|node)\//.test(target) && target !== composedTypes;
        if (isInside && dirname(target) !== dirname(file)) targets.add(dirname(target));
      }
      edges.set(dirname(file), targets);
    }
    expect(findCircles(edges).filter((circle) => !knownCircles.includes(circle))).toEqual([]);
  });

  test(`${composedTypes} must hold nothing but types`, () => {
    const text = sources.find(({ file }) => file === composedTypes)?.text ?? "";
    expect(text).toContain("export interface NodeState {");
    expect(
      text.match(/^(?!import type |export (?:interface|type) )(?:import|export|const|let|function|class)\b.*/gm),
    ).toBeNull();
  });

  test("a file's name must be used once, unless the folders tell the files apart", () => {
    const byName = Map.groupBy(files, (file) => basename(file));
    const repeated = [...byName].filter(([name, paths]) => paths.length > 1 && !sharedNames.has(name));
    expect(repeated).toEqual([]);
  });

  test(`no file may be longer than ${linesMax} lines`, () => {
    const lengths = sources.map(({ file, text }) => ({ file, lines: text.trimEnd().split("\n").length }));
    expect(lengths.filter(({ lines }) => lines > linesMax)).toEqual([]);
  });
});

describe("the check itself", () => {
  const allowed: readonly [file: string, source: string][] = [
    ["node/wire/message.ts", 'import * as z from "zod";\nexport { x } from "./ids.ts";'],
    ["node/core/peer.ts", 'import type { Message } from "../wire/message.ts";\nimport { draw } from "./random.ts";'],
    ["node/core/peer.ts", "// the Date of setTimeout\n/* await process.exit() */ const text = 'new Date';"],
    ["node/core/peer.ts", "const state = { process: 1 }; state.process.toString(); const logarithm = Math.max(1, 2);"],
    ["node/core/peer.ts", "const pattern = /\"import('x')/; const half = 4 / 2 / 1;"],
    ["node/runtime/main.ts", 'import dgram from "node:dgram";\nimport pino from "pino";\nimport "../core/peer.ts";'],
    ["lab/cluster/plan-lab.ts", 'import type { Engine } from "../engine/engine.ts";\nimport { parse } from "yaml";'],
    ["lab/sim/cluster/sim-cluster.ts", 'import { step } from "../../../node/core/peer.ts";'],
    ["lab/engine/docker/docker-engine.ts", 'import Docker from "dockerode";\nimport { join } from "node:path";'],
    ["lab/cli/commands/up.ts", 'import { Command } from "commander";\nawait import("../../cluster/lab-handle.ts");'],
    ["lab/control/control-client.ts", 'import "../../node/wire/control.ts";'],
    ["lab/engine/sim/sim-engine.ts", 'import { readSettings } from "../../../node/runtime/settings.ts";'],
    ["lab/page/view/app.tsx", 'import { render } from "preact";\nimport "../../dash/client.ts";\ndocument.title = "";'],
  ];

  test.each(allowed)("%s may contain %j", (file, source) => {
    expect(findViolations(file, source)).toEqual([]);
  });

  const forbidden: readonly [file: string, source: string, violation: string][] = [
    ["node/wire/message.ts", 'import "../core/peer.ts";', "node/core/peer.ts"],
    ["node/wire/message.ts", 'import { hash } from "node:crypto";', "node:crypto"],
    ["node/core/peer.ts", 'import type { Socket } from "node:dgram";', "node:dgram"],
    ["node/core/peer.ts", 'import * as z from "zod";', "zod"],
    ["node/core/peer.ts", 'import {\n  a,\n  b,\n} from "../runtime/driver.ts";', "node/runtime/driver.ts"],
    ["node/core/peer.ts", 'export * from "pino";', "pino"],
    ["node/core/peer.ts", 'type Log = import("pino").Logger;', "pino"],
    ["node/core/peer.ts", "const at = Date.now();", "Date"],
    ["node/core/peer.ts", "const at = new Date();", "Date"],
    ["node/core/peer.ts", `const text = \`at \${Date.now()}\`;`, "Date"],
    ["node/core/peer.ts", "const x = Math.random();", "Math.random"],
    ["node/core/peer.ts", "const x = Math.log2(8);", "inexact Math"],
    ["node/core/peer.ts", "const x = Math.pow(2, 3);", "inexact Math"],
    ["node/core/peer.ts", "const x = 2 ** 3;", "inexact Math"],
    ["node/core/peer.ts", "setTimeout(run, 5);", "timers"],
    ["node/core/peer.ts", "process.exit();", "process"],
    ["node/core/peer.ts", "console.log(1);", "console"],
    ["node/core/peer.ts", "async function f() {}", "async"],
    ["node/core/peer.ts", "const x = performance.now();", "performance"],
    ["node/core/peer.ts", 'const a = "//"; process.exit();', "process"],
    ["node/runtime/main.ts", 'import "../../lab/cluster/lab-handle.ts";', "lab/cluster/lab-handle.ts"],
    ["node/runtime/main.ts", 'await import("dockerode");', "dockerode"],
    ["lab/cluster/plan-lab.ts", 'import Docker from "dockerode";', "dockerode"],
    ["lab/cluster/selectors.ts", 'import "../engine/docker/docker-engine.ts";', "lab/engine/docker"],
    ["lab/check/conserved.ts", "const now = Date.now();", "Date"],
    ["lab/sim/cluster/sim-cluster.ts", 'import { readFileSync } from "node:fs";', "node:fs"],
    ["lab/sim/cluster/sim-cluster.ts", "const now = performance.now();", "performance"],
    ["lab/engine/docker/docker-engine.ts", 'import "../../cli/ui/table.ts";', "lab/cli lies above lab/engine"],
    ["lab/engine/local/local-engine.ts", 'import Docker from "dockerode";', "dockerode"],
    ["lab/engine/local/local-engine.ts", 'await import("../../../node/runtime/main.ts");', "node/runtime/main.ts"],
    ["lab/cli/commands/ps.ts", 'import Docker from "dockerode";', "dockerode"],
    ["lab/cli/cli.ts", 'import "../../node/core/peer.ts";', "node/core/peer.ts"],
    ["lab/control/control-client.ts", 'import "../engine/engine.ts";', "lab/engine/engine.ts"],
    // The simulator's nodes are asked by it too, in a browser.
    ["lab/control/control-client.ts", 'import { createHmac } from "node:crypto";', "node:crypto"],
    ["lab/cluster/lab-handle.ts", 'import { Command } from "commander";', "commander"],
    ["lab/cluster/lab-handle.ts", 'import "../scenario/run-scenario.ts";', "lab/scenario lies above lab/cluster"],
    ["lab/page/view/app.tsx", 'import "../../cluster/lab-handle.ts";', "lab/cluster/lab-handle.ts"],
    ["lab/page/app/page-store.ts", 'import { readFileSync } from "node:fs";', "node:fs"],
    ["lab/page/model/history.ts", "document.title = '';", "a browser"],
    ["lab/page/model/history.ts", 'import "../view/app.tsx";', "lab/page/view/app.tsx"],
    ["node/stray.ts", "", "no layer"],
  ];

  test.each(forbidden)("%s must not contain %j", (file, source, violation) => {
    expect(findViolations(file, source)).toEqual([expect.stringContaining(violation)]);
  });
});

/** The strongly connected parts of a graph of folders, each as one line of sorted names. */
function findCircles(edges: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const reach = (from: string): Set<string> => {
    const seen = new Set<string>();
    const open = [from];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      for (const next of edges.get(at) ?? []) {
        if (!seen.has(next)) open.push(next);
        seen.add(next);
      }
    }
    return seen;
  };
  const reached = new Map([...edges.keys()].map((folder) => [folder, reach(folder)]));
  const circles = [...reached].flatMap(([folder, seen]) => {
    const others = [...seen].filter((other) => other !== folder && reached.get(other)?.has(folder) === true);
    return others.length === 0 ? [] : [[folder, ...others].sort().join(" ")];
  });
  return [...new Set(circles)].sort();
}

/** How high the room of `path` lies in lab/; null for what lies elsewhere. */
function floorOf(path: string): number | null {
  const [top, room = ""] = path.split("/");
  return top === "lab" ? rooms.indexOf(room) : null;
}

/** One line for each thing in `source` that its layer forbids; empty when all is well. */
function findViolations(file: string, source: string): string[] {
  const layer = layers.find((candidate) => candidate.files.test(file));
  if (layer === undefined) return [`${file} belongs to no layer`];
  const { codeOnly } = blankOut(source);
  const violations: string[] = [];
  const floor = floorOf(file);
  for (const target of readImports(file, source)) {
    const targetFloor = floorOf(target);
    if (floor !== null && targetFloor !== null && targetFloor > floor) {
      violations.push(`lab/${rooms[targetFloor]} lies above lab/${rooms[floor]}: it must not be imported (${target})`);
      continue;
    }
    const isForbidden = layer.mayNotImport?.some((pattern) => pattern.test(target)) ?? false;
    const isUnlisted = layer.mayImport !== undefined && !layer.mayImport.some((pattern) => pattern.test(target));
    if (isForbidden || isUnlisted) violations.push(`${layer.name} must not import ${target}`);
  }
  for (const [what, pattern] of Object.entries(layer.mayNotUse ?? {})) {
    const at = codeOnly.search(pattern);
    if (at >= 0)
      violations.push(`${layer.name} must not use ${what} (line ${codeOnly.slice(0, at).split("\n").length})`);
  }
  return violations;
}
