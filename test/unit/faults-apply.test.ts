// What is said of a fault is what the nodes have: applied, refused, taken back, adopted from somebody else, or waiting for a node that is
// away. The containers are played: their shell takes the lab's scripts, and prints what a kernel would, or what the test says it does.
import { describe, expect, test } from "vitest";
import { LabError } from "../../lab/base/lab-error.ts";
import type { NodeInfo } from "../../lab/engine/engine.ts";
import { compileNode } from "../../lab/faults/compile.ts";
import { SCRIPT_EXIT } from "../../lab/faults/compile-library.ts";
import { EMPTY_FAULT_LIST, type FaultList, NO_IMPAIRMENT } from "../../lab/faults/fault.ts";
import type { FaultableLab } from "../../lab/faults/faultable-lab.ts";
import type { FaultRequest } from "../../lab/faults/request.ts";
import { heal, listFaults, reapplyFaults, setFault } from "../../lab/faults/service.ts";

const KERNEL = { nft: true, netem: false, htb: false, ifb: false };
const NOW_MS = 1_000_000;
interface Printed {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}
const QUIET: Printed = { exitCode: 0, stdout: "", stderr: "" };

/** Three containers on a kernel that has nothing but nftables. */
class PlayedLab {
  list: FaultList | null = null;
  readonly notes: unknown[] = [];
  /** By node: the lists that its container was given. */
  readonly given = new Map<number, FaultList[]>();
  /** What a node's shell does instead, the next times that it is given a list. */
  readonly instead = new Map<number, (Partial<Printed> | null)[]>();
  readonly status = new Map<number, NodeInfo["status"]>();
  /** By node: what its container has of somebody else. */
  readonly foreign = new Map<number, FaultList>();
  wallMs = NOW_MS;

  get nodes(): NodeInfo[] {
    return [1, 2, 3].map(
      (id) => ({ id, ip: `10.0.0.${id}`, status: this.status.get(id) ?? "running", unplugged: false }) as NodeInfo,
    );
  }

  get lab(): FaultableLab {
    const engine = {
      name: "docker",
      kernelFaults: () => Promise.resolve(KERNEL),
      rootExec: (_: string, id: number, script: string, { detach = false } = {}) =>
        Promise.resolve(detach ? QUIET : this.run(id, script)),
      plug: () => Promise.resolve(),
    };
    const state = {
      readJson: () => Promise.resolve(this.list),
      writeJson: (_: string, list: FaultList) => {
        this.list = list;
        return Promise.resolve();
      },
    };
    const played = this;
    return {
      name: "played",
      engine,
      state,
      clock: { wallMs: () => this.wallMs },
      progress: () => undefined,
      helpers: null,
      isTapped: false,
      get info() {
        return { runtime: "docker", run: "now", nodes: played.nodes };
      },
      ids: [1, 2, 3],
      get running() {
        return played.nodes.filter(({ status }) => status === "running").map(({ id }) => id);
      },
      node: (id: number) => this.nodes[id - 1],
      refresh: () => Promise.resolve(),
      call: (_: number, { op, generation, rules }: { op: string; generation: number; rules: unknown[] }) =>
        Promise.resolve({
          data:
            op === "state"
              ? { impair_generation: 0, impairments: [] }
              : { applied: true, rules: rules.length, generation },
        }),
      note: (action: unknown) => Promise.resolve(void this.notes.push(action)),
      locked: (_: string, change: () => Promise<unknown>) => change(),
    } as unknown as FaultableLab;
  }

  private run(id: number, script: string): Printed {
    if (script.startsWith("cat ")) {
      const has = this.foreign.get(id);
      return { ...QUIET, stdout: has === undefined ? "0\n" : `${has.generation}\n${JSON.stringify(has)}\n` };
    }
    if (this.list === null) return QUIET;
    this.given.set(id, [...(this.given.get(id) ?? []), this.list]);
    const node = this.nodes[id - 1] as NodeInfo;
    const cut = compileNode(this.list, node, this.nodes, KERNEL, this.wallMs).steps[0].state.cut;
    const instead = this.instead.get(id)?.shift() ?? {};
    return { ...QUIET, stdout: report(cut), ...instead };
  }
}

