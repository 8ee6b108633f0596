/** `ps`, `status`, `nodes`, `balance`, `history`: what nodes say, changed nothing. */
import type { Command } from "commander";
import { NEXT } from "../../base/next.ts";
import type { LabHandle } from "../../cluster/lab-handle.ts";
import type { NodeInfo } from "../../engine/engine.ts";
import type { CommandContext } from "./context.ts";

const REDRAW_MS = 500;

export function registerShowCommands(program: Command, context: CommandContext): void {
  program
    .command("ps")
    .helpGroup("Look:")
    .description("list the nodes: role, state, term, balance, address")
    .option("-w, --watch", "show changes until Ctrl-C")
    .action((flags: { watch?: boolean }) => ps(context, flags.watch === true));

  program
    .command("status")
    .helpGroup("Look:")
    .description("show the state of nodes; with -o json, all of it")
    .argument(
      "[nodes]",
      "which nodes: 3, 1,2, 1-3, leader, followers, random, random(2), majority, minority, all",
      "all",
    )
    .action((selector: string) => status(context, selector));

  program
    .command("nodes")
    .helpGroup("Look:")
    .description("show which nodes a node knows, and in which state")
    .argument("[node]", "which node (default: the first running one)")
    .action((selector: string | undefined) => nodes(context, selector));

  program
    .command("balance")
    .helpGroup("Look:")
    .description("show the credits of each node")
    .argument("[nodes]", "which nodes", "all")
    .action((selector: string) => balance(context, selector));

  program
    .command("history")
    .helpGroup("Look:")
    .description("show the trades in a node's ledger, oldest first")
    .argument("[node]", "which node (default: the first running one)")
    .option("--tail <count>", "show the last COUNT trades only")
    .action((selector: string | undefined, flags: { tail?: string }) => history(context, selector, flags));
}

async function ps(context: CommandContext, watch: boolean): Promise<void> {
  const [{ askNodes, reportNodes }, { renderNodes }] = await Promise.all([
    import("../../cluster/node-rows.ts"),
    import("../ui/node-table.ts"),
  ]);
  // Ctrl-C is how watching ends.
  if (watch) context.finishOnInterrupt();
  const { printer } = context;
  await context.withLab(async (lab) => {
    if (!watch) {
      const rows = await askNodes(lab);
      printer.data(rows, renderNodes(rows, printer.color));
      await sayDetail(context, lab);
      const exited = rows.filter((row) => row.status === "exited").map((row) => row.id);
      if (exited.length > 0) await sayWhyExited(context, lab, exited);
      return;
    }
    const { REAL_CLOCK, sleep } = await import("../../base/lab-clock.ts");
    let last = "";
    while (!context.signal.aborted) {
      const rows = await reportNodes(lab);
      const text = renderNodes(rows, printer.color);
      if (printer.redraws) printer.screen(`lab ${lab.name}, every ${REDRAW_MS} ms; Ctrl-C ends it\n\n${text}\n`);
      else if (text !== last) printer.item(rows, `${text}\n`);
      last = text;
      // In virtual time too nobody can read faster.
      const clocks = new Set([REAL_CLOCK, lab.clock]);
      await Promise.all([...clocks].map((clock) => sleep(clock, REDRAW_MS, context.signal).catch(() => {})));
    }
  });
}

async function status(context: CommandContext, selector: string): Promise<void> {
  const [{ StateData }, { isUp }] = await Promise.all([
    import("../../../node/wire/control.ts"),
    import("../../engine/node-status.ts"),
  ]);
  const { printer } = context;
  await context.withLab(async (lab) => {
    const chosen = await lab.resolve(selector, isUp);
    const results = await Promise.all(
      chosen.map(async ({ id }) => {
        const op = printer.json ? "state" : "status";
        const { data, text } = await lab.call(id, { op });
        return { state: printer.json ? StateData.parse(data) : null, text };
      }),
    );
    printer.data(
      results.map((result) => result.state),
      results.map((result) => result.text.trimEnd()).join("\n\n"),
    );
    await sayWhoIsAway(
      context,
      lab,
      chosen.map((node) => node.id),
      selector,
    );
  });
}

async function nodes(context: CommandContext, selector: string | undefined): Promise<void> {
  await context.withLab(async (lab) => {
    const id = await pickOne(lab, selector);
    if (!context.printer.json) {
      const { text } = await lab.call(id, { op: "nodes" });
      context.printer.data(null, text.trimEnd());
      return;
    }
    const { StateData } = await import("../../../node/wire/control.ts");
    const { data } = await lab.call(id, { op: "state" });
    context.printer.data(StateData.parse(data).members, "");
  });
}

