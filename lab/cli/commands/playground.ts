/** `play`: a whole lab inside one page, without nodes on this machine. */
import type { Command } from "commander";
import { addNotes, type Note } from "../ui/notes.ts";
import type { CommandContext } from "./context.ts";
import type { PlayFlags } from "./playground-actions.ts";

const NOTES: readonly Note[] = [
  "The page is one file, works offline, and asks nobody for anything: five nodes live in it in virtual time, and you kill, cut, pay, and hold time.",
  "“Keep this run” in the page gives a link and a scenario. Give the link to play, or open it in a browser; run the scenario with --runtime sim: it is the same run, line for line.",
];

export function registerPlayCommands(program: Command, context: CommandContext): void {
  addNotes(
    program
      .command("play")
      .helpGroup("Look:")
      .description("open the playground: a whole lab in a page, to break by hand")
      .argument("[link]", "a run that the playground gave you as a link")
      .option("--no-open", "only print where the page is")
      .action(async (link: string | undefined, flags: PlayFlags) =>
        (await import("./playground-actions.ts")).runPlay(context, link ?? null, flags),
      ),
    context.caller.prefix,
    NOTES,
  );
}
