/** `netem`, `partition`, `isolate`, `unplug`: breaking the network; `heal`, `plug`, `faults`: undoing and seeing it. */
import type { Command } from "commander";
import type { CommandContext } from "./context.ts";
import type { NetemOptions } from "./fault-actions.ts";

const GROUP = "Break the network:";
const NODES = "which nodes: 3, 1,2, 1-3, leader, followers, random, random(2), majority, minority, all";
const FOR = "end by itself after this time, even when lab itself is killed";

export function registerFaultCommands(program: Command, context: CommandContext): void {
  // What a verb does is loaded when it runs.
  const load = () => import("./fault-actions.ts");

  program
    .command("netem")
    .helpGroup(GROUP)
    .description("delay, lose, double, reorder or slow down what nodes send (done at each receiver)")
    .argument("<nodes>", NODES)
    .option("--delay <time>", "one way, as 100ms")
    .option("--jitter <time>", "the delay varies by as much either way")
    .option("--loss <chance>", "as 10% or 0.1")
    .option("--dup <chance>", "packets that arrive twice")
    .option("--reorder <chance>", "packets that overtake others")
    .option("--rate <rate>", "bits a second, as 64kbit or 1mbit")
    .option("--from <nodes>", "only what these send to <nodes>")
    .option("--to <nodes>", "only what <nodes> send to these")
    .option("--both", "the other way too")
    .option("--egress", "on the sender's own interface: a loss hits all receivers alike")
    .option("--for <time>", FOR)
    .action(async (nodes: string, options: NetemOptions) => (await load()).runNetem(context, nodes, options));

  program
    .command("partition")
    .helpGroup(GROUP)
    .description("cut the network between groups; one group is cut off from the rest, nodes in no group reach everyone")
    .argument(
      "<groups...>",
      "as 1,2 3,4,5; or ring: each hears a majority, no two the same; or bridge [node]: two halves, one node reaches both",
    )
    .option("--one-way", "cut only what the first group sends to the second")
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
    .description("pull the network cable (docker)")
    .argument("<nodes>", NODES)
    .action(async (nodes: string) => (await load()).runUnplug(context, nodes));

  program
    .command("plug")
    .helpGroup(GROUP)
    .description("put the network cable back")
    .argument("<nodes>", NODES)
    .action(async (nodes: string) => (await load()).runPlug(context, nodes));

  program
    .command("heal")
    .helpGroup(GROUP)
    .description("end network faults: all, those that touch some nodes, or one")
    .argument("[what...]", "nodes (3), or a fault (f2)")
    .action(async (what: string[]) => (await load()).runHeal(context, what));

  program
    .command("faults")
    .helpGroup(GROUP)
    .description("list the network faults that hold now")
    .action(async () => (await load()).runFaults(context));
}
