/** When processes were stopped though alive: by the lab (`lab pause`, SIGSTOP), or by their machine, which they notice afterwards. */
import type { NodeId } from "../../../node/wire/ids.ts";
import type { Entry } from "../entry.ts";
import type { RunFacts } from "../journal.ts";
import type { LabAction } from "../lab-entry.ts";
import type { Life } from "./lives.ts";
import { effectOfSignal } from "./signal-effect.ts";
import { append, type Growing, type Span } from "./span.ts";

export interface Stop extends Span {
  readonly node: NodeId;
  /** `lab`: it was paused; `node`: it says that it didn't run for so long. */
  readonly by: "lab" | "node";
  /** Planned end of a pause; null: until somebody resumes it. `toMs` says whether it came true. */
  readonly untilMs: number | null;
  readonly entry: Entry;
}

/** Clocks are read at other moments than things happen. */
const CLOCK_SLACK_MS = 100;
/** A planned end so near comes true also when nobody sees it. */
const SHORT_MS = 300;

export class Stops {
  readonly all: Stop[] = [];
  readonly ofNode = new Map<NodeId, Stop[]>();
  readonly #paused = new Map<NodeId, Growing<Stop>>();
  readonly #runtime: RunFacts["runtime"];

  constructor(runtime: RunFacts["runtime"]) {
    this.#runtime = runtime;
  }

  addLine(entry: Entry, life: Life): void {
    const { node, time: atMs, frozen_ms: frozenMs } = entry;
    const pause = this.#paused.get(node);
    if (pause !== undefined && life.fromMs > pause.fromMs) this.#resume(node, life.fromMs);
    // The command that was to end it may have died: the node's next word shows that it is over.
    else if (pause?.untilMs != null && atMs >= pause.untilMs - CLOCK_SLACK_MS) this.#resume(node, pause.untilMs);
    // A node that speaks of a pause is awake, although the lab didn't wake it.
    const own = this.#paused.get(node);
    if (typeof frozenMs === "number" && own !== undefined && atMs > own.fromMs + CLOCK_SLACK_MS)
      this.#resume(node, atMs);
    if (typeof frozenMs === "number")
      this.#add({ node, by: "node", untilMs: atMs, entry, fromMs: atMs - frozenMs, toMs: atMs });
  }

  addAction(action: LabAction, entry: Entry): void {
    const { time: atMs } = entry;
    if (action.action === "pause") for (const id of action.nodes) this.#pause(id, atMs, action.untilMs, entry);
    else if (action.action === "resume") for (const id of action.nodes) this.#resume(id, atMs);
    else if (action.action === "kill") {
      const effect = effectOfSignal(action.signal, this.#runtime);
      for (const id of action.nodes) {
        if (effect === "pauses") this.#pause(id, atMs, null, entry);
        else if (effect === "resumes" || effect === "ends") this.#resume(id, atMs);
      }
    } else if (action.action === "stop" || action.action === "remove")
      for (const id of action.nodes) this.#resume(id, atMs);
    else if (action.action === "died") for (const id of action.nodes) this.#resume(id, action.atMs ?? atMs);
  }

  #pause(node: NodeId, fromMs: number, untilMs: number | null, entry: Entry): void {
    this.#resume(node, fromMs);
    const isShort = untilMs !== null && untilMs - fromMs < SHORT_MS;
    const stop = {
      node,
      by: "lab",
      untilMs,
      entry,
      fromMs,
      toMs: isShort ? untilMs : Number.POSITIVE_INFINITY,
    } as const;
    this.#add(stop);
    this.#paused.set(node, stop);
  }

  #resume(node: NodeId, atMs: number): void {
    const stop = this.#paused.get(node);
    if (stop === undefined) return;
    this.#paused.delete(node);
    stop.toMs = Math.max(stop.fromMs, Math.min(stop.toMs, atMs));
  }

  #add(stop: Stop): void {
    this.all.push(stop);
    append(this.ofNode, stop.node, stop);
  }
}
