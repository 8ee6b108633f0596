import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { KernelFaults } from "../../lab/engine/engine.ts";
import {
  CLEAR_STATE,
  chooseBackends,
  compileNode,
  isSame,
  minorOf,
  REORDER_DELAY_MS,
  stateAt,
  whyNoEgress,
} from "../../lab/faults/compile.ts";
import {
  type Application,
  compileApplyScript,
  compileInstallScript,
  compileRuleset,
  compileTimerScript,
  describeNetem,
  needsTimer,
} from "../../lab/faults/compile-script.ts";
import { EMPTY_FAULT_LIST, Fault, type FaultList, NO_IMPAIRMENT } from "../../lab/faults/fault.ts";
import { Impairment } from "../../node/wire/control.ts";

const full: KernelFaults = { nft: true, netem: true, htb: true, ifb: true };
const noNetem: KernelFaults = { ...full, netem: false };
const none: KernelFaults = { nft: false, netem: false, htb: false, ifb: false };
const peers = [1, 2, 3, 4].map((id) => ({ id, ip: `10.9.0.1${id}` }));
const node3 = { id: 3, ip: "10.9.0.13" };
const nowMs = 1_000_000;
const everything = { delayMs: 100, jitterMs: 20, loss: 0.1, duplicate: 0.01, reorder: 0.05, rateBps: 1_000_000 };

let nextId = 1;
function fault(from: number, impairment: Partial<Impairment>, more: Partial<Fault> = {}): Fault {
  return Fault.parse({
    id: `f${nextId++}`,
    cause: "test",
    kind: impairment.cut === true ? "partition" : "netem",
    from,
    to: 3,
    impairment,
    untilMs: null,
    ...more,
  });
}

function listOf(...faults: Fault[]): FaultList {
  return { ...EMPTY_FAULT_LIST, generation: 7, nextId, faults };
}

function compile(list: FaultList, kernel = full) {
  return compileNode(list, node3, peers, kernel, nowMs);
}

function application(list: FaultList, kernel = full): Application {
  return { compiled: compile(list, kernel), kernel, generation: list.generation, known: [6], nowMs };
}

