// biome-ignore-all lint/suspicious/noTemplateCurlyInString: as files write them
/** Programs that aren't ours: their description, their output as lines of the journal, and the checks over their facts. */
import { describe, expect, test } from "vitest";
import { LabError } from "../../lab/base/lab-error.ts";
import { parseConditionText } from "../../lab/cluster/condition-text.ts";
import { parseLabConfig } from "../../lab/cluster/lab-file.ts";
import { parseSocket } from "../../lab/cluster/program-lab.ts";
import type { Entry } from "../../lab/journal/entry.ts";
import type { Journal } from "../../lab/journal/journal.ts";
import type { LabAction } from "../../lab/journal/lab-entry.ts";
import { isTrue, parseExpression } from "../../lab/kind/expression.ts";
import { runProgramChecks } from "../../lab/kind/program-checks.ts";
import { foldFacts, ProgramLines } from "../../lab/kind/program-lines.ts";
import { fillIn, fillWords, type Program } from "../../lab/kind/program-spec.ts";
import { parseScenario } from "../../lab/scenario/parse-scenario.ts";

const PROGRAM: Program = {
  files: {},
  build: null,
  folder: "/",
  facts: [
    { match: "^LEADER (?<value>\\d+)$", kind: "leader" },
    { match: "^FAILED (?<peer>\\d+)$", kind: "member", state: "FAILED" },
  ],
};

describe("a lab file with node:", () => {
  const refused: readonly (readonly [yaml: string, complaint: string])[] = [
    ["node: {}", "f.yaml:1:1: node: nothing says what to start"],
    ["node:\n  image: x\n  comand: [a]", "f.yaml:3:3"],
    ["node:\n  image: x\n  command: ['${port}']", "there is no variable ${port}"],
    ["node:\n  image: x\n  ready: { log: '(' }", "f.yaml:3:"],
    ["node:\n  image: x\n  facts: [{ match: a, kind: A B }]", "must be a name such as leader"],
    ["node:\n  image: x\n  network: { udp: [70000] }", "f.yaml:3:"],
    ["node:\n  image: x\n  files: { etc/x: y }", "must be a path in the node"],
    ["nodes: 3\nenv: { FIXED: 1 }", "must be the name of a DS_… variable"],
  ];
  test.each(refused)("must refuse %j by line and column", (yaml, complaint) => {
    expect(() => parseLabConfig(yaml, "f.yaml")).toThrow(LabError);
    expect(() => parseLabConfig(yaml, "f.yaml")).toThrow(complaint.replace("f.yaml:1:1: node: ", ""));
  });

  test("must accept all that it describes", () => {
    const { node, env } = parseLabConfig("node: { image: x, command: run it }\nenv: { FIXED: 1 }", "f.yaml");
    expect(node).toEqual({ image: "x", command: ["sh", "-c", "run it"] });
    expect(env).toEqual({ FIXED: "1" });
  });
});

test("variables must be filled in, and a literal one left", () => {
  const place = {
    id: 2,
    addresses: new Map([
      [1, "a"],
      [2, "b"],
      [3, "c"],
    ]),
    args: ["x", "y z"],
  };
  const text = "$${id} ${id} ${ip} ${ip:3} ${peers} ${nodes}";
  expect(fillIn(text, place)).toBe("${id} 2 b c a,c a,b,c");
  expect(fillWords(["run", "${args}", "-n${id}"], place)).toEqual(["run", "x", "y z", "-n2"]);
});

describe("output of a program", () => {
  const at = (node: number, atMs: number, text: string) => ({ node, text, stream: "stdout" as const, atMs });

  test("must tell facts, and begin again with each process", () => {
    const own = [lab(50, { action: "kill", nodes: [1], signal: "SIGKILL" })];
    const lines = new ProgramLines(PROGRAM, "r", own);
    const entries = [at(1, 10, "LEADER 3"), at(1, 20, "FAILED 2"), at(1, 60, "hello")].map((line) => lines.read(line));
    expect(entries.map(({ inc, seq, fact, value }) => [inc, seq, fact, value])).toEqual([
      [1, 1, "leader", "3"],
      [1, 2, "member", "2 FAILED".split(" ").reverse().join(" ")],
      [2, 1, undefined, undefined],
    ]);
    expect(foldFacts(entries, () => 1).get(1)).toEqual({ leader: "3", member: "FAILED 2" });
    expect(foldFacts(entries, () => 2).size).toBe(0);
  });

  test("must stay readable when it is binary or long", () => {
    const { msg } = new ProgramLines(PROGRAM, null, []).read(at(1, 1, `\u0000\u001b${"x".repeat(9_000)}`));
    expect(msg).toMatch(/^\uFFFD\uFFFDx+$/);
    expect(msg.length).toBe(4_000);
  });
});