async function balance(context: CommandContext, selector: string): Promise<void> {
  const [{ renderTable }, { isUp }] = await Promise.all([
    import("../ui/table.ts"),
    import("../../engine/node-status.ts"),
  ]);
  await context.withLab(async (lab) => {
    const chosen = await lab.resolve(selector, isUp);
    // A balance is read from the node that owns it; who is named and can't answer is an error, not a gap.
    const rows = await Promise.all(
      chosen.map(async ({ id }) => {
        const { PingData } = await import("../../../node/wire/control.ts");
        const { data } = await lab.call(id, { op: "ping" });
        return { id, balance: PingData.parse(data).balance };
      }),
    );
    const columns = [
      { title: "NODE", align: "right" },
      { title: "BALANCE", align: "right" },
    ] as const;
    context.printer.data(
      rows,
      renderTable(
        columns,
        rows.map((row) => [String(row.id), String(row.balance)]),
      ),
    );
    await sayWhoIsAway(
      context,
      lab,
      chosen.map((node) => node.id),
      selector,
    );
  });
}

async function history(context: CommandContext, selector: string | undefined, flags: { tail?: string }): Promise<void> {
  const [{ readHistory }, { renderTable }, { parseCount }] = await Promise.all([
    import("../../cluster/trade.ts"),
    import("../ui/table.ts"),
    import("../../base/numbers.ts"),
  ]);
  const tail = flags.tail === undefined ? null : parseCount(flags.tail, "--tail", 1, 1_000_000);
  await context.withLab(async (lab) => {
    const id = await pickOne(lab, selector);
    const { total, entries } = await readHistory(lab, id, tail);
    const columns = [
      { title: "#", align: "right" },
      { title: "FROM", align: "right" },
      { title: "TO", align: "right" },
      { title: "AMOUNT", align: "right" },
      { title: "TRADE" },
    ] as const;
    const rows = entries.map((entry, i) =>
      [total - entries.length + i + 1, entry.from, entry.to, entry.amount, entry.trade_id].map(String),
    );
    context.printer.data(entries, entries.length === 0 ? "" : renderTable(columns, rows));
    if (entries.length > 0) return;
    context.printer.say(`node ${id} knows of no trades`);
    const peer = lab.ids.find((other) => other !== id);
    if (peer !== undefined) context.next(NEXT.trade(id, peer));
  });
}

/** The one node that is meant; without a selector the first that runs. */
async function pickOne(lab: LabHandle, selector: string | undefined): Promise<number> {
  const { resolveOne } = await import("../../cluster/trade.ts");
  if (selector !== undefined) return resolveOne(lab, selector);
  const first = lab.running[0];
  if (first !== undefined) return first;
  const { LabError } = await import("../../base/lab-error.ts");
  throw new LabError("failed", `no node of lab "${lab.name}" is running`, NEXT.startAllNodes());
}

/** `all` means those that can answer; the others are named. */
async function sayWhyExited(context: CommandContext, lab: LabHandle, exited: readonly number[]): Promise<void> {
  const { explainExits } = await import("../../cluster/last-words.ts");
  for (const reason of await explainExits(lab, exited)) context.printer.say(reason);
  context.next(NEXT.startAllNodes());
}

/** A journal that holds more than usual costs trades per second: one should know. */
async function sayDetail(context: CommandContext, lab: LabHandle): Promise<void> {
  const { nameDetail, readDetail } = await import("../../journal/detail.ts");
  const detail = nameDetail(readDetail(lab.info.env));
  if (detail !== "events") context.printer.say(`journal: ${detail}`);
}

async function sayWhoIsAway(
  context: CommandContext,
  lab: LabHandle,
  shown: readonly number[],
  selector: string,
): Promise<void> {
  if (selector !== "all") return;
  const away = lab.ids.filter((id) => !shown.includes(id));
  if (away.length === 0) return;
  const { describeExit } = await import("../../engine/node-status.ts");
  const describeAway = (node: NodeInfo): string => {
    const how = describeExit(node);
    if (node.status === "exited") return how === null ? "has exited" : `has exited (${how})`;
    return node.status === "created" ? "was never started" : `is ${node.status}`;
  };
  context.printer.say(away.map((id) => `node ${id} ${describeAway(lab.node(id))}`).join(", "));
  const exited = away.filter((id) => lab.node(id).status === "exited");
  if (exited.length > 0) await sayWhyExited(context, lab, exited);
}
