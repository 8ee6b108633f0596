/** `kill`, `stop`, `start`, `restart`, `wipe`, `pause`, `resume`, `rm`: what happens to nodes from outside. */
import type { Command } from "commander";
import type { Hint } from "../../base/hint.ts";
import { NEXT } from "../../base/next.ts";
import type { Chosen, LabHandle } from "../../cluster/lab-handle.ts";
import type { NodeInfo, RuntimeName } from "../../engine/engine.ts";
import type { CommandContext } from "./context.ts";

const NODES = "which nodes: 3, 1,2, 1-3, leader, followers, random, random(2), majority, minority, all";

interface KillFlags {
  signal: string;
  wait?: boolean;
  timeout?: string;
}

export function registerLifecycleCommands(program: Command, context: CommandContext): void {
  program
    .command("kill")
    .helpGroup("Break nodes:")
    .description("kill nodes, and show which node takes over")
    .argument("<nodes>", NODES)
    .option("-s, --signal <name>", "signal to send: TERM, INT, HUP, …", "KILL")
    .option("--wait", "wait until the survivors agree (the default for text, not for -o json)")
    .option("--no-wait", "return immediately")
    .option("--timeout <time>", "time limit for the survivors")
    .action((selector: string, flags: KillFlags) => kill(context, selector, flags));

  program
    .command("stop")
    .helpGroup("Break nodes:")
    .description("let nodes leave gracefully and exit (SIGTERM, then SIGKILL)")
    .argument("<nodes>", NODES)
    .option("--grace <time>", "time until SIGKILL", "10s")
    .action((selector: string, flags: { grace: string }) => stop(context, selector, flags));

  for (const verb of ["start", "restart"] as const) {
    program
      .command(verb)
      .helpGroup("Break nodes:")
      .description(
        verb === "start" ? "start exited nodes again, with their ledgers" : "stop nodes and start them again",
      )
      .argument("<nodes>", NODES)
      .option("--wait", "wait until all agree")
      .option("--timeout <time>", "time limit for the agreement", "60s")
      .action((selector: string, flags: { wait?: boolean; timeout: string }) => start(context, verb, selector, flags));
  }

  registerStateCommands(program, context);
}

/** Commands that freeze nodes, change their disks or remove them. */
function registerStateCommands(program: Command, context: CommandContext): void {
  program
    .command("wipe")
    .helpGroup("Break nodes:")
    .description("give exited nodes an empty disk, as if theirs was lost")
    .argument("<nodes>", NODES)
    .action((selector: string) => wipe(context, selector));

  program
    .command("pause")
    .helpGroup("Break nodes:")
    .description("freeze nodes: they neither send nor receive, and don't notice it")
    .argument("<nodes>", NODES)
    .option("--for <time>", "resume after this time, even if lab is killed")
    .action((selector: string, flags: { for?: string }) => pause(context, selector, flags));

  program
    .command("resume")
    .helpGroup("Break nodes:")
    .description("let paused nodes continue")
    .argument("<nodes>", NODES)
    .action((selector: string) => resume(context, selector));

  program
    .command("rm")
    .helpGroup("Break nodes:")
    .description("remove nodes and their ledgers, running or not")
    .argument("<nodes>", NODES)
    .action((selector: string) => remove(context, selector));

  program
    .command("resume-at", { hidden: true })
    .argument("<lab>")
    .argument("<runtime>")
    .argument("<node>")
    .argument("<untilMs>")
    .action((lab: string, runtime: string, node: string, untilMs: string) =>
      resumeAt(lab, runtime, Number(node), Number(untilMs)),
    );
}

