/**
 * From what the user asked for to everything that a lab is, before anything exists (`up --dry-run` prints it).
 *
 * Pure: names, secrets and the run's id are handed in.
 */
import { MEMBERS_MAX, type NodeId } from "../../node/wire/ids.ts";
import { LabError } from "../base/lab-error.ts";
import type { LabSpec, Limits, NodeSpec, RuntimeName, SwarmWishes } from "../engine/engine.ts";
import type { Program } from "../kind/program-spec.ts";
import { checkLimits } from "./limits.ts";

/** Most nodes that `up` starts at once; what a cluster's messages are sized for. */
export const NODES_MAX = MEMBERS_MAX;
const VOTERS_MAX = 5;

/** A lab as a file and the command line describe it together. */
export interface LabRequest {
  readonly name: string;
  readonly profile: string;
  /** A count (ids 1 to N), or the nodes by id. */
  readonly nodes: number | readonly NodeSpec[];
  readonly env: Readonly<Record<string, string>>;
  /** Absent: the engine's own. */
  readonly limits?: Limits;
  /** Null: computed from the ids. */
  readonly voters: readonly NodeId[] | null;
  /** What the nodes run; absent: our own peers. */
  readonly program?: Program | null;
  /** How it lies on a swarm; absent: as `SwarmWishes` says, or somewhere else. */
  readonly swarm?: SwarmWishes;
  /** Of packets between groups of nodes, each way. */
  readonly latencies?: readonly { readonly between: readonly [string, string]; readonly delayMs: number }[];
}

export interface Secrets {
  readonly run: string;
  readonly token: string;
  readonly keys: string;
}

export interface LabPlan {
  readonly spec: LabSpec;
  readonly nodes: readonly NodeSpec[];
}

/** Throws LabError("usage") for a lab that can't be. */
export function planLab(request: LabRequest, runtime: RuntimeName, secrets: Secrets): LabPlan {
  const limits = request.limits ?? {};
  checkLimits(limits, runtime);
  const nodes = listNodes(request.nodes);
  const ids = nodes.map((node) => node.id);
  if (request.program != null) return planStrangers(request, request.program, nodes, { runtime, secrets });
  const voters = request.voters ?? chooseVoters(ids);
  if (request.swarm !== undefined && runtime !== "swarm") {
    const message = `hosts, multicast and encryption are chosen on a swarm, and this lab is in ${runtime}`;
    throw new LabError("usage", message, "write --runtime swarm");
  }
  const strangers = voters.filter((id) => !ids.includes(id));
  if (strangers.length > 0) {
    throw new LabError(
      "usage",
      `voter ${strangers.join(", ")} is none of the nodes ${ids.join(", ")}`,
      "voters must be nodes of the lab",
    );
  }
  return {
    nodes,
    spec: {
      name: request.name,
      runtime,
      profile: request.profile,
      voters,
      nodes: ids,
      limits,
      env: { DS_DISCOVERY: discoverySeconds(ids.length), ...request.env },
      ...secrets,
      ...(request.swarm !== undefined && { swarm: request.swarm }),
    },
  };
}

/** Nodes that run a program of somebody else: they have no voters, no keys, and no variables of ours. */
function planStrangers(
  { name, profile, env, limits = {} }: LabRequest,
  program: Program,
  nodes: readonly NodeSpec[],
  { runtime, secrets }: { readonly runtime: RuntimeName; readonly secrets: Secrets },
): LabPlan {
  if (runtime === "swarm")
    throw new LabError(
      "unsupported",
      "a swarm runs our own nodes only, and this lab names a program",
      "write --runtime docker",
    );
  const ids = nodes.map((node) => node.id);
  const own = Object.entries(env).filter(([variable]) => !variable.startsWith("DS_"));
  const withEnv = {
    ...program,
    ...(limits.memoryBytes !== undefined && { memory: `${limits.memoryBytes / 1024}k` }),
    ...(limits.pids !== undefined && { processes: limits.pids }),
    env: { ...program.env, ...Object.fromEntries(own) },
  };
  return {
    nodes,
    spec: {
      name,
      runtime,
      profile,
      voters: [],
      nodes: ids,
      env: {},
      program: withEnv,
      run: secrets.run,
      token: "",
      keys: "",
    },
  };
}

/**
 * An engine starts the last node long after the first one (fifty containers: 7 s on two cores). A node that didn't wait for the
 * later ones would be elected, and replaced by a higher id a moment later.
 */
function discoverySeconds(count: number): string {
  return (2 + 0.2 * count).toFixed(1);
}

/** The first V ids, V the largest odd number up to 5: an even number of voters tolerates no more failures than one less. */
export function chooseVoters(ids: readonly NodeId[]): readonly NodeId[] {
  const count = Math.min(ids.length, VOTERS_MAX);
  return ascending(ids).slice(0, count % 2 === 1 ? count : count - 1);
}

