/**
 * A fault is desired state, not a command: `set`, `change`, `heal` and re-apply after a restart are all "make it so".
 *
 * Faults act at the receiver, keyed by the source: that cuts multicast and unicast alike, is invisible to the sender, and vanishes
 * with the receiver's namespace. A fault names one directed pair; the verbs (partition, isolate, netem 3) expand to sets of them.
 */
import * as z from "zod";
import { Impairment } from "../../node/wire/control.ts";
import { NodeId } from "../../node/wire/ids.ts";

export const FaultKind = z.enum(["partition", "isolate", "netem", "unplug"]);
export type FaultKind = z.infer<typeof FaultKind>;

export const Fault = z.object({
  /** `f1`, `f2`, … within a lab; all pairs that one command made share it. */
  id: z.string(),
  /** The command line that asks for it again: "partition 1,2 3,4,5". */
  cause: z.string(),
  kind: FaultKind,
  /** The sender of the packets, and the node that sees the effect. The same node twice: `unplug`, or `egress`. */
  from: NodeId,
  to: NodeId,
  impairment: Impairment,
  /** Wall clock, milliseconds; null: until healed. */
  untilMs: z.number().nullable(),
  /** Put on the sender's own interface instead (one loss hits all receivers alike). */
  egress: z.boolean().default(false),
  /** The end that stands for "every other node": one that joins the lab later takes its place there too. */
  openEnd: z.enum(["from", "to"]).nullable().default(null),
});
export type Fault = z.infer<typeof Fault>;

/**
 * The generations of the list that a node may have, in its kernel and in its shim: the last one that got there, and those that were on
 * their way when a command died. A node that has another one was changed by somebody whose list is not this one. Null: whatever it has
 * is over, since it couldn't be reached when everything was healed.
 */
export const NodeVersions = z.object({ kernel: z.array(z.int()).nullable(), shim: z.array(z.int()).nullable() });
export type NodeVersions = z.infer<typeof NodeVersions>;

/** The list of one lab, with the number that every change raises. */
export const FaultList = z.object({
  /** The incarnation of the lab that it is about; null: one that `lab up` didn't make. */
  run: z.string().nullable().default(null),
  generation: z.int().min(0),
  nextId: z.int().min(1),
  faults: z.array(Fault),
  /** By the node's number; absent: nothing of this list has got there. */
  nodes: z.record(z.string(), NodeVersions).default({}),
});
export type FaultList = z.infer<typeof FaultList>;

export const EMPTY_FAULT_LIST: FaultList = { run: null, generation: 0, nextId: 1, faults: [], nodes: {} };
export const NO_VERSIONS: NodeVersions = { kernel: [], shim: [] };

/** No impairment at all: what every field is when it isn't given. */
export const NO_IMPAIRMENT: Impairment = Impairment.parse({});

export type FaultBackend = "nft" | "netem" | "htb" | "shim" | "engine";

/** The outcome of one receiver's part of the list. Printed with every fault; never a silent no-op. */
export interface FaultReport {
  readonly node: NodeId;
  readonly backends: readonly FaultBackend[];
  /** Read back from where it was put; false for a node that can't be asked. */
  readonly verified: boolean;
  /** Not applied now, but will be without further commands: the node is down or paused. */
  readonly pending: boolean;
  readonly detail: string;
}