describe("what a receiver compiles to", () => {
  test("a cut must be the source's address in nftables, whatever else the kernel can do", () => {
    const compiled = compile(listOf(fault(1, { cut: true })));
    expect(compiled.steps).toEqual([{ fromMs: null, state: { ...CLEAR_STATE, cut: ["10.9.0.11"] } }]);
    expect(compiled.rules).toEqual([]);
    expect(compiled.backends).toEqual(["nft"]);
  });

  test("with netem, all parameters must be one leaf keyed by the source", () => {
    const compiled = compile(listOf(fault(1, everything)));
    expect(compiled.steps[0].state).toEqual({
      ...CLEAR_STATE,
      leaves: [{ ip: "10.9.0.11", impairment: { ...NO_IMPAIRMENT, ...everything } }],
    });
    expect(compiled.rules).toEqual([]);
    expect(compiled.backends).toEqual(["netem"]);
  });

  test("without netem, loss must go to nftables, the rate to htb and the rest to the shim", () => {
    const compiled = compile(listOf(fault(1, everything)), noNetem);
    expect(compiled.steps[0].state).toEqual({
      ...CLEAR_STATE,
      loss: [{ ip: "10.9.0.11", chance: 0.1 }],
      leaves: [{ ip: "10.9.0.11", impairment: { ...NO_IMPAIRMENT, rateBps: 1_000_000 } }],
    });
    expect(compiled.rules).toMatchObject([
      { source: 1, untilMs: null, impairment: { ...everything, cut: false, loss: 0, rateBps: 0 } },
    ]);
    expect(new Set(compiled.backends)).toEqual(new Set(["nft", "htb", "shim"]));
  });

  test("without any kernel tool, everything must go to the shim, cuts first", () => {
    const compiled = compile(listOf(fault(1, everything), fault(1, { cut: true })), none);
    expect(compiled.steps).toEqual([{ fromMs: null, state: CLEAR_STATE }]);
    expect(compiled.rules.map((rule) => rule.impairment.cut)).toEqual([true, false]);
    expect(compiled.rules[1]?.impairment).toEqual({ ...NO_IMPAIRMENT, ...everything });
    expect(compiled.backends).toEqual(["shim"]);
  });

  test("a source whose address isn't known must be left to the shim, which knows it by number", () => {
    const compiled = compileNode(listOf(fault(1, { cut: true })), node3, [{ id: 1, ip: null }], full, nowMs);
    expect(compiled.steps[0].state).toEqual(CLEAR_STATE);
    expect(compiled.rules).toMatchObject([{ source: 1, impairment: { cut: true } }]);
  });

  test("faults of other receivers and pulled cables must not concern it", () => {
    const list = listOf(fault(1, { cut: true }, { to: 2 }), fault(3, { cut: true }, { kind: "unplug" }));
    expect(compile(list).faults).toEqual([]);
  });

  test("reordering without a delay must get a small one in netem, which needs it; the shim needs none", () => {
    const list = listOf(fault(1, { reorder: 0.1 }));
    expect(compile(list).steps[0].state.leaves[0]?.impairment.delayMs).toBe(REORDER_DELAY_MS);
    expect(compile(list, none).rules[0]?.impairment.delayMs).toBe(0);
  });

  test("each instant at which a timed fault ends must be a step with what is left", () => {
    const list = listOf(
      fault(1, { cut: true }, { untilMs: nowMs + 2_000 }),
      fault(2, { cut: true }, { untilMs: nowMs + 1_000 }),
      fault(4, { cut: true }, { untilMs: nowMs - 1 }),
    );
    const compiled = compile(list);
    expect(compiled.steps.map((step) => [step.fromMs, step.state.cut])).toEqual([
      [null, ["10.9.0.11", "10.9.0.12"]],
      [nowMs + 1_000, ["10.9.0.11"]],
      [nowMs + 2_000, []],
    ]);
    expect(needsTimer(compiled)).toBe(true);
    // One ends while the change is on its way: what the node then has is right.
    expect(stateAt(compiled, nowMs).cut).toHaveLength(2);
    expect(stateAt(compiled, nowMs + 1_000).cut).toEqual(["10.9.0.11"]);
    expect(stateAt(compiled, nowMs + 9_000).cut).toEqual([]);
  });

  test("rules of the shim must carry their end themselves", () => {
    const compiled = compile(listOf(fault(1, { delayMs: 5 }, { untilMs: nowMs + 2_000 })), noNetem);
    expect(compiled.rules[0]?.untilMs).toBe(nowMs + 2_000);
    expect(needsTimer(compiled)).toBe(false);
  });

  test("equal lists must compile to the same, in whatever order they were made", () => {
    const [a, b] = [fault(1, { cut: true }), fault(2, { loss: 0.5 })];
    expect(isSame(compile(listOf(a, b)), compile(listOf(b, a)))).toBe(true);
    expect(isSame(compile(listOf(a, b)), compile(listOf(a)))).toBe(false);
  });

  test("an egress fault must act at its sender, on peers and their group only", () => {
    const compiled = compile(listOf(fault(3, { delayMs: 100 }, { egress: true })));
    expect(compiled.steps[0].state.egress).toMatchObject({ delayMs: 100 });
    const script = compileApplyScript(application(listOf(fault(3, { delayMs: 100 }, { egress: true }))));
    expect(script).toContain('egress "224.0.0.0/4 10.9.0.11/32 10.9.0.12/32 10.9.0.14/32" ');
  });

  test("egress must be refused where the kernel can't do it, rather than do something else", () => {
    const delay = { ...NO_IMPAIRMENT, delayMs: 100 };
    expect(whyNoEgress(delay, full)).toBeNull();
    expect(whyNoEgress(delay, noNetem)).toMatch(/netem/);
    expect(whyNoEgress({ ...NO_IMPAIRMENT, rateBps: 1_000 }, noNetem)).toBeNull();
  });

  test("the backends named for a fault must be those that its compilation uses", () => {
    const impairment = fc.record({
      cut: fc.boolean(),
      delayMs: fc.constantFrom(0, 100),
      jitterMs: fc.constantFrom(0, 20),
      loss: fc.constantFrom(0, 0.1),
      duplicate: fc.constantFrom(0, 0.1),
      reorder: fc.constantFrom(0, 0.1),
      rateBps: fc.constantFrom(0, 64_000),
    });
    const kernel = fc.record({ nft: fc.boolean(), netem: fc.boolean(), htb: fc.boolean(), ifb: fc.boolean() });
    fc.assert(
      fc.property(impairment, kernel, (what, has) => {
        const one = fault(1, what);
        const compiled = compileNode(listOf(one), node3, peers, has, nowMs);
        expect(new Set(chooseBackends(one, has))).toEqual(new Set(compiled.backends));
        const isImpaired = Object.values(what).some((value) => value !== 0 && value !== false);
        // Nothing asked for may get lost between the backends.
        expect(compiled.backends.length > 0).toBe(isImpaired);
        const { state } = compiled.steps[0];
        const inShim = compiled.rules[0]?.impairment ?? NO_IMPAIRMENT;
        const leaf = state.leaves[0]?.impairment ?? NO_IMPAIRMENT;
        expect(Number(state.cut.length > 0) + Number(inShim.cut)).toBe(Number(what.cut));
        expect((state.loss[0]?.chance ?? 0) + leaf.loss + inShim.loss).toBe(what.loss);
        expect(leaf.rateBps + inShim.rateBps).toBe(what.rateBps);
        expect(leaf.jitterMs + inShim.jitterMs).toBe(what.jitterMs);
        expect(leaf.duplicate + inShim.duplicate).toBe(what.duplicate);
        expect(leaf.reorder + inShim.reorder).toBe(what.reorder);
      }),
    );
  });
});

