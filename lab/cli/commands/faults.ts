/** `netem`, `partition`, `isolate`, `unplug`: breaking the network; `heal`, `plug`, `faults`: undoing and seeing it. */
import type { Command } from "commander";
import type { CommandContext } from "./context.ts";
import type { NetemOptions } from "./fault-actions.ts";

/** The actions are loaded when a command runs, so that help is quick. */
const load = () => import("./fault-actions.ts");

const GROUP = "Break the network:";
const NODES = "which nodes: 3, 1,2, 1-3, leader, followers, random, random(2), majority, minority, all";
const FOR = "end the fault after this time, even if lab is killed";

export function registerFaultCommands(program: Command, context: CommandContext): void {
  program
    .command("netem")
    .helpGroup(GROUP)
    .description("delay, lose, duplicate, reorder or slow down what nodes send (done at each receiver)")
    .argument("<nodes>", NODES)
    .option("--delay <time>", "one-way delay, as 100ms")
    .option("--jitter <time>", "the delay varies by up to this much, up and down")
    .option("--loss <chance>", "packets that are lost, as 10% or 0.1")
    .option("--dup <chance>", "packets that arrive twice")
    .option("--reorder <chance>", "packets that overtake others")
    .option("--rate <rate>", "bits a second, as 64kbit or 1mbit")
    .option("--from <nodes>", "impair only what these nodes send to <nodes>")
    .option("--to <nodes>", "impair only what <nodes> send to these nodes")
    .option("--both", "impair the opposite direction too")
    .option("--egress", "impair the sender's own interface: all receivers lose the same packets")
    .option("--for <time>", FOR)
    .action(async (nodes: string, options: NetemOptions) => (await load()).runNetem(context, nodes, options));

  program
    .command("partition")
    .helpGroup(GROUP)
    .description(
      "cut the network between groups of nodes; a single group is cut off from the rest, and nodes in no group reach everyone",
    )
    .argument(
      "<groups...>",
      "1,2 3,4,5; or ring: each node hears a majority, and no two nodes hear the same one; or bridge [node]: two halves, and one node that reaches both",
    )
    .option("--one-way", "cut only the direction from the first group to the second")
    .option("--for <time>", FOR)
    .action(async (groups: string[], options: { oneWay?: boolean; for?: string }) =>
      (await load()).runPartition(context, groups, options),
    );

  program
    .command("isolate")
    .helpGroup(GROUP)
    .description("cut nodes off from all others, both ways")
    .argument("<nodes>", NODES)
    .option("--for <time>", FOR)
    .action(async (nodes: string, options: { for?: string }) => (await load()).runIsolate(context, nodes, options));

  program
    .command("unplug")
    .helpGroup(GROUP)
    .description("pull out the network cable (Docker)")
    .argument("<nodes>", NODES)
    .action(async (nodes: string) => (await load()).runUnplug(context, nodes));

  program
    .command("plug")
    .helpGroup(GROUP)
    .description("plug the network cable in again")
    .argument("<nodes>", NODES)
    .action(async (nodes: string) => (await load()).runPlug(context, nodes));

  program
    .command("heal")
    .helpGroup(GROUP)
    .description("end network faults: all of them, those of some nodes, or one")
    .argument("[what...]", "nodes (3) or a fault (f2); default: all faults")
    .action(async (what: string[]) => (await load()).runHeal(context, what));

  program
    .command("faults")
    .helpGroup(GROUP)
    .description("list the network faults that hold now")
    .action(async () => (await load()).runFaults(context));
}
