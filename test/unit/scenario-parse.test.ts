import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { LabError } from "../../lab/base/lab-error.ts";
import { listConditions } from "../../lab/scenario/condition-schema.ts";
import { formatScenario } from "../../lab/scenario/format-scenario.ts";
import { parseScenario } from "../../lab/scenario/parse-scenario.ts";
import type { Scenario, Step } from "../../lab/scenario/scenario-schema.ts";

const parse = (steps: string, header = "name: x\n"): Scenario => parseScenario(`${header}steps:\n${steps}`, "x.yaml");
const step = (text: string): Step => parse(`  - ${text}\n`).steps[0] as Step;
const failure = (text: string): LabError => {
  try {
    parseScenario(text, "x.yaml");
  } catch (error) {
    return error as LabError;
  }
  throw new Error("was accepted");
};

describe("a step must mean the same in words and in fields", () => {
  test.each([
    ["sell 1 2 30", "sell: { node: 1, peer: 2, amount: 30 }"],
    ["sell 1 2 30", "sell: 1 2 30"],
    ["buy leader random 5", "buy: { node: leader, peer: random, amount: 5 }"],
    ["load 20/s for 10s", "load: { rate: 20/s, for: 10s }"],
    ["load 2.5/s", "load: { rate: 2.5/s }"],
    ["load stop", "load: { stop: true }"],
    ["kill leader", "kill: { nodes: leader }"],
    ["kill 1 2", "kill: [1, 2]"],
    ["start 5", "start: 5"],
    ["pause 3 for 8s", "pause: { nodes: 3, for: 8s }"],
    ["freeze 3 for 500ms", "freeze: { nodes: 3, for: 500ms }"],
    ["scale 7", "scale: { to: 7 }"],
    ["join", "join: { count: 1 }"],
    ["netem 3 delay 100ms loss 10% both", "netem: { nodes: 3, delay: 100ms, loss: 10%, both: true }"],
    ["netem 3 --loss 0.5 --to 2", 'netem: { nodes: 3, loss: 0.5, to: "2" }'],
    ["partition 1,2 3-5", 'partition: { groups: ["1,2", [3-5]] }'],
    ["partition 1 2 one-way for 3s", "partition: { groups: [1, 2], oneWay: true, for: 3s }"],
    ["partition minority", "partition: { groups: [minority] }"],
    ["partition ring", "partition: { shape: ring }"],
    ["partition bridge 3", "partition: { shape: bridge, bridge: 3 }"],
    ["heal", "heal: {}"],
    ["heal all", "heal:"],
    ["heal 3", "heal: { nodes: 3 }"],
    ["election", "election: {}"],
    ["wait converged leader=4 within 5s", "wait: { that: [converged, leader=4], within: 5s }"],
    ["sleep 2s", "sleep: { for: 2s }"],
    ["heal 1,2", "heal: [1, 2]"],
    ["sell 1 2 30", "sell: [1, 2, 30]"],
    ["partition 1,2 3,4,5", "partition: [[1, 2], [3, 4, 5]]"],
    ["wait converged leader=4", "wait: [converged, leader=4]"],
  ])("%s", (words, fields) => {
    expect(step(words)).toEqual(step(fields));
  });

  test("and conditions as a map, as those of the command line", () => {
    const { expect: asked } = step(
      "expect: { agree: true, coordinator: 4, elected: { 2: no }, state: { 5: FAILED, 5@1: ALIVE }, balance: { 1: 70, 2: '>= 130' }, holdback: 0, pending: { 3: '>0' }, status: { 5: exited } }",
    ) as { expect: Parameters<typeof listConditions>[0] };
    expect(listConditions(asked)).toEqual([
      "agree",
      "leader=4",
      "elected:2=no",
      "state:5=FAILED",
      "state:5@1=ALIVE",
      "status:5=exited",
      "balance:1=70",
      "balance:2>=130",
      "holdback=0",
      "pending:3>0",
    ]);
  });

  test("inside other steps too", () => {
    expect(
      parse("  - parallel: [kill 1, { every: { interval: 1s, for: 5s, steps: [sell 2 3 1] } }]\n").steps[0],
    ).toEqual({
      parallel: [
        { kill: { nodes: "1" } },
        { every: { interval: "1s", for: "5s", steps: [{ sell: { node: "2", peer: "3", amount: 1 } }] } },
      ],
    });
  });
});