async function kill(context: CommandContext, selector: string, flags: KillFlags): Promise<void> {
  const [{ isAlive }, failover, { warnAboutVoters }, { normalizeSignal }, { parseSelector }, { effectOfSignal }] =
    await Promise.all([
      import("../../engine/node-status.ts"),
      import("../../cluster/failover.ts"),
      import("../../cluster/plan-lab.ts"),
      import("../../base/signals.ts"),
      import("../../cluster/selectors.ts"),
      import("../../journal/story/signal-effect.ts"),
    ]);
  const { printer } = context;
  const signal = normalizeSignal(flags.signal);
  parseSelector(selector);
  await context.withLab(async (lab) => {
    const timeoutMs = await failover.patienceMs(lab, flags.timeout);
    const { chosen, before, atMs } = await lab.locked(`kill ${selector}`, () =>
      failover.killNodes(lab, selector, signal, isAlive),
    );
    if (chosen.length === 0) {
      printer.data({ signal, killed: [], coordinatorBefore: before, agreement: null, tookMs: null }, "nothing to kill");
      return;
    }
    const verb = signal === "SIGKILL" ? "killed" : `sent ${signal} to`;
    // A signal that a node handles or ignores takes nobody away: nothing follows from it.
    const takesAway = !["none", "resumes"].includes(effectOfSignal(signal, lab.info.runtime));
    const killed = chosen.map((node) => ({ id: node.id, role: node.role }));
    const survivors = lab.running.filter((id) => !takesAway || !chosen.some((node) => node.id === id));
    const lostLeader = takesAway && lab.kind.hasControl && chosen.some((node) => node.role === "coordinator");
    // The answer of -o json is one value, so it comes when everything is known.
    if (!printer.json) {
      // Only our own peers are known to keep a leader that they don't lose.
      const still = lab.kind.hasControl ? before : null;
      printer.data(null, describe(verb, chosen, { lostLeader, before: still }));
      if (!lostLeader && before !== null) context.next(NEXT.killLeader());
    }
    const shallWait = flags.wait ?? (!printer.json && lostLeader);
    const agreed =
      shallWait && survivors.length > 0
        ? await failover.waitForSurvivors(lab, survivors, {
            timeoutMs,
            signal: context.signal,
            onReason: context.onReason("election"),
          })
        : null;
    printer.clear();
    const tookMs = agreed === null ? null : Math.round(lab.clock.nowMs() - atMs);
    if (printer.json)
      printer.data({ signal, killed, coordinatorBefore: before, agreement: agreed?.agreement ?? null, tookMs }, "");
    else if (agreed !== null && tookMs !== null) {
      const { formatDuration } = await import("../../base/duration.ts");
      const { coordinator, elected, term } = agreed.agreement;
      const now = lostLeader ? "now" : "still";
      printer.data(
        null,
        `coordinator is ${now} ${coordinator} (${elected ? "elected" : "provisional: no quorum"}, term ${term}) after ${formatDuration(tookMs)}`,
      );
    }
    const warning = warnAboutVoters(lab.info.voters, survivors);
    if (warning !== "") printer.say(`warning: ${warning}`);
    if (signal === "SIGKILL" || signal === "SIGTERM") context.next(NEXT.startNodes(chosen.map((node) => node.id)));
  });
}

function describe(
  verb: string,
  chosen: readonly Chosen[],
  { lostLeader, before }: { lostLeader: boolean; before: number | null },
): string {
  const who = chosen.map((node) => (node.role === null ? String(node.id) : `${node.id} (${node.role})`)).join(", ");
  if (lostLeader || before === null) return `${verb} ${who}`;
  return `${verb} ${who}; coordinator is still ${before}`;
}

async function stop(context: CommandContext, selector: string, flags: { grace: string }): Promise<void> {
  const [change, { isAlive }, { parseDuration }] = await Promise.all([
    import("../../cluster/change.ts"),
    import("../../engine/node-status.ts"),
    import("../../base/duration.ts"),
  ]);
  const graceMs = parseDuration(flags.grace, "--grace");
  await changeNodes(
    context,
    {
      selector,
      verb: "stop",
      past: "stopped",
      eligible: isAlive,
      already: (node) => (isAlive(node) ? null : "has exited already"),
      hint: NEXT.startNodes,
    },
    (lab, ids) => change.stop(lab, ids, graceMs),
  );
}

async function start(
  context: CommandContext,
  verb: "start" | "restart",
  selector: string,
  flags: { wait?: boolean; timeout: string },
): Promise<void> {
  const [change, { isAlive, isUp }, { parseDuration }] = await Promise.all([
    import("../../cluster/change.ts"),
    import("../../engine/node-status.ts"),
    import("../../base/duration.ts"),
  ]);
  const timeoutMs = parseDuration(flags.timeout, "--timeout");
  const eligible = (node: NodeInfo) => verb === "restart" || !isAlive(node);
  const already = (node: NodeInfo) => (verb === "start" && isUp(node) ? "runs already" : null);
  await changeNodes(
    context,
    { selector, verb, past: `${verb}ed`, eligible, already, hint: null },
    async (lab, ids) => {
      if (verb === "restart") await change.stop(lab, ids, 10_000);
      await change.start(lab, ids);
    },
    async (lab) => {
      if (flags.wait !== true) {
        if (lab.kind.hasControl) context.next(NEXT.waitForAgreement());
        return;
      }
      await lab.refresh();
      const agreed = await lab.kind.waitUntilUp(lab, {
        timeoutMs,
        signal: context.signal,
        onReason: context.onReason("agree"),
      });
      if (agreed === null) return;
      const { describeAgreed } = await import("../../cluster/judge-agreement.ts");
      context.printer.say(describeAgreed(agreed.agreement));
    },
  );
}

async function wipe(context: CommandContext, selector: string): Promise<void> {
  const [change, { isAlive }] = await Promise.all([
    import("../../cluster/change.ts"),
    import("../../engine/node-status.ts"),
  ]);
  await changeNodes(
    context,
    { selector, verb: "wipe", past: "wiped", eligible: (node) => !isAlive(node), hint: NEXT.seeRecovery },
    change.wipe,
  );
}

