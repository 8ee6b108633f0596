/** `sell`, `buy`, `election`, `leave`, `recover`, `shell`: what the original's prompt can do, from outside. */
import type { Command } from "commander";
import { NEXT } from "../../base/next.ts";
import { addNotes, type Note } from "../ui/notes.ts";
import type { CommandContext, RunLine } from "./context.ts";

interface TradeFlags {
  wait: boolean;
  timeout: string;
}

interface RecoverFlags {
  acceptLoss?: boolean;
  timeout: string;
}

const SHELL_NOTES: readonly Note[] = [
  "With --runtime sim, the shell's labs are simulated. Virtual time passes while a command waits, or with `sleep 5s` and `step`; `back 2s` goes back. `flight` lists the messages on their way, which `deliver`, `drop`, `duplicate` and `delay` take.",
];

export function registerTalkCommands(program: Command, context: CommandContext, runLine: RunLine): void {
  for (const kind of ["sell", "buy"] as const) {
    const sentence =
      kind === "sell" ? "node FROM sells AMOUNT credits to node PEER" : "node FROM buys AMOUNT credits from node PEER";
    program
      .command(kind)
      .helpGroup("Talk:")
      .description(sentence)
      .argument("<from>", "the node that proposes the trade: 1, leader, random")
      .argument("<peer>", "the other node")
      .argument("<amount>", "whole credits")
      .option("--no-wait", "return when the node accepted the trade, not when both nodes have it on disk")
      .option("--timeout <time>", "time limit", "15s")
      .action((from: string, peer: string, amount: string, flags: TradeFlags) =>
        doTrade(context, kind, { from, peer, amount }, flags),
      );
  }

  program
    .command("election")
    .helpGroup("Talk:")
    .description("make a node start an election")
    .argument("[node]", "which node (default: the first running one)")
    .action((selector: string | undefined) => election(context, selector));

  program
    .command("leave")
    .helpGroup("Talk:")
    .description("let nodes announce that they leave, and exit, as `quit` does")
    .argument("<nodes>", "which nodes")
    .action((selector: string) => leave(context, selector));

  program
    .command("recover")
    .helpGroup("Talk:")
    .description("show what a node that lost its disk waits for, and what may be lost")
    .argument("<node>", "which node")
    .option("--accept-loss", "continue without the records that absent nodes may hold; needs a majority of the voters")
    .option("--timeout <time>", "time limit", "15s")
    .action((selector: string, flags: RecoverFlags) => recover(context, selector, flags));

  addNotes(
    program
      .command("shell")
      .helpGroup("Talk:")
      .description("open the original's prompt on a node; without a node, a prompt for lab's own commands")
      .argument("[node]", "which node")
      .option("--seed <n>", "with --runtime sim: decides all random choices", "1")
      .action((selector: string | undefined, flags: { seed: string }) =>
        shell(context, program, selector, flags, runLine),
      ),
    context.caller.prefix,
    SHELL_NOTES,
  );
}

async function doTrade(
  context: CommandContext,
  kind: "sell" | "buy",
  words: { from: string; peer: string; amount: string },
  flags: TradeFlags,
): Promise<void> {
  const [{ parseAmount, resolveOne, trade }, { parseDuration }] = await Promise.all([
    import("../../cluster/trade.ts"),
    import("../../base/duration.ts"),
  ]);
  const { printer } = context;
  const amount = parseAmount(words.amount);
  const timeoutMs = parseDuration(flags.timeout, "--timeout");
  await context.withLab(async (lab) => {
    const [from, peer] = [await resolveOne(lab, words.from), await resolvePeer(lab, words.peer, resolveOne)];
    const until = flags.wait ? "settled" : "accepted";
    const outcome = await trade(lab, kind, { from, peer, amount }, { until, timeoutMs });
    printer.data(
      { kind, from, peer, amount, ...outcome.trade },
      outcome.text.trimEnd() || describeTrade(kind, { from, peer, amount }),
    );
    if (outcome.trade.state === "accepted") {
      printer.say(`node ${from} took up trade ${outcome.trade.trade_id}`);
      context.next(NEXT.readHistory(from));
    }
  });
}

