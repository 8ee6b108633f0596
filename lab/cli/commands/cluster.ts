/** `up`, `down`, `scale`, `ls`: labs as a whole. */

import { type Command, Option } from "commander";
import { PROFILE_NAMES } from "../../../node/wire/profile.ts";
import { renderHint } from "../../base/hint.ts";
import { NEXT } from "../../base/next.ts";
import type { UpResult } from "../../cluster/execute-up.ts";
import type { LabHandle } from "../../cluster/lab-handle.ts";
import type { LabSpec } from "../../engine/engine.ts";
import { JOURNAL_DETAILS, type JournalDetail } from "../../journal/detail.ts";
import type { CommandContext } from "./context.ts";
import { down, sayUnasked } from "./down.ts";
import { type LabFlags, readRequest } from "./read-request.ts";

interface UpFlags extends LabFlags {
  wait: boolean;
  timeout: string;
  dryRun?: boolean;
}

export function registerClusterCommands(program: Command, context: CommandContext): void {
  program
    .command("up")
    .helpGroup("Labs:")
    .description("start a lab and wait until its nodes agree on a coordinator")
    .option("--nodes <count>", "number of nodes (default: 5, from compose/lab.yaml)")
    .option("--profile <name>", `timing: ${PROFILE_NAMES.join(", ")}`)
    .option("-f, --file <path>", "read the lab from a file like compose/lab.yaml")
    .addOption(
      new Option(
        "--journal <detail>",
        "what nodes record: events; detailed adds deliveries (for checks); wire adds messages (for pictures)",
      ).choices(JOURNAL_DETAILS),
    )
    .option("--memory <size>", "how much memory each container may use: 256MB (default: 1GB)")
    .option("--pids <count>", "how many processes and threads each container may have (default: 1024)")
    .option(
      "--hosts <hosts>",
      "on a swarm: hosts that nodes are put on, as h1,h2, zone:eu or a label disk=ssd (default: all)",
    )
    .addOption(
      new Option(
        "--multicast <way>",
        "on a swarm: helper (a service carries it across hosts) or unicast (nodes are told the others' addresses)",
      ).choices(["helper", "unicast"]),
    )
    .option("--encrypted", "on a swarm: the engines encrypt what nodes send to other hosts (IPsec)")
    .option("--messages", "record each datagram of a program of one's own, at both ends")
    .option("--wait", "return when all nodes agree", true)
    .option("--no-wait", "return when the nodes are started")
    .option("--timeout <time>", "time limit for the agreement", "60s")
    .option("--dry-run", "show what up would do, and do nothing")
    .action((flags: UpFlags) => up(context, flags));

  program
    .command("down")
    .helpGroup("Labs:")
    .description("remove a lab with everything that belongs to it")
    .argument("[name]", "the lab (default: --name)")
    .option("--all", "remove every lab")
    .action((name: string | undefined, flags: { all?: boolean }) => down(context, name, flags.all === true));

  program
    .command("scale")
    .helpGroup("Labs:")
    .description("change the number of nodes: new ones join, or the highest ones leave")
    .argument("<count>", "number of nodes that the lab then has")
    .option("--no-wait", "return without waiting until all agree")
    .option("--timeout <time>", "time limit for the agreement", "60s")
    .action((count: string, flags: { wait: boolean; timeout: string }) => scale(context, count, flags));

  program
    .command("ls")
    .helpGroup("Labs:")
    .description("list the labs of this machine")
    .action(() => ls(context));
}

