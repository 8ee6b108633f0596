/** `logs`, `wait`: following what happens. */
import type { Command } from "commander";
import type { CommandContext } from "./context.ts";

export function registerWatchCommands(program: Command, context: CommandContext): void {
  program
    .command("logs")
    .helpGroup("Look:")
    .description("what nodes wrote; -o json: their journal lines as they are")
    .argument("[nodes]", "which nodes", "all")
    .option("-f, --follow", "go on until Ctrl-C")
    .option("--tail <count>", "only the last COUNT lines of each node")
    .option("--since <time>", "only what is younger: 30s, 5m")
    .action((selector: string, flags: LogFlags) => logs(context, selector, flags));

  program
    .command("wait")
    .helpGroup("Look:")
    .description("wait for all of these conditions at once")
    .argument("<conditions...>", "agree, converged, ready, leader=4, nodes=5, state:3=FAILED, balance:2=130")
    .option("--timeout <time>", "give up after this time (exit code 124)", "60s")
    .action((conditions: string[], flags: { timeout: string }) => wait(context, conditions, flags));
}

interface LogFlags {
  follow?: boolean;
  tail?: string;
  since?: string;
}

async function logs(context: CommandContext, selector: string, flags: LogFlags): Promise<void> {
  const [{ parseDuration }, { LabError }, { renderLogLine }] = await Promise.all([
    import("../duration.ts"),
    import("../errors.ts"),
    import("../ui/log-line.ts"),
  ]);
  const tail = flags.tail === undefined ? null : Number(flags.tail);
  if (tail !== null && !(Number.isInteger(tail) && tail >= 0)) {
    throw new LabError("usage", `--tail: "${flags.tail}" is no number of lines`, "write for example --tail 20");
  }
  const ageMs = flags.since === undefined ? null : parseDuration(flags.since, "--since");
  context.finishOnInterrupt();
  await context.withLab(async (lab) => {
    const chosen = await lab.resolve(selector);
    const ids = chosen.map((node) => node.id);
    const width = lab.ids.length === 1 ? 0 : Math.max(...ids.map((id) => String(id).length));
    const sinceMs = ageMs === null ? null : lab.clock.wallMs() - ageMs;
    const options = { follow: flags.follow === true, tail, sinceMs, signal: context.signal };
    for await (const line of lab.engine.logs(lab.name, ids, options)) {
      context.printer.item(line, renderLogLine(line, ids.length > 1 ? width : 0, context.printer), line.text);
    }
  });
}

async function wait(context: CommandContext, texts: readonly string[], flags: { timeout: string }): Promise<void> {
  const [{ lookAtAll, parseCondition }, { waitUntil }, { formatDuration, parseDuration }] = await Promise.all([
    import("../conditions.ts"),
    import("../wait-for.ts"),
    import("../duration.ts"),
  ]);
  const conditions = texts.map(parseCondition);
  const timeoutMs = parseDuration(flags.timeout, "--timeout");
  await context.withLab(async (lab) => {
    const startedAtMs = lab.clock.nowMs();
    await waitUntil(lab, { timeoutMs, signal: context.signal, onReason: context.onReason("wait") }, (answers) =>
      lookAtAll(conditions, lab, answers),
    );
    const tookMs = Math.round(lab.clock.nowMs() - startedAtMs);
    context.printer.data({ conditions: texts, tookMs }, `${texts.join(", ")} after ${formatDuration(tookMs)}`);
  });
}
