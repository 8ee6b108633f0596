/** `play`: a whole lab inside one page, without nodes on this machine. */
import type { Command } from "commander";
import { addNotes, type Note } from "../ui/notes.ts";
import type { CommandContext } from "./context.ts";
import type { PlayFlags } from "./playground-actions.ts";

const NOTES: readonly Note[] = [
  "The page is one file, works offline, and asks nobody for anything: five nodes live in it in virtual time, and you kill, cut, pay, and hold time.",
  "“Keep this run” in the page gives a link and a scenario. Give the link to play, or open it in a browser; run the scenario with --runtime sim: it is the same run, line for line.",
  [
    ["play out/latest", "hold the time of a run in virtual time that --report wrote down"],
    ["play compose/scenarios/06-split-brain.yaml", "play a scenario there, and go on by hand"],
  ],
];

export function registerPlayCommands(program: Command, context: CommandContext): void {
  addNotes(
    program
      .command("play")
      .helpGroup("Look:")
      .description("open the playground: a whole lab in a page, to break by hand")
      .argument("[run]", "a link that the playground gave you, the folder of a report, or a scenario's file")
      .option("--no-open", "only print where the page is")
      .action(async (run: string | undefined, flags: PlayFlags) =>
        (await import("./playground-actions.ts")).runPlay(context, run ?? null, flags),
      ),
    context.caller.prefix,
    NOTES,
  );
}
