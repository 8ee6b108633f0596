/**
 * Entry of the image, and what `lab node` and the local engine start by path: reads the configuration, starts one node, and ends
 * the process in an orderly way, whatever ends it. The only file that exits.
 */
import { join } from "node:path";
import { parseArguments, USAGE } from "./arguments.ts";
import { loadConfig, type NodeConfig } from "./config.ts";
import { EXIT_BUG, OperatorError } from "./errors.ts";
import { createJournal, type Journal, openLogFile } from "./journal-writer.ts";
import { type LineSink, openStdout } from "./line-sink.ts";
import type { NodeOptions } from "./node.ts";
import type { Prompt, Screen } from "./prompt.ts";
import { unknownSettings } from "./settings.ts";
import { saveExit } from "./whereabouts.ts";

async function main(argv: readonly string[]): Promise<void> {
  if (argv[0] === "control") {
    const { runControl } = await import("./control-client.ts");
    process.exitCode = await runControl(argv.slice(1), process.env);
    return;
  }
  const { settings, quiet, help } = parseArguments(argv);
  if (help) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  await runNode(loadConfig({ ...process.env, ...settings }), quiet);
}

async function runNode(config: NodeConfig, isQuiet: boolean): Promise<void> {
  const isInteractive = config.prompt ?? process.stdin.isTTY === true;
  // Readline and all that belongs to it cost a container nothing.
  const prompting = isInteractive ? await import("./prompt.ts") : null;
  const screen = prompting?.createScreen() ?? null;
  const journal = createJournal({
    node: config.id,
    run: config.run,
    level: config.logLevel,
    sink: openSink(config, isQuiet, screen),
    isPlain: isInteractive || isQuiet,
  });
  dieOfBugs(journal);
  const unknown = unknownSettings(process.env);
  if (unknown.length > 0) journal.note("warn", `Nothing reads ${unknown.join(", ")}: misspelt?`);

  const { startNode } = await import("./node.ts");
  let prompt: Prompt | null = null;
  const options: NodeOptions = {
    config,
    journal,
    onReply: (requestId, final, result) => void prompt?.answer(requestId, final, result),
    onExit: (code, reason) => {
      prompt?.close();
      if (code !== 0) process.stderr.write(`node ${config.id}: ${reason}\n`);
      process.exit(code);
    },
  };
  const node = await startNode(options).catch((error: unknown) => {
    // For readers of the journal alone, such as the lab.
    if (error instanceof OperatorError && !isInteractive)
      journal.note("error", `Not started: ${error.message}; ${error.hint}`);
    journal.flush();
    throw error;
  });
  // Only from here on: a folder that was refused, or that another process holds, stays as it is.
  const { dataDir } = config;
  if (dataDir !== null) process.on("exit", (code) => saveExit(dataDir, code));
  process.on("SIGTERM", node.leave);
  process.on("SIGINT", node.leave);
  process.on("SIGHUP", node.reloadKeys);
  if (prompting !== null && screen !== null)
    prompt = prompting.openPrompt({ node: config.id, screen, execute: node.execute, onQuit: node.leave });
}

function openSink(config: NodeConfig, isQuiet: boolean, screen: Screen | null): LineSink {
  if (isQuiet) return openLogFile(join("logs", `node-${config.id}.log`), config.id);
  return screen ?? openStdout();
}

/** An assertion that failed, a throw that nobody expected: said, and the end. The ledger is safe: it is only ever appended to. */
function dieOfBugs(journal: Journal): void {
  process.on("uncaughtException", (error) => {
    journal.note("error", `Bug: ${error.stack ?? error.message}`);
    journal.flush();
    process.stderr.write(`this is a bug: ${error.stack ?? error.message}\n`);
    process.exit(EXIT_BUG);
  });
}

main(process.argv.slice(2)).catch((error: unknown) => {
  if (!(error instanceof OperatorError)) throw error;
  process.stderr.write(`${error.message}\n  ${error.hint}\n`);
  process.exit(error.exitCode);
});