describe("the script", () => {
  test("the ruleset must replace the table in one transaction, and be empty when nothing is cut or lost", () => {
    expect(compileRuleset({ ...CLEAR_STATE, cut: ["10.9.0.11"], loss: [{ ip: "10.9.0.12", chance: 0.25 }] })).toBe(
      `table inet energy_lab_faults {}
delete table inet energy_lab_faults
table inet energy_lab_faults {
  set cut { type ipv4_addr; elements = { 10.9.0.11 }; }
  chain input {
    type filter hook input priority -300; policy accept;
    ip saddr @cut counter drop
    ip saddr 10.9.0.12 numgen random mod 1000000 < 250000 counter drop
  }
}
`,
    );
    expect(compileRuleset(CLEAR_STATE)).toBe("table inet energy_lab_faults {}\ndelete table inet energy_lab_faults\n");
  });

  test("netem must be given every parameter, since tc leaves what isn't named as it was", () => {
    expect(describeNetem({ ...NO_IMPAIRMENT, delayMs: 100 })).toBe(
      "netem limit 10000 delay 100000us 0us loss 0% duplicate 0% reorder 0% rate 0bit",
    );
    expect(describeNetem({ ...NO_IMPAIRMENT, ...everything })).toBe(
      "netem limit 194 delay 100000us 20000us loss 10% duplicate 1% reorder 5% rate 1000000bit",
    );
  });

  test("a class's number must be one to one with the address within a network", () => {
    expect(minorOf("10.9.0.13")).toBe(13);
    expect(minorOf("10.9.7.13")).toBe(7 * 256 + 13);
  });

  test("rules must name peers' addresses only: control traffic is exempt by construction", () => {
    const list = listOf(fault(1, { ...everything, cut: true }), fault(2, { loss: 0.5 }));
    const addresses = compileApplyScript(application(list)).match(/\b\d+\.\d+\.\d+\.\d+/g);
    // Its own address names the interface.
    expect(new Set(addresses)).toEqual(new Set(["10.9.0.11", "10.9.0.12", "10.9.0.13"]));
  });

  test("when nothing is left, the script must clear the node and keep nothing of the list", () => {
    const script = compileInstallScript(application(listOf()), "{}");
    expect(script).toContain("set -- clear");
    expect(script).not.toContain(">/run/lab/faults/state.json");
  });

  test("all scripts must be valid for the shell, whatever the list", () => {
    const one = fc.record({
      from: fc.integer({ min: 1, max: 4 }),
      to: fc.constant(3),
      delayMs: fc.integer({ min: 0, max: 500 }),
      cut: fc.boolean(),
      untilMs: fc.option(fc.integer({ min: nowMs + 1, max: nowMs + 9_000 })),
    });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 5 }), (faults) => {
        const list = listOf(
          ...faults.map(({ from, untilMs, ...impairment }) =>
            fault(from, Impairment.parse(impairment), { untilMs, cause: 'it\'s "quoted" $HOME `x`' }),
          ),
        );
        const app = application(list);
        for (const script of [compileInstallScript(app, JSON.stringify(list)), compileTimerScript(app)]) {
          const { status, stderr } = spawnSync("sh", ["-n"], { input: script, encoding: "utf8" });
          expect(stderr).toBe("");
          expect(status).toBe(0);
        }
      }),
      { numRuns: 25 },
    );
  });
});