async function up(context: CommandContext, flags: UpFlags): Promise<void> {
  const [{ bringUp, dryRun }, { parseDuration }] = await Promise.all([
    import("../../cluster/up.ts"),
    import("../../base/duration.ts"),
  ]);
  context.finishOnInterrupt();
  const { request, runtime } = await readRequest(context, flags);
  const options = {
    runtime,
    wait: flags.wait,
    timeoutMs: parseDuration(flags.timeout, "--timeout"),
    progress: context.progress,
    signal: context.signal,
    onNotice: (message: string) => context.printer.say(message),
  };
  if (flags.dryRun === true) {
    const [plan, { describeUp }, { publicPlan }] = await Promise.all([
      dryRun(request, options),
      import("../../cluster/plan-up.ts"),
      import("../../cluster/plan-lab.ts"),
    ]);
    const hosts = plan.hosts === undefined ? {} : { hosts: Object.fromEntries(plan.hosts) };
    context.printer.data({ ...publicPlan(plan.lab), ...hosts }, context.printer.wrapped(describeUp(plan)));
    return;
  }
  const startedAtMs = performance.now();
  const result = await bringUp(request, options);
  await using lab = result.lab;
  context.printer.clear();
  const isVirtual = lab.info.runtime === "sim";
  await printUp(context, result, isVirtual ? (result.agreed?.tookMs ?? 0) : performance.now() - startedAtMs);
  if (!result.created && flags.journal !== undefined) await sayOtherDetail(context, lab, flags.journal);
}

/** Nodes record what they were made to record: `--journal` can't change it later. */
async function sayOtherDetail(context: CommandContext, lab: LabHandle, wanted: JournalDetail): Promise<void> {
  const { nameDetail, readDetail } = await import("../../journal/detail.ts");
  const detail = nameDetail(readDetail(lab.info.env));
  if (detail === wanted) return;
  context.printer.say(`the lab keeps the journal it was made with: ${detail}`);
  context.next(NEXT.removeLabFirst(lab.name));
}

async function printUp(context: CommandContext, { lab, agreed }: UpResult, tookMs: number): Promise<void> {
  const { printer } = context;
  if (!lab.kind.hasControl) {
    await printPrograms(context, lab, tookMs);
    return;
  }
  const [{ describeNodes }, { renderNodes }, { formatDuration }] = await Promise.all([
    import("../../cluster/node-rows.ts"),
    import("../ui/node-table.ts"),
    import("../../base/duration.ts"),
  ]);
  const rows = describeNodes(lab, agreed?.answers ?? new Map());
  const { name, run, profile, voters, runtime } = lab.info;
  printer.data(
    {
      name,
      runtime,
      run,
      profile,
      voters,
      agreement: agreed?.agreement ?? null,
      tookMs: Math.round(tookMs),
      nodes: rows,
    },
    renderNodes(rows, printer.color),
  );
  const where = {
    docker: "in Docker",
    swarm: "on a Docker Swarm",
    local: "as local processes",
    sim: "in virtual time",
  }[runtime];
  if (agreed === null) {
    printer.say(`\nlab "${name}" starts ${where}`);
    context.next({ ...NEXT.waitForAgreement(), lab: name });
    return;
  }
  const kind = agreed.agreement.elected ? `elected, term ${agreed.agreement.term}` : "provisional: no quorum";
  const leader = agreed.agreement.coordinator;
  printer.say(
    `\nlab "${name}" runs ${where}: all agree on coordinator ${leader} (${kind}) after ${formatDuration(tookMs)}`,
  );
  if (rows.length < 2) return;
  const commands = NEXT.tryCommands().map((hint) => renderHint({ ...hint, lab: name }, context.caller));
  printer.say(`next: ${commands.join("    ")}`);
}

async function printPrograms(context: CommandContext, lab: LabHandle, tookMs: number): Promise<void> {
  const [{ reportNodes }, { renderNodes }, { formatDuration }] = await Promise.all([
    import("../../cluster/node-rows.ts"),
    import("../ui/node-table.ts"),
    import("../../base/duration.ts"),
  ]);
  const rows = await reportNodes(lab);
  const { name, runtime, run, program } = lab.info;
  const { printer } = context;
  printer.data(
    { name, runtime, run, image: program?.image ?? null, tookMs: Math.round(tookMs), nodes: rows },
    renderNodes(rows, printer.color),
  );
  printer.say(
    `\n${rows.length} nodes of lab "${name}" run ${program?.image ?? "the program"} after ${formatDuration(tookMs)}`,
  );
}

