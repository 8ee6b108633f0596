/**
 * The `lab` line that a command of the page equals. The server runs exactly these words, so what the page offers to copy is what was
 * done. Pure, and used by the page as well: a line can be shown while its sliders still move.
 */
import { netemFlags, spanFlag } from "../faults/netem-flags.ts";
import type { DashCommand } from "./protocol.ts";

/** A command that is a line of `lab`; scenarios played step by step are the server's own. */
export type LabCommand = Exclude<DashCommand, { readonly verb: "scenario" | "next" | "end-scenario" }>;

export function isLabCommand(command: DashCommand): command is LabCommand {
  return command.verb !== "scenario" && command.verb !== "next" && command.verb !== "end-scenario";
}

/** The words behind `lab`: `["kill", "leader"]`. */
export function commandWords(command: LabCommand): readonly string[] {
  switch (command.verb) {
    case "pause":
    case "isolate":
      return [command.verb, command.nodes, ...spanFlag("--for", command.forMs)];
    case "partition":
      return [
        "partition",
        ...command.groups,
        ...(command.oneWay === true ? ["--one-way"] : []),
        ...spanFlag("--for", command.forMs),
      ];
    case "netem":
      return [
        "netem",
        command.nodes,
        ...netemFlags(command),
        ...(command.from === undefined ? [] : ["--from", command.from]),
        ...(command.to === undefined ? [] : ["--to", command.to]),
        ...(command.both === true ? ["--both"] : []),
        ...spanFlag("--for", command.forMs),
      ];
    case "heal":
      return ["heal", ...(command.what ?? [])];
    case "sell":
    case "buy":
      return [command.verb, command.from, command.peer, String(command.amount)];
    case "scale":
      return ["scale", String(command.count)];
    case "election":
      return ["election", ...(command.node === undefined ? [] : [command.node])];
    default:
      return [command.verb, command.nodes];
  }
}

/** As typed at a prompt: `lab kill leader --name shop`. @param lab the lab's name; the default one needs no flag */
export function formatCommand(command: DashCommand, lab: string): string {
  const flag = lab === "lab" ? [] : ["--name", lab];
  if (isLabCommand(command)) return ["lab", ...commandWords(command), ...flag].join(" ");
  if (command.verb === "scenario") return `lab run compose/scenarios/${command.file}`;
  return "";
}