describe("a mistake in a scenario must be shown with line, column and a cure", () => {
  const header = "name: x\nsteps:\n";
  test.each([
    ["no steps", "name: x\n", "x.yaml:1:1: steps is missing", ""],
    ["an unknown field", "name: x\nprofil: fast\nsteps: [heal]\n", "x.yaml:2:1: ", 'did you mean "profile"?'],
    ["an unknown verb", `${header}  - heal\n  - kil: 3\n`, "x.yaml:4:5: ", 'did you mean "kill"?'],
    ["an unknown verb in words", `${header}  - kil 3\n`, 'x.yaml:3:5: there is no verb "kil"', 'did you mean "kill"?'],
    [
      "an unknown field of a verb",
      `${header}  - pause: { nodes: 3, fro: 8s }\n`,
      "x.yaml:3:24: ",
      'did you mean "for"?',
    ],
    [
      "an unknown field deep inside",
      `${header}  - parallel:\n    - repeat: { time: 2, steps: [heal] }\n`,
      "x.yaml:4:17: ",
      'did you mean "times"?',
    ],
    ["two verbs", `${header}  - kill: 3\n    start: 3\n`, "x.yaml:3:5: this step has 2 verbs: kill, start", ""],
    ["a step that does nothing", `${header}  - note: hm\n`, "x.yaml:3:5: this step does nothing", "kill"],
    ["an impossible selector", `${header}  - kill: leadre\n`, 'x.yaml:3:5: "leadre" names no node', "leader"],
    [
      "an impossible selector in words",
      `${header}  - kill leadre\n`,
      'x.yaml:3:5: kill: "leadre" names no node',
      "leader",
    ],
    ["a span without sense", `${header}  - sleep: soon\n`, 'x.yaml:3:5: a span of time: "soon"', "8s"],
    [
      "a state that isn't one",
      `${header}  - expect: { state: { 5: FALIED } }\n`,
      "x.yaml:3:24: ",
      'did you mean "FAILED"?',
    ],
    [
      "a condition that isn't one",
      `${header}  - wait convergd\n`,
      'x.yaml:3:5: wait: "convergd" isn\'t a condition',
      'did you mean "converged"?',
    ],
    ["a condition without anything", `${header}  - expect: { within: 5s }\n`, "x.yaml:3:5: nothing is asked for", ""],
    [
      "amounts the wrong way round",
      `${header}  - load: { rate: 5/s, amount: [9, 3] }\n`,
      "x.yaml:3:24: the least comes first",
      "",
    ],
    [
      "a field that must be there",
      `${header}  - every: { interval: 1s, steps: [heal] }\n`,
      "x.yaml:3:5: step 1, every.for is missing",
      "",
    ],
    ["netem without anything", `${header}  - netem 3\n`, "x.yaml:3:5: netem: netem without anything", ""],
    ["a cable on all runtimes", `${header}  - unplug 3\n`, "x.yaml:3:5: unplug can't be done on sim", "otherwise"],
    [
      "an interface on all runtimes",
      `${header}  - netem 3 loss 5% egress\n`,
      "x.yaml:3:5: netem can't be done on sim: only containers have an interface",
      "otherwise",
    ],
    [
      "a signal on all runtimes",
      `${header}  - kill: { nodes: 3, signal: HUP }\n`,
      "x.yaml:3:5: kill can't be done on sim: simulated nodes know nothing of SIGHUP",
      "otherwise",
    ],
    [
      "a runtime left out",
      `${header}  - kill: 3\n    runtimes: [sim]\n`,
      "x.yaml:4:5: this step doesn't say what to do on local, docker",
      "otherwise",
    ],
    ["a note after a step in words", `${header}  - kill 3\n    note: x\n`, "x.yaml:3:", "needs a colon"],
    ["wrong indentation", `${header}  - kill: 3\n   note: x\n`, "x.yaml:4:", "valid YAML"],
    ["tabs", `${header}\t- kill: 3\n`, "x.yaml:3:", "valid YAML"],
    ["a map of steps", "name: x\nsteps: { kill: 3 }\n", "x.yaml:2:1: steps", ""],
  ])("%s", (_what, text, where, hint) => {
    const error = failure(text);
    expect(`${error.exit} ${error.message}`).toContain(`usage ${where}`);
    expect(error.hint).toContain(hint);
  });

  test("must not hide another: all are shown, in the order of the file", () => {
    const text = `profil: fast\n${header}  - kill: leadre\n  - wait: { balnce: { 1: 7 } }\n  - sell 1 2\n`;
    const { message, hint } = failure(text);
    expect(`${message}\n  ${hint}`.split("\n").filter((line) => line.startsWith("x.yaml"))).toEqual([
      'x.yaml:1:1: unknown field "profil"',
      'x.yaml:4:5: "leadre" names no node',
      'x.yaml:5:13: unknown field "balnce"',
      'x.yaml:6:5: sell: "1 2" can\'t be read',
    ]);
    expect(message).toContain('  did you mean "balance"?');
    expect(hint).toBe("write it as `sell: NODE PEER AMOUNT`");
  });
});

