// Who may import what: the architecture's table as data, and a check of every source file against it. The idea is that
// the core stays a pure function, the lab's planners stay testable without an engine, and dockerode and commander stay
// behind one door each; a comment can't keep that up, a test can.
//
// Imports are read from the text (static, type-only, dynamic, re-exports), after comments are blanked out.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const linesMax = 500;

interface Layer {
  readonly name: string;
  readonly files: RegExp;
  /** What a specifier must match, local ones as paths from the project's root. Absent: everything not forbidden. */
  readonly mayImport?: readonly RegExp[];
  readonly mayNotImport?: readonly RegExp[];
  /** What the code, without comments and the text of strings, must not contain. */
  readonly mayNotUse?: Readonly<Record<string, RegExp>>;
}

const wire = /^node\/wire\//;
const core = /^node\/core\//;
const runtime = /^node\/runtime\//;
const builtin = /^node:/;

/** The lab's pure modules: what they say depends on what they are given only. */
const pureLab =
  /^lab\/(agreement|condition-text|duration|errors|lab-fields|plan|selectors|sides|suggest|yaml-file)\.ts$|^lab\/scenario\/(actions|conditions|describe|format|parse|schema|values)\.ts$|^lab\/(check|export)\/|^lab\/journal\/(detail|entry|filter|journal|lab-entry|message-kinds|order)\.ts$|^lab\/faults\/(compile[\w-]*|expand|fault|list|parse|verify)\.ts$/;

/** The runtime's pure modules, which the simulator's nodes share. */
const pureRuntime =
  /^node\/runtime\/(command-line|control-server|core-config|errors|fault-desk|impairments|intake|operations|replay-window|reply-cache|settings|source-gate|wire-lines)\.ts$/;

/** What the dashboard's page and its server share. */
const browserDash = /^lab\/dash\/(client|command-line|protocol)\.ts$/;

/** What the local engine starts by path, and nobody imports. */
const impureRuntime = new RegExp(`^(?!${pureRuntime.source.slice(1)})node/runtime/`);

/** The page's picture of a run, which Node's tests and exporters read too. */
const pageModel = /^lab\/page\/model\//;

