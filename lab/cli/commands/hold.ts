/** `flight`, `step`, `back`, `deliver`, `drop`, `duplicate`, `delay`: a simulated lab's time and messages in somebody's hand. */
import type { Command } from "commander";
import { addNotes, type Note } from "../ui/notes.ts";
import type { CommandContext } from "./context.ts";

const NOTES: readonly Note[] = [
  "Only at the prompt of a simulated world: there time stands still between commands. A message is named by its number in the list of flight, or by its name, which a scenario takes too.",
];
const MESSAGE = "its number in the list of flight, or its name: 3-1.17>2";

export function registerHoldCommands(program: Command, context: CommandContext): void {
  const add = (verb: string, what: string): Command =>
    addNotes(program.command(verb).helpGroup("Hold time:").description(what), context.caller.prefix, NOTES);
  const act = () => import("./hold-actions.ts");

  add("flight", "list the messages on their way and the timers that are due").action(async () =>
    (await act()).listTraffic(context),
  );
  add("step", "let time pass until a message leaves or arrives, or something is written down").action(async () =>
    (await act()).step(context),
  );
  add("back", "play the shell's commands again from the beginning, up to an earlier instant")
    .argument("<time>", "how long ago: 2s")
    .action(async () => void (await act()).simulatedEngine());
  add("deliver", "let a message arrive now")
    .argument("<message>", MESSAGE)
    .option("--before <message>", "directly before another one instead")
    .action(async (message: string, { before }: { before?: string }) =>
      (await act()).redirect(context, message, { do: "deliver", before }),
    );
  add("drop", "lose a message")
    .argument("<message>", MESSAGE)
    .action(async (message: string) => (await act()).redirect(context, message, { do: "drop" }));
  add("duplicate", "let a message arrive twice")
    .argument("<message>", MESSAGE)
    .action(async (message: string) => (await act()).redirect(context, message, { do: "duplicate" }));
  add("delay", "let a message arrive later")
    .argument("<message>", MESSAGE)
    .requiredOption("--by <time>", "how much later: 200ms")
    .action(async (message: string, { by }: { by: string }) => {
      const { parseDuration } = await import("../../base/duration.ts");
      await (await act()).redirect(context, message, { do: "delay", byMs: parseDuration(by, "--by") });
    });
}
