/**
 * `impair` requests: collects the parts of a list of faults, puts the whole list in force at once, and keeps it for the next start.
 *
 * Pure: the simulator's nodes have the same.
 */
import type { ControlRequest, ControlResult, ImpairmentRule, ImpairmentSet } from "../wire/control.ts";
import type { JournalEvent } from "../wire/journal.ts";
import { refusal } from "./control-server.ts";
import { messageOf } from "./errors.ts";
import type { Impairments } from "./impairments.ts";

type ImpairRequest = Extract<ControlRequest, { op: "impair" }>;

export interface FaultDesk {
  /** Puts the faults of the last run in force. */
  restore(): void;
  onImpair(request: ImpairRequest): ControlResult;
}

export type LoadedImpairments = { ok: true; set: ImpairmentSet } | { ok: false; message: string };

/** Where the list outlives the process (impairment-file.ts). */
export interface ImpairmentShelf {
  load(): LoadedImpairments;
  /** Whole or not at all. Throws when it can't be written. */
  save(set: ImpairmentSet): void;
}

export interface FaultDeskOptions {
  readonly impairments: Impairments;
  /** Null: faults end with this process. */
  readonly shelf: ImpairmentShelf | null;
  readonly note: (level: "info" | "warn", msg: string, fields?: Partial<JournalEvent>) => void;
}

/** Keeps the list as long as this process lives. */
export function createMemoryShelf(): ImpairmentShelf {
  let kept: ImpairmentSet = { generation: 0, rules: [] };
  return {
    load: () => ({ ok: true, set: kept }),
    save: (set) => {
      kept = set;
    },
  };
}

export function createFaultDesk(options: FaultDeskOptions): FaultDesk {
  const { impairments, shelf, note } = options;
  let collecting: { generation: number; parts: (readonly ImpairmentRule[] | undefined)[] } | null = null;

  function noteFaults(words: string): void {
    const rules = impairments.list();
    note("info", `${words}: ${rules.length} (generation ${impairments.generation})`, {
      kind: "fault",
      generation: impairments.generation,
      rules: rules.slice(0, 20),
    });
  }

  function apply(generation: number, rules: readonly ImpairmentRule[]): ControlResult {
    impairments.replace(generation, rules);
    noteFaults("Faults in force");
    try {
      shelf?.save({ generation, rules: [...rules] });
    } catch (error) {
      note("warn", `Faults won't survive a restart: ${messageOf(error)}`);
      return done(generation, rules.length, false);
    }
    return done(generation, rules.length, shelf !== null);
  }

  return {
    restore() {
      const loaded = shelf?.load();
      if (loaded?.ok === false) note("warn", `Faults of the last run are lost: ${loaded.message}`);
      if (loaded?.ok !== true || loaded.set.generation === 0) return;
      impairments.replace(loaded.set.generation, loaded.set.rules);
      noteFaults("Faults back in force");
    },
    onImpair(request) {
      const { generation: current } = impairments;
      const isNext = request.follows?.includes(current) ?? request.generation > current;
      if (!isNext && current !== 0 && current !== request.generation)
        return refusal("STALE", `generation: ${request.generation} doesn't follow ${current}, which is in force`);
      if (request.part >= request.parts) return refusal("BAD_REQUEST", `part: must be below ${request.parts}`);
      if (request.parts === 1) return apply(request.generation, request.rules);
      if (
        collecting === null ||
        collecting.generation !== request.generation ||
        collecting.parts.length !== request.parts
      )
        collecting = { generation: request.generation, parts: Array.from({ length: request.parts }, () => undefined) };
      collecting.parts[request.part] = request.rules;
      const rules = collecting.parts.filter((part) => part !== undefined);
      if (rules.length < request.parts)
        return { ok: true, data: { generation: request.generation, applied: false, received: rules.length } };
      collecting = null;
      return apply(request.generation, rules.flat());
    },
  };
}

function done(generation: number, rules: number, persisted: boolean): ControlResult {
  return { ok: true, data: { generation, applied: true, rules, persisted, backend: "shim" } };
}
