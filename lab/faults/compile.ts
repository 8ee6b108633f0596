/**
 * From the lab's fault list to what one receiver has to do: kernel states with the instants at which each begins, and rules for
 * the node's own receive-side shim where the kernel lacks something.
 *
 * Idea: pure and total. Set, change, heal, re-apply and the end of a timed fault all compile the list as it is (or will be) at
 * one instant; nothing depends on what was there before. Which backend serves what is decided here and nowhere else:
 *
 *   cut                            nftables, else shim
 *   all of netem's parameters      one netem leaf per source, when the kernel has netem, ifb and htb
 *   otherwise: loss                nftables (numgen), else shim
 *              rate                htb class per source, when the kernel has ifb and htb, else shim
 *              delay, jitter, duplicate, reorder: shim
 *
 * A source whose address isn't known can't be told apart by the kernel: the shim knows it by its number.
 */
import type { Impairment, ImpairmentRule } from "../../node/wire/control.ts";
import type { NodeId } from "../../node/wire/ids.ts";
import type { KernelFaults } from "../engine/engine.ts";
import { type Fault, type FaultBackend, type FaultList, NO_IMPAIRMENT } from "./fault.ts";

export interface PeerAddress {
  readonly id: NodeId;
  readonly ip: string | null;
}

/** The impairment of one source (or, for egress, all that the node sends). */
export interface Leaf {
  readonly ip: string;
  readonly impairment: Impairment;
}

/** The state that the receiver's kernel must have at one time. Sorted by address, so that equal states are equal texts. */
export interface KernelState {
  /** Sources that nothing may come from. */
  readonly cut: readonly string[];
  readonly loss: readonly { readonly ip: string; readonly chance: number }[];
  readonly leaves: readonly Leaf[];
  readonly egress: Impairment | null;
}

export interface Step {
  /** Instant at which this state begins; null: at once. */
  readonly fromMs: number | null;
  readonly state: KernelState;
}

export interface CompiledNode {
  readonly node: NodeId;
  /** Its own address: the data interface is the one that has it. */
  readonly ip: string | null;
  readonly peers: readonly string[];
  /** Ascending; the first is what holds at compile time. */
  readonly steps: readonly [Step, ...Step[]];
  readonly rules: readonly ImpairmentRule[];
  readonly backends: readonly FaultBackend[];
  /** The faults behind it; a copy of them lies in the container too. */
  readonly faults: readonly Fault[];
}

/** netem sends reordered packets at once and delays the others: without a delay there is nothing to overtake. */
export const REORDER_DELAY_MS = 20;

export const CLEAR_STATE: KernelState = { cut: [], loss: [], leaves: [], egress: null };

export function compileNode(
  list: FaultList,
  node: PeerAddress,
  peers: readonly PeerAddress[],
  kernel: KernelFaults,
  nowMs: number,
): CompiledNode {
  const addresses = new Map(peers.filter((peer) => peer.id !== node.id).map((peer) => [peer.id, peer.ip]));
  const concerning = list.faults.filter(
    (fault) => fault.to === node.id && fault.kind !== "unplug" && (fault.untilMs === null || fault.untilMs > nowMs),
  );
  const parts = concerning.map((fault) => splitFault(fault, addresses.get(fault.from) ?? null, kernel));
  const inKernel = parts.flatMap((part) => part.kernel);
  const ends = [...new Set(inKernel.flatMap((part) => part.untilMs ?? []))].sort((a, b) => a - b);
  const mergeAt = (atMs: number): KernelState =>
    mergeKernelParts(inKernel.filter((part) => part.untilMs === null || part.untilMs > atMs));
  return {
    node: node.id,
    ip: node.ip,
    peers: [...addresses.values()].flatMap((ip) => ip ?? []).sort(),
    steps: [{ fromMs: null, state: mergeAt(nowMs) }, ...ends.map((end) => ({ fromMs: end, state: mergeAt(end) }))],
    // Cuts first: the strongest rule stands at the top.
    rules: parts.flatMap((part) => part.rule ?? []).sort((a, b) => Number(b.impairment.cut) - Number(a.impairment.cut)),
    backends: [...new Set(parts.flatMap((part) => part.backends))],
    faults: concerning,
  };
}

/** Which of the backends a fault on a pair uses, given the kernel: for reports and `lab faults`. */
export function chooseBackends(fault: Fault, kernel: KernelFaults): readonly FaultBackend[] {
  if (fault.kind === "unplug") return ["engine"];
  return splitFault(fault, "0.0.0.0", kernel).backends;
}

/** Does egress impairment as asked work on this kernel? Null, or why not. */
export function whyNoEgress(impairment: Impairment, kernel: KernelFaults): string | null {
  if (kernel.netem) return null;
  if (kernel.htb && !needsNetem(impairment) && impairment.loss === 0) return null;
  return "--egress needs tc netem, which this engine's kernel hasn't";
}

