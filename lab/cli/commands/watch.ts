/** `logs`, `wait`, `assert`: following what happens. */
import type { Command } from "commander";
import { NEXT } from "../../base/next.ts";
import type { LabHandle } from "../../cluster/lab-handle.ts";
import type { CommandContext } from "./context.ts";

export function registerWatchCommands(program: Command, context: CommandContext): void {
  program
    .command("logs")
    .helpGroup("Look:")
    .description("show what nodes wrote; with -o json, their journal lines unchanged")
    .argument("[nodes]", "which nodes", "all")
    .option("-f, --follow", "show new lines until Ctrl-C")
    .option("--tail <count>", "show the last COUNT lines of each node only")
    .option("--since <time>", "show the last 30s, 5m, … only")
    .option("--probes", "show heartbeats and probes too, which up --journal wire records")
    .action((selector: string, flags: LogFlags) => logs(context, selector, flags));

  program
    .command("wait")
    .helpGroup("Look:")
    .description("wait until all conditions hold at once")
    .argument("<conditions...>", CONDITIONS)
    .option("--timeout <time>", "time limit (exit code 124)", "60s")
    .action((conditions: string[], flags: { timeout: string }) => wait(context, conditions, flags));

  program
    .command("assert")
    .helpGroup("Look:")
    .description("check once whether all conditions hold (exit code 1: no)")
    .argument("<conditions...>", CONDITIONS)
    .action((conditions: string[]) => assertNow(context, conditions));
}

const CONDITIONS =
  "agree, converged, conserved, ready, elected, leader=4, nodes=5, state:3=FAILED, status:3=exited, balance:2=130, holdback=0, pending=0";

interface LogFlags {
  follow?: boolean;
  tail?: string;
  since?: string;
  probes?: boolean;
}

/** As often as `events -f` looks. */
const GONE_POLL_MS = 1_000;

async function logs(context: CommandContext, selector: string, flags: LogFlags): Promise<void> {
  const [{ parseDuration }, { parseCount }, { isProbe, renderLogLine }] = await Promise.all([
    import("../../base/duration.ts"),
    import("../../base/numbers.ts"),
    import("../ui/log-line.ts"),
  ]);
  const tail = flags.tail === undefined ? null : parseCount(flags.tail, "--tail", 0, 1_000_000);
  const ageMs = flags.since === undefined ? null : parseDuration(flags.since, "--since");
  context.finishOnInterrupt();
  await context.withLab(async (lab) => {
    const chosen = await lab.resolve(selector);
    const ids = chosen.map((node) => node.id);
    const width = lab.ids.length === 1 ? 0 : Math.max(...ids.map((id) => String(id).length));
    const sinceMs = ageMs === null ? null : lab.clock.wallMs() - ageMs;
    const over = new AbortController();
    const signal = AbortSignal.any([context.signal, over.signal]);
    const options = { follow: flags.follow === true, tail, sinceMs, signal };
    // The logs of nodes that are gone have no end of their own.
    const gone = options.follow ? untilGone(lab, signal).finally(() => over.abort()) : Promise.resolve();
    const failed = gone.then(
      () => null,
      (error: unknown) => error,
    );
    for await (const line of lab.engine.logs(lab.name, ids, options)) {
      if (flags.probes !== true && !context.printer.json && isProbe(line)) continue;
      context.printer.item(line, renderLogLine(line, ids.length > 1 ? width : 0, context.printer), line.text);
    }
    over.abort();
    const failure = await failed;
    if (failure !== null) throw failure;
  });
}

/** Ends with the signal. @throws LabError("notFound") when the lab is gone */
async function untilGone(lab: LabHandle, signal: AbortSignal): Promise<void> {
  const { REAL_CLOCK, sleep } = await import("../../base/lab-clock.ts");
  while (!signal.aborted) {
    await lab.refresh();
    await sleep(REAL_CLOCK, GONE_POLL_MS, signal).catch(() => {});
  }
}

async function wait(context: CommandContext, texts: readonly string[], flags: { timeout: string }): Promise<void> {
  const [{ lookAtAll, parseCondition }, { waitUntil }, { formatDuration, parseDuration }] = await Promise.all([
    import("../../cluster/lab-conditions.ts"),
    import("../../cluster/wait-for.ts"),
    import("../../base/duration.ts"),
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

async function assertNow(context: CommandContext, texts: readonly string[]): Promise<void> {
  const { lookAtAll, parseCondition } = await import("../../cluster/lab-conditions.ts");
  const conditions = texts.map(parseCondition);
  await context.withLab(async (lab) => {
    const answers = await lab.ping();
    const views = await Promise.all(
      conditions.map(async (condition) => {
        const { done, seen } = await lookAtAll([condition], lab, answers);
        return { condition: condition.text, holds: done, seen: done ? "" : seen };
      }),
    );
    const lines = views.map(({ condition, holds, seen }) =>
      holds ? `${condition}: yes` : `${condition}: no, ${seen}`,
    );
    context.printer.data(views, lines.join("\n"));
    if (views.every((view) => view.holds)) return;
    context.setExitCode(1);
    context.next(NEXT.waitFor(texts));
  });
}