function report(cut: readonly string[]): string {
  const drop = { expr: [{ match: { op: "==", left: {}, right: "@cut" } }, { drop: null }] };
  const table = "energy_lab_faults";
  const nftables = [
    { set: { name: "cut", table, elem: cut } },
    { chain: { hook: "input" } },
    { rule: { table, ...drop } },
  ];
  const printed = cut.length === 0 ? "" : `${JSON.stringify({ nftables })}\n`;
  return `@device eth0\n@nft\n${printed}@draining 0\n@clock ${NOW_MS}\n@end\n`;
}

function cut(pairs: readonly string[], fields: Partial<FaultRequest> = {}): FaultRequest {
  const parsed = pairs.map((pair) => {
    const [from = 0, to = 0] = pair.split(">").map(Number);
    return { from, to, openEnd: null };
  });
  const impairment = { ...NO_IMPAIRMENT, cut: true };
  return {
    cause: "partition 1 2",
    kind: "partition",
    pairs: parsed,
    impairment,
    forMs: null,
    egress: false,
    bridges: [],
    ...fields,
  };
}

function cutsOf(list: FaultList | null): readonly string[] {
  return (list?.faults ?? []).map(({ id, from, to }) => `${id} ${from}>${to}`);
}

async function failureOf(work: Promise<unknown>): Promise<LabError> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof LabError) return error;
  throw new Error(`no LabError but ${String(error)}`);
}