export interface ScalePlan {
  readonly add: readonly NodeSpec[];
  /** Highest first: the order in which they leave. */
  readonly remove: readonly NodeId[];
  /** A warning for people; empty: there is none. */
  readonly warning: string;
}

/**
 * Plans which nodes to add or remove so that `count` nodes remain. The highest leave first; new nodes take ids above all that were
 * ever used: a node that came back under the number of a removed one would be taken for that node with its disk lost.
 * @param everUsed ids that the cluster knows, removed ones included
 */
export function planScale(
  ids: readonly NodeId[],
  count: number,
  voters: readonly NodeId[],
  everUsed: readonly NodeId[] = [],
): ScalePlan {
  assertCount(count);
  const sorted = ascending(ids);
  const highest = Math.max(0, ...sorted, ...everUsed, ...voters);
  const missing = Math.max(0, count - sorted.length);
  const add = Array.from({ length: missing }, (_, i) => ({ id: highest + 1 + i, env: {} }));
  const remove = sorted.slice(count).reverse();
  return { add, remove, warning: warnAboutVoters(voters, sorted.slice(0, count)) };
}

/** How many are more than half of `count`. */
export function majorityOf(count: number): number {
  return Math.floor(count / 2) + 1;
}

/** Empty when a new node can open its account: that takes the word of a majority of the voters (node/protocol/joining.md#a-new-account). */
export function warnAboutMinting(voters: readonly NodeId[], running: readonly NodeId[]): string {
  const [there, needed] = ["run", "are needed before a new node can open an account"];
  return warnWithoutMajority(voters, running, { there, needed });
}

/** Empty when those who remain can still elect. */
export function warnAboutVoters(voters: readonly NodeId[], remaining: readonly NodeId[]): string {
  const [there, needed] = ["remain", "are needed: coordinators will be provisional"];
  return warnWithoutMajority(voters, remaining, { there, needed });
}

function warnWithoutMajority(
  voters: readonly NodeId[],
  ids: readonly NodeId[],
  { there, needed }: { readonly there: string; readonly needed: string },
): string {
  const left = voters.filter((id) => ids.includes(id)).length;
  if (voters.length === 0 || left >= majorityOf(voters.length)) return "";
  return `only ${left} of the ${voters.length} voters (${voters.join(",")}) ${there}, ${majorityOf(voters.length)} ${needed}`;
}

/** The lab for people, secrets left out. */
export function describePlan(plan: LabPlan): string {
  const { spec, nodes } = plan;
  const lines = [
    `lab       ${spec.name}`,
    `runtime   ${spec.runtime}`,
    `profile   ${spec.profile}`,
    `nodes     ${spec.nodes.join(", ")}`,
    ...(spec.program == null
      ? [`voters    ${spec.voters.join(", ")} (majority ${majorityOf(spec.voters.length)})`]
      : [`program   ${spec.program.image ?? spec.program.command?.join(" ")}`]),
  ];
  const { memoryBytes, pids } = spec.limits ?? {};
  if (memoryBytes !== undefined) lines.push(`memory    ${Math.round(memoryBytes / 1024 ** 2)} MB each`);
  if (pids !== undefined) lines.push(`pids      ${pids} each`);
  if (spec.swarm !== undefined) {
    const { hosts, multicast, encrypted } = spec.swarm;
    lines.push(
      `swarm     ${hosts?.join(", ") ?? "all active hosts"}; multicast by ${multicast}${encrypted ? "; encrypted" : ""}`,
    );
  }
  for (const [name, value] of Object.entries(spec.env)) lines.push(`all       ${name}=${value}`);
  for (const node of nodes) {
    for (const [name, value] of Object.entries(node.env)) lines.push(`node ${node.id}    ${name}=${value}`);
  }
  return lines.join("\n");
}

/** The plan without its secrets, for -o json. */
export function publicPlan(plan: LabPlan): Readonly<Record<string, unknown>> {
  const { token: _token, keys: _keys, ...spec } = plan.spec;
  return { ...spec, nodes: plan.nodes };
}

function listNodes(nodes: LabRequest["nodes"]): readonly NodeSpec[] {
  if (typeof nodes === "number") {
    assertCount(nodes);
    return Array.from({ length: nodes }, (_, i) => ({ id: i + 1, env: {} }));
  }
  assertCount(nodes.length);
  return [...nodes].sort((a, b) => a.id - b.id);
}

function assertCount(count: number): void {
  if (Number.isInteger(count) && count >= 1 && count <= NODES_MAX) return;
  throw new LabError("usage", `a lab can't have ${count} nodes`, `use 1 to ${NODES_MAX}`);
}

function ascending(ids: readonly NodeId[]): readonly NodeId[] {
  return [...ids].sort((a, b) => a - b);
}