/** A peer may be a number that the lab doesn't know: the node's own refusal says it better. */
function resolvePeer(
  lab: Parameters<Parameters<CommandContext["withLab"]>[0]>[0],
  text: string,
  resolveOne: (lab: Parameters<Parameters<CommandContext["withLab"]>[0]>[0], selector: string) => Promise<number>,
): Promise<number> {
  return /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535 ? Promise.resolve(Number(text)) : resolveOne(lab, text);
}

function describeTrade(
  kind: "sell" | "buy",
  { from, peer, amount }: { from: number; peer: number; amount: number },
): string {
  return kind === "sell"
    ? `node ${from} sold ${amount} credits to node ${peer}`
    : `node ${from} bought ${amount} credits from node ${peer}`;
}

async function election(context: CommandContext, selector: string | undefined): Promise<void> {
  const [{ resolveOne }, { waitForAgreement }] = await Promise.all([
    import("../../cluster/trade.ts"),
    import("../../cluster/wait-for.ts"),
  ]);
  await context.withLab(async (lab) => {
    const id = selector === undefined ? lab.running[0] : await resolveOne(lab, selector);
    if (id === undefined) {
      const { LabError } = await import("../../base/lab-error.ts");
      throw new LabError("failed", `no node of lab "${lab.name}" is running`, NEXT.startAllNodes());
    }
    const { text } = await lab.call(id, { op: "election" });
    if (!context.printer.json) context.printer.data(null, text.trimEnd() || `node ${id} starts an election`);
    const { agreement } = await waitForAgreement(lab, {
      timeoutMs: 20_000,
      signal: context.signal,
      onReason: context.onReason("election"),
    });
    const kind = agreement.elected ? "elected" : "provisional";
    context.printer.data(
      { node: id, ...agreement },
      `coordinator is ${agreement.coordinator} (${kind}, term ${agreement.term})`,
    );
  });
}

async function recover(context: CommandContext, selector: string, flags: RecoverFlags): Promise<void> {
  const [{ resolveOne }, { parseDuration }, { RecoveryData }] = await Promise.all([
    import("../../cluster/trade.ts"),
    import("../../base/duration.ts"),
    import("../../../node/wire/control.ts"),
  ]);
  const { printer } = context;
  const timeoutMs = parseDuration(flags.timeout, "--timeout");
  await context.withLab(async (lab) => {
    const id = await resolveOne(lab, selector);
    const acceptLoss = flags.acceptLoss === true;
    const { data, text } = await lab.call(id, { op: "recover", accept_loss: acceptLoss }, { timeoutMs });
    const recovery = RecoveryData.parse(data);
    printer.data({ node: id, ...recovery }, text);
    if (acceptLoss) return;
    if (recovery.at_risk.length > 0) context.next(NEXT.startNodes(recovery.at_risk));
    context.next(NEXT.acceptLoss(id));
  });
}

async function leave(context: CommandContext, selector: string): Promise<void> {
  const [change, { isUp }, { warnAboutVoters }] = await Promise.all([
    import("../../cluster/change.ts"),
    import("../../engine/node-status.ts"),
    import("../../cluster/plan-lab.ts"),
  ]);
  const { printer } = context;
  await context.withLab(async (lab) => {
    const chosen = await lab.resolve(selector, isUp);
    const ids = chosen.map((node) => node.id);
    await lab.locked(`leave ${ids.join(",")}`, () => Promise.all(ids.map((id) => change.leave(lab, id))));
    printer.data({ left: ids }, `left ${ids.join(", ")}`);
    const warning = warnAboutVoters(lab.info.voters, lab.running);
    if (warning !== "") printer.say(`warning: ${warning}`);
    context.next(NEXT.startNodes(ids));
  });
}

async function shell(
  context: CommandContext,
  program: Command,
  selector: string | undefined,
  flags: { seed: string },
  runLine: RunLine,
): Promise<void> {
  const { openNodeShell, openLabShell, openSimShell, shellHistory } = await import("./shell.ts");
  if (selector === undefined) {
    if (context.options.runtime === "sim") await openSimShell(context, program, flags.seed, runLine);
    else await openLabShell(context, program, { runLine, history: await shellHistory() });
    return;
  }
  const { resolveOne } = await import("../../cluster/trade.ts");
  await context.withLab(async (lab) => openNodeShell(context, lab, await resolveOne(lab, selector)));
}