describe("a fault that is set", () => {
  test("must reach its receivers and nobody else, be read back, be written down, and end when it is healed", async () => {
    const played = new PlayedLab();
    const outcome = await setFault(played.lab, cut(["1>2", "3>2"], { forMs: 5_000 }));
    expect(outcome).toMatchObject({ id: "f1", replaced: [] });
    expect(outcome.reports).toEqual([
      { node: 2, backends: ["nft"], verified: true, pending: false, detail: "nft cuts 2 sources" },
    ]);
    expect([...played.given.keys()]).toEqual([2]);
    expect(played.list?.faults.map(({ untilMs }) => untilMs)).toEqual([NOW_MS + 5_000, NOW_MS + 5_000]);
    expect(played.list?.nodes).toEqual({ 2: { kernel: [NOW_MS], shim: [NOW_MS] } });
    expect(played.notes).toMatchObject([{ action: "impair", fault: "f1", untilMs: NOW_MS + 5_000 }]);
    await setFault(played.lab, cut(["2>3"]));
    expect(played.list?.faults.at(-1)).toMatchObject({ id: "f2", untilMs: null });

    const healed = await heal(played.lab, { id: "f1" });
    expect(healed.reports.map(({ node, detail }) => [node, detail])).toEqual([[2, "clear"]]);
    expect(cutsOf(played.list)).toEqual(["f2 2>3"]);
    expect(played.notes.at(-1)).toEqual({ action: "heal", healed: ["f1"], plugged: [] });
    expect((await failureOf(heal(played.lab, { id: "f9" }))).message).toContain("f9");
    expect((await heal(played.lab, { nodes: [1] })).healed).toEqual([]);
    expect(played.notes).toHaveLength(3);
  });

  test("must be over by itself when its time is, and only then", async () => {
    const played = new PlayedLab();
    await setFault(played.lab, cut(["1>2"], { forMs: 5_000 }));
    played.wallMs = NOW_MS + 4_999;
    expect(cutsOf(await listFaults(played.lab))).toEqual(["f1 1>2"]);
    played.wallMs = NOW_MS + 5_000;
    expect(cutsOf(await listFaults(played.lab))).toEqual([]);
  });

  test.each([
    [
      { exitCode: SCRIPT_EXIT.nft, stderr: "x\nError: no table\n^^^" },
      /node 2: nft refused \(exit code 65\): Error: no table/,
    ],
    [{ exitCode: SCRIPT_EXIT.tree, stderr: "bad\nlast" }, /node 2: tc refused \(exit code 66\): last/],
    [{ exitCode: 9, stderr: "" }, /node 2: the faults' script refused \(exit code 9\): no message/],
    [{ exitCode: SCRIPT_EXIT.foreignRoot }, /node 2 has a root qdisc that isn't the lab's/],
    [{ exitCode: 1, stderr: "Operation not permitted" }, /node 2: its container lacks NET_ADMIN/],
    [{ stdout: "@device eth0\n" }, /node 2: the faults' script ended early/],
    [
      { stdout: report(["10.0.0.3"]) },
      /node 2: the kernel doesn't have what it was asked for: nftables lacks "cut 10.0.0.1"/,
    ],
  ])("must be taken back from all when a node can't have it (%j)", async (printed, message) => {
    const played = new PlayedLab();
    played.instead.set(2, [printed]);
    const error = await failureOf(setFault(played.lab, cut(["1>2", "1>3"])));
    expect(error.message).toMatch(message);
    expect(error.message).toContain("; the fault is taken back from all nodes");
    expect(error.details).toMatchObject({ failed: [2] });
    expect(cutsOf(played.list)).toEqual([]);
    // Node 3 had it, and was told again.
    expect(played.given.get(3)?.map(cutsOf)).toEqual([["f1 1>2", "f1 1>3"], []]);
    expect(played.notes).toEqual([]);
    await setFault(played.lab, cut(["1>3"]));
    expect(cutsOf(played.list)).toEqual(["f2 1>3"]);
  });

  test("must be said to be in force perhaps, where it can't be taken back", async () => {
    const played = new PlayedLab();
    played.instead.set(2, [{ exitCode: 9 }, { exitCode: 9 }]);
    const error = await failureOf(setFault(played.lab, cut(["1>2", "1>3"])));
    expect(error.message).toContain("the fault is taken back, except on 2, which may have it");
  });

  test("must not be put over what somebody else has set: that is adopted and named", async () => {
    const played = new PlayedLab();
    const fault = { ...cut([]), id: "f7", from: 3, to: 2, untilMs: null, openEnd: null, cause: "isolate 3" };
    const theirs: FaultList = { ...EMPTY_FAULT_LIST, generation: NOW_MS + 7, nextId: 8, faults: [fault] };
    played.instead.set(2, [{ exitCode: SCRIPT_EXIT.foreignList }]);
    const lab = played.lab;
    await setFault(lab, cut(["2>3"]));
    played.foreign.set(2, theirs);
    const error = await failureOf(setFault(lab, cut(["1>2"])));
    expect(error.message).toBe("somebody else set f7 (isolate 3) on node 2 meanwhile; nothing was changed");
    expect(cutsOf(played.list)).toEqual(["f1 2>3", "f7 3>2"]);
    expect(played.list?.nextId).toBe(8);
  });

  test("must stay in the list when it can't be healed", async () => {
    const played = new PlayedLab();
    await setFault(played.lab, cut(["1>2", "1>3"]));
    played.instead.set(2, [{ exitCode: 9 }]);
    const error = await failureOf(heal(played.lab, { id: "f1" }));
    expect(error.message).toContain("on node 2 the faults may still be in force");
    expect(cutsOf(played.list)).toEqual(["f1 1>2"]);
    await heal(played.lab, { all: true });
    expect(cutsOf(played.list)).toEqual([]);
  });
});

describe("a node that is away", () => {
  test.each([
    ["paused", "paused: will be applied when it is resumed"],
    ["exited", "exited: will be applied when it starts"],
  ] as const)("(%s) must get its faults when it is back", async (status, detail) => {
    const played = new PlayedLab();
    played.status.set(2, status);
    const { reports } = await setFault(played.lab, cut(["1>2"]));
    expect(reports).toEqual([{ node: 2, backends: ["nft"], verified: false, pending: true, detail }]);
    expect(played.given.size).toBe(0);
    played.status.set(2, "running");
    expect(await reapplyFaults(played.lab, [2])).toMatchObject([{ node: 2, verified: true, pending: false }]);
    expect(played.given.get(2)?.map(cutsOf)).toEqual([["f1 1>2"]]);
  });

  test("must be left alone in a lab without faults", async () => {
    const played = new PlayedLab();
    played.list = { ...EMPTY_FAULT_LIST, run: "now" };
    expect(await reapplyFaults(played.lab, [1, 2, 3])).toEqual([]);
    expect(played.given.size).toBe(0);
  });

  test("must be found with its faults when the list is lost", async () => {
    const played = new PlayedLab();
    const fault = { ...cut([]), id: "f3", from: 1, to: 2, untilMs: null, openEnd: null, cause: "isolate 1" };
    played.foreign.set(2, { ...EMPTY_FAULT_LIST, generation: 40, nextId: 4, faults: [fault] });
    expect(await listFaults(played.lab)).toMatchObject({
      generation: 40,
      nextId: 4,
      faults: [{ id: "f3", from: 1, to: 2 }],
    });
    expect((await heal(played.lab, { all: true })).healed.map(({ id }) => id)).toEqual(["f3"]);
    expect([...played.given.keys()]).toEqual([1, 2, 3]);
  });
});