/** Do these compile to the same thing? Then nothing has to be applied. */
export function isSame(a: CompiledNode, b: CompiledNode): boolean {
  return JSON.stringify([a.ip, a.steps, a.rules]) === JSON.stringify([b.ip, b.steps, b.rules]);
}

/** The state that holds at an instant; null: at once. A fault may end while its change is on its way to the node. */
export function stateAt(compiled: CompiledNode, atMs: number | null): KernelState {
  const begun = compiled.steps.filter((step) => step.fromMs === null || (atMs !== null && step.fromMs <= atMs));
  return (begun.at(-1) ?? compiled.steps[0]).state;
}

/** Numbers of class and filter: the address's lower half, one to one within a network. */
export function minorOf(ip: string): number {
  const [, , high = 0, low = 0] = ip.split(".").map(Number);
  return high * 256 + low;
}

const MILLION = 1_000_000;

/** Chances for `numgen`, in millionths; at least one, since a condition that is never true is refused. */
export function perMillion(chance: number): number {
  return Math.max(1, Math.round(chance * MILLION));
}

/** With the delay that netem needs in order to reorder. */
export function withReorderDelay(impairment: Impairment): Impairment {
  return impairment.reorder > 0 && impairment.delayMs === 0 ? { ...impairment, delayMs: REORDER_DELAY_MS } : impairment;
}

interface KernelPart {
  readonly untilMs: number | null;
  readonly what:
    | { readonly type: "cut"; readonly ip: string }
    | { readonly type: "loss"; readonly ip: string; readonly chance: number }
    | { readonly type: "leaf"; readonly leaf: Leaf }
    | { readonly type: "egress"; readonly impairment: Impairment };
}

interface SplitFault {
  readonly kernel: readonly KernelPart[];
  readonly rule: ImpairmentRule | null;
  readonly backends: readonly FaultBackend[];
}

function splitFault(fault: Fault, ip: string | null, kernel: KernelFaults): SplitFault {
  const { untilMs } = fault;
  if (fault.egress) {
    const impairment = withReorderDelay({ ...fault.impairment, cut: false });
    const backend = kernel.netem ? "netem" : "htb";
    return { kernel: [{ untilMs, what: { type: "egress", impairment } }], rule: null, backends: [backend] };
  }
  const parts: KernelPart[] = [];
  const backends = new Set<FaultBackend>();
  const rest = { ...fault.impairment };
  if (ip !== null && rest.cut && kernel.nft) {
    parts.push({ untilMs, what: { type: "cut", ip } });
    backends.add("nft");
    rest.cut = false;
  }
  const { cut, ...shaping } = rest;
  if (ip !== null && isImpaired({ ...shaping, cut: false })) {
    if (kernel.netem && kernel.ifb && kernel.htb) {
      const impairment = withReorderDelay({ ...shaping, cut: false });
      parts.push({ untilMs, what: { type: "leaf", leaf: { ip, impairment } } });
      backends.add("netem");
      Object.assign(rest, NO_IMPAIRMENT, { cut });
    } else {
      if (rest.loss > 0 && kernel.nft) {
        // nft refuses a condition that is always true: to lose everything is to drop.
        const isTotal = perMillion(rest.loss) === MILLION;
        parts.push({ untilMs, what: isTotal ? { type: "cut", ip } : { type: "loss", ip, chance: rest.loss } });
        backends.add("nft");
        rest.loss = 0;
      }
      if (rest.rateBps > 0 && kernel.ifb && kernel.htb) {
        const impairment = { ...NO_IMPAIRMENT, rateBps: rest.rateBps };
        parts.push({ untilMs, what: { type: "leaf", leaf: { ip, impairment } } });
        backends.add("htb");
        rest.rateBps = 0;
      }
    }
  }
  if (!isImpaired(rest)) return { kernel: parts, rule: null, backends: [...backends] };
  backends.add("shim");
  const rule = { id: `${fault.id}.${fault.from}`, source: fault.from, impairment: rest, untilMs };
  return { kernel: parts, rule, backends: [...backends] };
}

function mergeKernelParts(parts: readonly KernelPart[]): KernelState {
  const cut = new Set<string>();
  const loss = new Map<string, number>();
  const leaves = new Map<string, Leaf>();
  let egress: Impairment | null = null;
  for (const { what } of parts) {
    if (what.type === "cut") cut.add(what.ip);
    else if (what.type === "loss") loss.set(what.ip, what.chance);
    else if (what.type === "leaf") leaves.set(what.leaf.ip, what.leaf);
    else egress = what.impairment;
  }
  return {
    cut: [...cut].sort(),
    loss: [...loss].sort().map(([ip, chance]) => ({ ip, chance })),
    leaves: [...leaves].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, leaf]) => leaf),
    egress,
  };
}

function needsNetem(impairment: Impairment): boolean {
  const { delayMs, jitterMs, duplicate, reorder } = impairment;
  return delayMs + jitterMs + duplicate + reorder > 0;
}

function isImpaired(impairment: Impairment): boolean {
  return impairment.cut || needsNetem(impairment) || impairment.loss + impairment.rateBps > 0;
}