describe("conditions", () => {
  test.each([
    ["fact:leader=4", { word: "fact", fact: "leader", node: null, comparison: "=", value: "4" }],
    ["fact:leader:3!=yes", { word: "fact", fact: "leader", node: 3, comparison: "!=", value: "yes" }],
    ["log:3#2=was (re)?elected", { word: "log", node: 3, times: 2, pattern: "was (re)?elected" }],
    ["log=x", { word: "log", node: null, times: null, pattern: "x" }],
    [
      'ask:members:1 m[name="n4"].s = "x"',
      { word: "ask", question: "members", node: 1, expression: 'm[name="n4"].s = "x"' },
    ],
    ["expr $count(nodes) = 3", { word: "expr", expression: "$count(nodes) = 3" }],
  ])("must read %j", (text, wanted) => {
    expect(parseConditionText(text)).toEqual({ text, ...wanted });
  });

  test("of a scenario must come in the form of the command line", () => {
    const steps =
      "steps: [{ wait: { ask: members, of: 1, where: n4.status, is: failed, within: 15s } }, { expect: { log: 3, matches: won, times: 1 } }]";
    expect(() => parseScenario(`nodes: 3\nnode: { image: x }\n${steps}`, "s.yaml")).not.toThrow();
    const without = "steps: [{ wait: { fact: leader } }]";
    expect(() => parseScenario(`nodes: 3\nnode: { image: x }\n${without}`, "s.yaml")).toThrow("a fact needs `is`");
  });

  test("expressions must be evaluated, and mistakes in them told", async () => {
    const expression = parseExpression('$count(nodes[leader="yes"]) = 1');
    expect(isTrue(await expression.evaluate({ nodes: [{ leader: "yes" }, {}] }))).toBe(true);
    expect(() => parseExpression("nodes[")).toThrow(/can't be read.*character/);
  });
});

test("sockets must be read from the kernel's table", () => {
  const line = "  12: 0200D50A:1CE8 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0";
  expect(parseSocket("udp", line)).toEqual([{ protocol: "udp", address: "10.213.0.2", port: 7400 }]);
  expect(parseSocket("tcp", line)).toEqual([]);
  expect(parseSocket("udp", "  sl  local_address rem_address")).toEqual([]);
});

describe("checks over facts", () => {
  const split = [said(1, 0, "LEADER 2"), said(2, 0, "LEADER 2"), said(1, 1_000, "LEADER 1")];
  const cases: readonly (readonly [what: string, check: object, entries: readonly Entry[], verdict: string])[] = [
    ["two leaders", { "one-holder": "leader", within: "3s" }, [...split, end(9_000)], "invalid"],
    [
      "a short overlap",
      { "one-holder": "leader", within: "3s" },
      [...split, said(1, 2_000, "LEADER 2"), end(9_000)],
      "valid",
    ],
    ["two leaders on two sides", { "one-holder": "leader", within: "3s" }, [cut(500), ...split, end(9_000)], "valid"],
    [
      "a second leader that was killed",
      { "one-holder": "leader", within: "3s" },
      [...split, kill(2, 2_000), end(9_000)],
      "valid",
    ],
    ["no leader at all", { "one-holder": "leader" }, [said(1, 0, "hello"), end(9_000)], "nothing to judge"],
    [
      "different words after a heal",
      { agree: "leader", within: "3s" },
      [cut(500), ...split, heal(2_000), end(9_000)],
      "invalid",
    ],
    [
      "the same words",
      { agree: "leader", within: "3s" },
      [said(1, 0, "LEADER 2"), said(2, 0, "LEADER 2"), end(9_000)],
      "valid",
    ],
    [
      "a dead node at whose end a datagram arrives",
      { agree: "leader", within: "3s" },
      [said(1, 0, "LEADER 1"), said(2, 0, "LEADER 1"), kill(2, 1_000), arrival(2, 1_100), end(9_000)],
      "valid",
    ],
    [
      "a run that ends too early",
      { agree: "leader", within: "3s" },
      [...split, heal(2_000), end(3_000)],
      "nothing to judge",
    ],
    ["silence", { silence: "5s" }, [said(1, 0, "a"), end(9_000)], "invalid"],
    ["words", { silence: "5s" }, [said(1, 0, "a"), said(1, 4_000, "b"), end(8_000)], "valid"],
    ["an expression", { always: '$count(nodes[leader="1"]) = 0' }, [...split, end(9_000)], "invalid"],
  ];
  test.each(cases)("%s: %j", async (_what, check, entries, verdict) => {
    const [result] = await runProgramChecks(journalOf(entries), [check as never], "/");
    expect(result?.verdict).toBe(verdict);
    if (verdict === "invalid") expect(result?.violations[0]?.proof.length).toBeGreaterThan(0);
  });
});

let seq = 0;
const lines = new ProgramLines(PROGRAM, "r", []);

function said(node: number, atMs: number, text: string): Entry {
  return lines.read({ node, atMs, text, stream: "stdout" });
}

function lab(time: number, action: LabAction): Entry {
  return { run: "r", node: 0, inc: 0, seq: ++seq, time, mono: time, kind: "fault", level: "info", msg: "", ...action };
}

function cut(time: number): Entry {
  return lab(time, { action: "impair", fault: "f1", pairs: [], impairment: {} as never, untilMs: null });
}

function heal(time: number): Entry {
  return lab(time, { action: "heal", healed: ["f1"], plugged: [] });
}

function arrival(node: number, time: number): Entry {
  return { run: "r", node, inc: 2, seq: ++seq, time, mono: 0, kind: "recv", level: "info", msg: "<-" };
}

function kill(id: number, time: number): Entry {
  return lab(time, { action: "kill", nodes: [id], signal: "SIGKILL" });
}

function end(time: number): Entry {
  return lab(time, { action: "check" });
}

function journalOf(entries: readonly Entry[]): Journal {
  const facts = {
    lab: "x",
    run: "r",
    runtime: "docker",
    profile: "default",
    nodes: [1, 2],
    voters: [],
    seed: null,
    isDetailed: false,
    hasWire: false,
  } as const;
  return { facts, entries, gaps: [] };
}