const browser = { "a browser": /(?<![.\w$])(?:document|window|navigator|location)\s*[.[]/ };

const clockAndTimers = {
  Date: /\bDate\b/,
  performance: /\bperformance\b/,
  timers: /\b(?:set|clear)(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b/,
};

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
    mayImport: [pureLab, wire, /^lab\/engine\/engine\.ts$/, /^(zod|yaml)$/],
    mayNotUse: clockAndTimers,
  },
  {
    name: "lab/page/model",
    files: /^lab\/page\/model\//,
    mayImport: [pageModel, /^lab\/(check\/verdict|journal\/(entry|journal|lab-entry|message-kinds))\.ts$/, wire],
    mayNotUse: { ...clockAndTimers, ...browser },
  },
  {
    name: "lab/page/render-report.ts",
    files: /^lab\/page\/render-report\.ts$/,
    mayImport: [pageModel, pureLab, /^node:zlib$/],
  },
  {
    name: "lab/page",
    files: /^lab\/page\//,
    mayImport: [
      /^lab\/page\//,
      /^lab\/dash\/(client|command-line|protocol)\.ts$/,
      /^lab\/(check\/verdict|journal\/(entry|journal|message-kinds))\.ts$/,
      /^preact/,
    ],
    mayNotUse: { process: /(?<![.\w$])process\s*[.[]/, Buffer: /\bBuffer\b/ },
  },
  {
    name: "lab/sim",
    files: /^lab\/sim\//,
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
    name: "lab/chaos, pure",
    files: /^lab\/chaos\/(plan|reductions|schedule|shrink)\.ts$/,
    mayImport: [/^lab\/chaos\/(reductions|schedule)\.ts$/, /^lab\/sim\/draw\.ts$/, wire],
    mayNotUse: clockAndTimers,
  },
  {
    name: "lab/engine/docker",
    files: /^lab\/engine\/docker/,
    mayNotImport: [/^lab\/(commands|ui|sim)\//, /^lab\/cli\.ts$/, /^commander$/, core, runtime],
  },
  {
    name: "lab/engine",
    files: /^lab\/engine\//,
    mayNotImport: [/^lab\/(commands|ui)\//, /^lab\/cli\.ts$/, /^commander$/, /^dockerode$/, impureRuntime],
  },
  {
    name: "lab/commands, lab/ui, lab/cli.ts",
    files: /^lab\/(?:commands\/|ui\/|cli\.ts$)/,
    mayNotImport: [/^dockerode$/, core, runtime],
  },
  {
    name: "lab/control-client.ts",
    files: /^lab\/control-client\.ts$/,
    mayImport: [wire, /^node:crypto$/, /^lab\/(control-transport|errors|world)\.ts$/],
  },
  {
    // Documents show what commands print.
    name: "lab/pictures",
    files: /^lab\/pictures\//,
    mayNotImport: [/^lab\/commands\//, /^lab\/cli\.ts$/, /^(commander|dockerode)$/, core, runtime],
  },
  {
    name: "lab, everything else",
    files: /^lab\//,
    mayNotImport: [/^lab\/(commands|ui)\//, /^lab\/cli\.ts$/, /^(commander|dockerode)$/, core, runtime],
  },
];

describe("sources", () => {
  const files = ["node", "lab"].flatMap((folder) => listSources(folder));
  const sources = files.map((file) => ({ file, text: readFileSync(join(root, file), "utf8") }));

  test("there must be sources to check", () => {
    expect(files.length).toBeGreaterThan(0);
  });

  test("every file must keep to its layer", () => {
    const violations = sources.flatMap(({ file, text }) =>
      findViolations(file, text).map((line) => `${file}: ${line}`),
    );
    expect(violations).toEqual([]);
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
    ["lab/plan.ts", 'import type { Engine } from "./engine/engine.ts";\nimport { parse } from "yaml";'],
    ["lab/sim/cluster.ts", 'import { step } from "../../node/core/peer.ts";'],
    ["lab/engine/docker.ts", 'import Docker from "dockerode";\nimport { join } from "node:path";'],
    ["lab/commands/up.ts", 'import { Command } from "commander";\nconst lab = await import("../lab.ts");'],
    ["lab/control-client.ts", 'import { createHmac } from "node:crypto";\nimport "../node/wire/control.ts";'],
    ["lab/engine/sim.ts", 'import { readSettings } from "../../node/runtime/settings.ts";'],
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
    ["node/runtime/main.ts", 'import "../../lab/lab.ts";', "lab/lab.ts"],
    ["node/runtime/main.ts", 'await import("dockerode");', "dockerode"],
    ["lab/plan.ts", 'import Docker from "dockerode";', "dockerode"],
    ["lab/selectors.ts", 'import "./engine/docker.ts";', "lab/engine/docker.ts"],
    ["lab/check/conserved.ts", "const now = Date.now();", "Date"],
    ["lab/sim/cluster.ts", 'import { readFileSync } from "node:fs";', "node:fs"],
    ["lab/sim/cluster.ts", "const now = performance.now();", "performance"],
    ["lab/engine/docker.ts", 'import { table } from "../ui/table.ts";', "lab/ui/table.ts"],
    ["lab/engine/local.ts", 'import Docker from "dockerode";', "dockerode"],
    ["lab/engine/local.ts", 'await import("../../node/runtime/main.ts");', "node/runtime/main.ts"],
    ["lab/commands/ps.ts", 'import Docker from "dockerode";', "dockerode"],
    ["lab/cli.ts", 'import "../node/core/peer.ts";', "node/core/peer.ts"],
    ["lab/control-client.ts", 'import "./commands/up.ts";', "lab/commands/up.ts"],
    ["lab/lab.ts", 'import { Command } from "commander";', "commander"],
    ["lab/lab.ts", 'import "./ui/progress.ts";', "lab/ui/progress.ts"],
    ["lab/page/view/app.tsx", 'import { Lab } from "../../lab.ts";', "lab/lab.ts"],
    ["lab/page/app/store.ts", 'import { readFileSync } from "node:fs";', "node:fs"],
    ["lab/page/model/history.ts", "document.title = '';", "a browser"],
    ["lab/page/model/history.ts", 'import "../view/app.tsx";', "lab/page/view/app.tsx"],
    ["node/stray.ts", "", "no layer"],
  ];

  test.each(forbidden)("%s must not contain %j", (file, source, violation) => {
    expect(findViolations(file, source)).toEqual([expect.stringContaining(violation)]);
  });
});

/** One line for each thing in `source` that its layer forbids; empty when all is well. */
function findViolations(file: string, source: string): string[] {
  const layer = layers.find((candidate) => candidate.files.test(file));
  if (layer === undefined) return [`${file} belongs to no layer`];
  const { withStrings, codeOnly } = blankOut(source);
  const violations: string[] = [];
  for (const specifier of readImports(withStrings)) {
    const target = specifier.startsWith(".") ? normalize(join(dirname(file), specifier)) : specifier;
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

function readImports(source: string): string[] {
  const statement = /\b(?:import|export)\b(?:[\w\s{},*$]*?\bfrom)?\s*["']([^"']+)["']/g;
  const call = /\b(?:import|require)\s*\(\s*["'`]([^"'`]+)["'`]/g;
  return [...source.matchAll(statement), ...source.matchAll(call)].map((match) => match[1] ?? "");
}

/**
 * The source twice, line numbers kept: without comments, and without comments and the text of strings. What stands in a
 * template's `${}` is code. A slash begins a regular expression where an operand is due.
 */
function blankOut(source: string): { withStrings: string; codeOnly: string } {
  const token =
    /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|(?<=(?:^|[=(,:[!&|?{};+\-*%<>~^]|\breturn|\bcase)\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*|`(?:\\.|\$\{(?:[^{}]|\{[^{}]*\})*\}|[^`\\])*`/gm;
  const blank = (text: string): string => text.replaceAll(/[^\n]/g, " ");
  const isComment = (text: string): boolean => text.startsWith("//") || text.startsWith("/*");
  const keepExpressions = (template: string): string => {
    let code = "";
    let last = 0;
    for (const match of template.matchAll(/\\.|\$\{((?:[^{}]|\{[^{}]*\})*)\}/g)) {
      if (match[1] === undefined) continue;
      code += `${blank(template.slice(last, match.index))}  ${match[1]} `;
      last = match.index + match[0].length;
    }
    return code + blank(template.slice(last));
  };
  return {
    // A string's own text stays, unless it is a regular expression: that may look like an import.
    withStrings: source.replaceAll(token, (text) => (isComment(text) || text.startsWith("/") ? blank(text) : text)),
    codeOnly: source.replaceAll(token, (text) => (text.startsWith("`") ? keepExpressions(text) : blank(text))),
  };
}

function listSources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}