async function scale(context: CommandContext, text: string, flags: { wait: boolean; timeout: string }): Promise<void> {
  const [
    change,
    { LabError },
    { parseDuration },
    { describeNodes, reportNodes },
    { renderNodes },
    { warnAboutMinting },
  ] = await Promise.all([
    import("../../cluster/change.ts"),
    import("../../base/lab-error.ts"),
    import("../../base/duration.ts"),
    import("../../cluster/node-rows.ts"),
    import("../ui/node-table.ts"),
    import("../../cluster/plan-lab.ts"),
  ]);
  const count = Number(text);
  if (!/^\d+$/.test(text)) throw new LabError("usage", `"${text}" isn't a number of nodes`, NEXT.scaleExample());
  const timeoutMs = parseDuration(flags.timeout, "--timeout");
  context.finishOnInterrupt();
  await context.withLab(async (lab) => {
    const { printer } = context;
    const plan = await lab.locked(`scale ${count}`, async () => {
      const prepared = await change.prepareScale(lab, count);
      if (prepared.plan.warning !== "") printer.say(`warning: ${prepared.plan.warning}`);
      const minting = prepared.plan.add.length === 0 ? "" : warnAboutMinting(lab.info.voters, lab.running);
      if (minting !== "") printer.say(`warning: ${minting}`);
      await change.scale(lab, prepared, context.signal);
      return prepared.plan;
    });
    const patience = { timeoutMs, signal: context.signal, onReason: context.onReason("agree") };
    const agreed = flags.wait ? await lab.kind.waitUntilUp(lab, patience) : null;
    printer.clear();
    const rows = agreed === null ? await reportNodes(lab) : describeNodes(lab, agreed.answers);
    printer.data(
      {
        added: plan.add.map((node) => node.id),
        removed: plan.remove,
        agreement: agreed?.agreement ?? null,
        nodes: rows,
      },
      renderNodes(rows, printer.color),
    );
    printer.say(
      describeScale(
        plan.add.map((node) => node.id),
        plan.remove,
      ),
    );
  });
}

function describeScale(added: LabSpec["nodes"], removed: LabSpec["nodes"]): string {
  if (added.length > 0) return `\nadded ${added.join(", ")}`;
  return removed.length > 0 ? `\nremoved ${removed.join(", ")}` : "\nnothing to change";
}

async function ls(context: CommandContext): Promise<void> {
  const [{ listAll }, { renderTable }, { formatDuration }] = await Promise.all([
    import("../../cluster/inventory.ts"),
    import("../ui/table.ts"),
    import("../../base/duration.ts"),
  ]);
  const { labs, unreachable } = await listAll(context.options.runtime);
  const rows = labs.map((lab) => {
    const up = lab.nodes.filter((node) => node.status === "running" || node.status === "starting").length;
    const age = lab.createdAtMs === null ? "-" : formatDuration(Math.max(0, Date.now() - lab.createdAtMs));
    return [lab.name, lab.runtime, `${up}/${lab.nodes.length}`, lab.profile, age, lab.network ?? "-"];
  });
  const columns = [
    { title: "LAB" },
    { title: "RUNTIME" },
    { title: "RUNNING" },
    { title: "PROFILE" },
    { title: "AGE" },
    { title: "NETWORK" },
  ];
  const json = labs.map(({ token: _token, ...lab }) => lab);
  context.printer.data(json, rows.length === 0 ? "" : renderTable(columns, rows));
  if (unreachable !== null) {
    sayUnasked(context, unreachable);
  } else if (rows.length === 0) {
    context.printer.say("there are no labs");
    context.next(NEXT.startFirstLab());
  }
}
