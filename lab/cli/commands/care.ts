/** `doctor`, `gc`, `node`: this machine's side of things. */
import type { Command } from "commander";
import { renderHint, renderHints, toHints } from "../../base/hint.ts";
import { EXIT } from "../../base/lab-error.ts";
import type { Finding } from "../../engine/engine.ts";
import { addNotes, type Note } from "../ui/notes.ts";
import type { CommandContext } from "./context.ts";

const NODE_NOTES: readonly Note[] = [
  "Three laptops: run `lab node 1`, `lab node 2` and `lab node 3`, one on each. The nodes find each other by multicast.",
];

export function registerCareCommands(program: Command, context: CommandContext): void {
  program
    .command("doctor")
    .helpGroup("This machine:")
    .description("examine this machine: what works, what doesn't, what follows, and what to do")
    .action(() => doctor(context));

  program
    .command("gc")
    .helpGroup("This machine:")
    .description("remove what interrupted commands left behind; running labs stay")
    .option("--dry-run", "list it, and remove nothing")
    .action((flags: { dryRun?: boolean }) => gc(context, flags.dryRun === true));

  addNotes(
    program
      .command("node")
      .helpGroup("This machine:")
      .description("run one node here, in the foreground, with the original's prompt")
      .argument("<id>", "the node's number, which is also its priority in elections")
      .option("--nodes <ids>", "the other nodes of the group: 2,3")
      .option("--host <address>", "local address, host name or interface to use")
      .option("--peers <list>", "addresses or names of nodes that multicast doesn't reach: 2:10.0.0.2,3:laptop.local")
      .option("--profile <name>", "timing: default, fast or original (slow, as the original was)")
      .option("--data-dir <path>", "keep ledger and incarnation here (default: memory only)")
      .option("--debug", "write debug lines to the log")
      .option("--quiet", "log to a file instead of the screen")
      .option("--wire", "log every datagram")
      .action((id: string, flags: Readonly<Record<string, string | boolean>>) => runNode(context, id, flags)),
    context.caller.prefix,
    NODE_NOTES,
  );
}

async function doctor(context: CommandContext): Promise<void> {
  const { examine } = await import("../../cluster/doctor.ts");
  const findings = await examine(context.options.runtime, context.progress);
  context.printer.clear();
  const words = { ok: "ok  ", info: "info", warn: "WARN", fail: "FAIL" } as const;
  const { colour } = await import("../ui/table.ts");
  const colours = { ok: "green", info: "cyan", warn: "yellow", fail: "red" } as const;
  const paint = (level: Finding["level"]) =>
    context.printer.color ? colour(words[level], colours[level]) : words[level];
  const line = (finding: Finding): string =>
    [
      `${paint(finding.level)}  ${finding.check}: ${finding.found}`,
      ...(finding.consequence === "" ? [] : [`        ${finding.consequence}`]),
      ...toHints(finding.cure).map((hint) => `        -> ${renderHint(hint, context.caller)}`),
    ].join("\n");
  const value = findings.map((finding) => ({ ...finding, cure: renderHints(finding.cure, context.caller) }));
  context.printer.data(value, context.printer.wrapped(findings.map(line).join("\n")));
  const isSilent = findings.some((finding) => finding.isUnreachable === true);
  if (isSilent || findings.some((finding) => finding.level === "fail"))
    context.setExitCode(isSilent ? EXIT.engineUnreachable : EXIT.failed);
}

async function gc(context: CommandContext, dryRun: boolean): Promise<void> {
  const { findGarbage } = await import("../../cluster/inventory.ts");
  context.finishOnInterrupt();
  const { garbage, unreachable } = await findGarbage(context.options.runtime);
  if (!dryRun) for (const item of garbage) await item.remove();
  const { printer } = context;
  const items = garbage.map(({ kind, id, lab, why }) => ({ kind, id, lab, why }));
  const verb = dryRun ? "would remove" : "removed";
  printer.data(
    items,
    items.map((item) => `${verb} ${item.kind} ${item.id} (lab "${item.lab}": ${item.why})`).join("\n"),
  );
  if (unreachable !== null) {
    printer.say(`Docker couldn't be examined: ${unreachable.message}`);
    context.next(unreachable.hints);
    context.setExitCode(EXIT[unreachable.exit]);
  } else if (items.length === 0) printer.say("nothing was left behind");
}

/** The node is its own program: started by path, with this terminal. */
async function runNode(
  context: CommandContext,
  id: string,
  flags: Readonly<Record<string, string | boolean>>,
): Promise<void> {
  const [{ ensureNodeBundle }, { spawn }, { constants }] = await Promise.all([
    import("../../engine/node-bundle.ts"),
    import("node:child_process"),
    import("node:os"),
  ]);
  const bundle = await ensureNodeBundle(context.progress);
  context.printer.clear();
  const args = Object.entries(flags).flatMap(([name, value]) => {
    const option = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return value === true ? [option] : [option, String(value)];
  });
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", bundle, id, ...args], {
    stdio: "inherit",
  });
  context.finishOnInterrupt();
  // A terminal signals both, a supervisor only this process. The node takes signals that come together for one.
  const forward = () => void child.kill("SIGTERM");
  context.signal.addEventListener("abort", forward);
  const code = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    // As a shell does: 128 plus the number of the signal.
    child.once("exit", (exitCode, signal) => resolve(exitCode ?? 128 + (constants.signals[signal ?? "SIGKILL"] ?? 0)));
  });
  context.signal.removeEventListener("abort", forward);
  context.setExitCode(code);
}
