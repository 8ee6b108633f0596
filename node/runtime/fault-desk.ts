/**
 * `impair` requests: collects the parts of a list of faults, puts the whole list in force at once, and keeps it for the next start.
 */
import type { ControlRequest, ControlResult, ImpairmentRule } from "../wire/control.ts";
import { refusal } from "./control-server.ts";
import { messageOf } from "./errors.ts";
import { loadImpairments, saveImpairments } from "./impairment-file.ts";
import type { Impairments } from "./impairments.ts";
import type { Journal } from "./journal-writer.ts";

type ImpairRequest = Extract<ControlRequest, { op: "impair" }>;

export interface FaultDesk {
  onImpair(request: ImpairRequest): ControlResult;
}

export interface FaultDeskOptions {
  readonly impairments: Impairments;
  /** Null: faults end with this process. */
  readonly file: string | null;
  readonly journal: Journal;
}

/** Puts the faults of the last run in force before it returns. */
export function openFaultDesk(options: FaultDeskOptions): FaultDesk {
  const { impairments, file, journal } = options;
  let collecting: { generation: number; parts: (readonly ImpairmentRule[] | undefined)[] } | null = null;

  const loaded = file === null ? null : loadImpairments(file);
  if (loaded?.ok === false) journal.note("warn", `Faults of the last run are lost: ${file}: ${loaded.message}`);
  if (loaded?.ok === true && loaded.set.generation > 0) {
    impairments.replace(loaded.set.generation, loaded.set.rules);
    noteFaults("Faults back in force");
  }

  function noteFaults(words: string): void {
    const rules = impairments.list();
    journal.note("info", `${words}: ${rules.length} (generation ${impairments.generation})`, {
      kind: "fault",
      generation: impairments.generation,
      rules: rules.slice(0, 20),
    });
  }

  function apply(generation: number, rules: readonly ImpairmentRule[]): ControlResult {
    impairments.replace(generation, rules);
    noteFaults("Faults in force");
    try {
      if (file !== null) saveImpairments(file, { generation, rules });
    } catch (error) {
      journal.note("warn", `Faults won't survive a restart: ${messageOf(error)}`);
      return done(generation, rules.length, false);
    }
    return done(generation, rules.length, file !== null);
  }

  return {
    onImpair(request) {
      if (request.generation < impairments.generation)
        return refusal(
          "STALE",
          `generation: ${request.generation} is older than ${impairments.generation}, which is in force`,
        );
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