async function pause(context: CommandContext, selector: string, flags: { for?: string }): Promise<void> {
  const [change, { isUp }, { parseDuration, formatDuration }] = await Promise.all([
    import("../../cluster/change.ts"),
    import("../../engine/node-status.ts"),
    import("../../base/duration.ts"),
  ]);
  const forMs = flags.for === undefined ? null : parseDuration(flags.for, "--for");
  await changeNodes(
    context,
    {
      selector,
      verb: "pause",
      past: "paused",
      eligible: isUp,
      already: (node) => (node.status === "paused" && forMs === null ? "is paused already" : null),
      hint: forMs === null ? NEXT.resumeNodes : null,
      suffix: forMs === null ? "" : ` for ${formatDuration(forMs)}`,
    },
    (lab, ids) => change.pause(lab, ids, forMs === null ? null : lab.clock.wallMs() + forMs),
  );
}

async function resume(context: CommandContext, selector: string): Promise<void> {
  const change = await import("../../cluster/change.ts");
  await changeNodes(
    context,
    {
      selector,
      verb: "resume",
      past: "resumed",
      eligible: (node) => node.status === "paused",
      already: (node) => (node.status === "running" ? "isn't paused" : null),
      hint: null,
    },
    change.resume,
  );
}

async function remove(context: CommandContext, selector: string): Promise<void> {
  const [change, { warnAboutVoters }] = await Promise.all([
    import("../../cluster/change.ts"),
    import("../../cluster/plan-lab.ts"),
  ]);
  await changeNodes(
    context,
    { selector, verb: "rm", past: "removed", eligible: ({ status }) => status !== "unreachable", hint: null },
    async (lab, ids) => {
      const warning = warnAboutVoters(
        lab.info.voters,
        lab.ids.filter((id) => !ids.includes(id)),
      );
      if (warning !== "") context.printer.say(`warning: ${warning}`);
      await Promise.all(ids.map((id) => change.removeNode(lab, id)));
    },
  );
}

interface ChangeWords {
  readonly selector: string;
  readonly verb: string;
  readonly past: string;
  readonly eligible: (node: NodeInfo) => boolean;
  /** How a node is that was named though the command would change nothing: "runs already". Null: it is told what is wrong. */
  readonly already?: (node: NodeInfo) => string | null;
  /** What can be done next with these nodes; null: nothing. */
  readonly hint: ((ids: readonly number[]) => Hint) | null;
  readonly suffix?: string;
}

/** Resolve under the lock, change, say what was done to whom. */
async function changeNodes(
  context: CommandContext,
  words: ChangeWords,
  change: (lab: LabHandle, ids: readonly number[]) => Promise<void>,
  after: (lab: LabHandle) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const { printer } = context;
  // A mistyped selector is refused before any engine is asked.
  (await import("../../cluster/selectors.ts")).parseSelector(words.selector);
  await context.withLab(async (lab) => {
    const { already = () => null } = words;
    const { chosen, others } = await lab.locked(`${words.verb} ${words.selector}`, async () => {
      const nodes = await lab.resolve(words.selector, words.eligible);
      const left = nodes.filter((node) => already(node.info) !== null);
      const rest = nodes.filter((node) => !left.includes(node));
      if (rest.length > 0)
        await change(
          lab,
          rest.map((node) => node.id),
        );
      return { chosen: rest, others: left };
    });
    const ids = chosen.map((node) => node.id);
    const who = chosen.map((node) => (node.role === null ? String(node.id) : `${node.id} (${node.role})`)).join(", ");
    const done = ids.length === 0 ? [] : [`${words.past} ${who}${words.suffix ?? ""}`];
    const kept = others.map((node) => `${node.id} ${already(node.info)}`);
    const text = [...done, ...kept].join("; ") || `nothing to ${words.verb}`;
    printer.data({ [words.past]: ids }, text);
    if (words.hint !== null && ids.length > 0) context.next(words.hint(ids));
    if (ids.length > 0) await after(lab);
  });
}

/** The body of the detached process that ends a timed pause (helpers.ts). */
async function resumeAt(name: string, runtime: string, id: number, untilMs: number): Promise<void> {
  const [{ openEngine }, { setTimeout: sleep }] = await Promise.all([
    import("../../cluster/open-engine.ts"),
    import("node:timers/promises"),
  ]);
  await sleep(Math.max(0, untilMs - Date.now()));
  await using engine = await openEngine(runtime as RuntimeName);
  for (let attempt = 0; attempt < 20; attempt++) {
    try {
      const info = await engine.lab(name);
      const node = info?.nodes.find((candidate) => candidate.id === id);
      if (node?.status !== "paused") return;
      await engine.resume(name, id);
      await catchUpWithFaults(name, runtime, id);
      return;
    } catch {
      // The engine may be restarting: it is asked again for ten seconds.
      await sleep(500);
    }
  }
}

/** Changes of the faults didn't reach the node while it was frozen. */
async function catchUpWithFaults(name: string, runtime: string, id: number): Promise<void> {
  const [{ openHandle }, { reapplyFaults }] = await Promise.all([
    import("../../cluster/open-handle.ts"),
    import("../../faults/service.ts"),
  ]);
  await using lab = await openHandle(name, { runtime: runtime as RuntimeName });
  await lab.locked(`resume ${id}`, () => reapplyFaults(lab, [id]));
}