test("what a runtime can't do must be accepted with what is done instead", () => {
  expect(parse("  - unplug: 3\n    otherwise: isolate 3\n").steps[0]).toEqual({
    unplug: { nodes: "3" },
    otherwise: { isolate: { nodes: "3" } },
  });
  expect(parse("  - unplug 3\n", "name: x\nruntimes: [docker]\n").steps).toHaveLength(1);
});

describe("a scenario that is written down must be the same when it is read", () => {
  const nodes = fc.constantFrom("3", "1,2", "1-3", "leader", "random(2)", "minority", "all");
  const span = fc.constantFrom("5s", "250ms", "1m", "1h30m");
  const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
  const compact = <T extends object>(value: T): T =>
    Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined)) as T;
  const fields = <T extends object>(shape: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
    fc.record(shape).map((v) => compact(v as object));
  const text = fc.string({ unit: "grapheme", maxLength: 60 });
  const id = fc.integer({ min: 1, max: 9 });
  const action = fc.oneof(
    ...["kill", "start", "resume", "leave", "remove"].map((verb) => nodes.map((n) => ({ [verb]: { nodes: n } }))),
    fields({ nodes, for: maybe(span) }).map((pause) => ({ pause })),
    fields({
      node: nodes,
      peer: nodes,
      amount: id,
      expect: maybe(fc.constantFrom("refused", "open")),
      within: maybe(span),
    }).map((sell) => ({ sell })),
    fields({
      rate: fc.integer({ min: 1, max: 99 }).map((rate) => `${rate}/s`),
      for: maybe(span),
      settled: maybe(fc.constant("90%")),
      amount: maybe(fc.tuple(id, id).map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b)])),
    }).map((load) => ({ load })),
    fc.constant({ load: { stop: true } }),
    fields({
      groups: fc.array(nodes, { minLength: 2, maxLength: 2 }),
      oneWay: maybe(fc.constant(true)),
      for: maybe(span),
    }).map((partition) => ({ partition })),
    fields({ nodes, loss: fc.constantFrom("10%", "0.25"), delay: maybe(fc.constant("20ms")), to: maybe(nodes) }).map(
      (netem) => ({ netem }),
    ),
    fields({ nodes: maybe(nodes) }).map((heal) => ({ heal })),
    fields({ node: maybe(nodes) }).map((election) => ({ election })),
    id.map((to) => ({ scale: { to } })),
    id.map((count) => ({ join: { count } })),
    span.map((time) => ({ sleep: { for: time } })),
    fields({
      agree: maybe(fc.constant(true)),
      balance: fc.dictionary(id.map(String), fc.constantFrom("70", ">=5"), { minKeys: 1 }),
      elected: maybe(fc.dictionary(id.map(String), fc.boolean(), { minKeys: 1 })),
      that: maybe(fc.constant(["leader=4", "state:3@1=FAILED"])),
      within: maybe(span),
    }).map((expectation) => ({ expect: expectation })),
  );
  const { step: anyStep } = fc.letrec((tie) => {
    const steps = fc.array(tie("step"), { minLength: 1, maxLength: 3 });
    const composite = fc.oneof(
      steps.map((parallel) => ({ parallel })),
      steps.map((sequence) => ({ sequence })),
      fc.record({ times: id, steps }).map((repeat) => ({ repeat })),
      fc.record({ interval: span, for: span, steps }).map((every) => ({ every })),
    );
    const notes = fields({ at: maybe(span), note: maybe(text), explain: maybe(text) });
    const verb = fc.oneof({ depthSize: "small", withCrossShrink: true }, action, composite);
    return { step: fc.tuple(verb, notes).map(([what, around]) => ({ ...(what as object), ...around })) };
  });
  const scenario = fields({
    name: fc.constant("drawn"),
    title: maybe(text),
    nodes: maybe(fc.integer({ min: 1, max: 9 })),
    seed: maybe(fc.nat()),
    runtimes: maybe(fc.constant(["sim"])),
    env: maybe(fc.constant({ DS_PREEMPT: "0" })),
    checks: maybe(fc.constantFrom("none", ["conservation"])),
    steps: fc.array(anyStep, { minLength: 1, maxLength: 6 }),
  });

  test("whatever it says", () => {
    fc.assert(
      fc.property(scenario, (value) => {
        const written = formatScenario(value as Scenario, { comment: ["drawn"], schema: "../scenario.schema.json" });
        expect(parseScenario(written, "written.yaml")).toEqual(value);
      }),
      { numRuns: 100, seed: 1 },
    );
  });
});

describe("a scenario without a name", () => {
  test.each([
    ["experiments/My first one.yaml", "my-first-one"],
    ["a.b.yml", "a-b"],
    [`${"long-".repeat(8)}.yaml`, "long-long-long-long-long-long"],
    ["???.yaml", "scenario"],
  ])("must be named after its file, %s", (path, name) => {
    expect(parseScenario("steps: [heal]\n", path).name).toBe(name);
  });
});
