/**
 * Entry of the image, and what `lab node` and the local engine start by path: reads the configuration, starts one node, and ends
 * the process in an orderly way, whatever ends it. The only file that exits.
 */

import { fstatSync } from "node:fs";
import { join } from "node:path";
import { parseArguments, USAGE } from "./arguments.ts";
import { loadConfig, type NodeConfig } from "./config.ts";
import { EXIT_BUG, OperatorError } from "./errors.ts";
import { ONE_SIGNAL_MS } from "./job-control.ts";
import { createJournal, type Journal, openLogFile } from "./journal-writer.ts";
import { type LineSink, openStdout } from "./line-sink.ts";
import type { NodeOptions, RunningNode } from "./node.ts";
import type { Prompt, Screen } from "./prompt.ts";
import { resolveNames } from "./resolve-names.ts";
import { unknownSettings } from "./settings.ts";
import { findSpeaker, onLateInput } from "./standard-input.ts";
import { saveExit } from "./whereabouts.ts";

async function main(argv: readonly string[]): Promise<void> {
  if (argv[0] === "control") {
    const { runControl } = await import("./control-client.ts");
    process.exitCode = await runControl(argv.slice(1), process.env);
    return;
  }
  const { settings, labels, quiet, help } = parseArguments(argv);
  if (help) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const environment = await resolveNames({ ...process.env, ...settings }, labels);
  await runNode(loadConfig(environment, labels), quiet);
}

async function runNode(config: NodeConfig, isQuiet: boolean): Promise<void> {
  const speaker = await findSpeaker(config.prompt);
  // Readline and all that belongs to it cost a container nothing.
  const screen = speaker === "nobody" ? null : (await import("./prompt.ts")).createScreen();
  const journal = createJournal({
    node: config.id,
    run: config.run,
    level: config.logLevel,
    sink: openSink(config, isQuiet, screen),
    isPlain: screen !== null || isQuiet,
  });
  dieOfBugs(journal);
  const unknown = unknownSettings(process.env);
  if (unknown.length > 0) journal.note("warn", `Nothing reads ${unknown.join(", ")}: misspelt?`);

  const { startNode } = await import("./node.ts");
  let prompt: Prompt | null = null;
  let isReady = false;
  const options: NodeOptions = {
    config,
    journal,
    onReady() {
      isReady = true;
      prompt?.onReady();
    },
    onReply: (requestId, final, result) => void prompt?.answer(requestId, final, result),
    onExit: (code, reason) => {
      prompt?.close();
      if (code !== 0) process.stderr.write(`node ${config.id}: ${reason}\n`);
      process.exit(code);
    },
  };
  const node = await startNode(options).catch((error: unknown) => {
    if (error instanceof OperatorError && screen === null && isForPrograms())
      journal.note("error", `Not started: ${error.message}; ${error.hint}`);
    journal.flush();
    throw error;
  });
  // Only from here on: a folder that was refused, or that another process holds, stays as it is.
  const { dataDir } = config;
  if (dataDir !== null) process.on("exit", (code) => saveExit(dataDir, code));
  const leave = createLeave(node, (text) => {
    if (screen !== null) screen.write(text);
    else if (process.stderr.isTTY) process.stderr.write(text);
  });
  process.on("SIGTERM", () => leave("asked"));
  process.on("SIGINT", () => leave("interrupted"));
  // A terminal that closes says the same as a person who wants the keys to be read again.
  process.on("SIGHUP", () => (speaker === "terminal" ? leave("asked") : node.reloadKeys()));
  const open = async (): Promise<void> => {
    const { openPrompt, createScreen } = await import("./prompt.ts");
    prompt = openPrompt({
      node: config.id,
      screen: screen ?? createScreen(),
      execute: node.execute,
      isReady: () => isReady,
      onQuit: leave,
      onKill: () => process.kill(process.pid, "SIGKILL"),
    });
  };
  if (speaker !== "nobody") await open();
  else if (config.prompt === null) onLateInput(() => void open());
}

const INTERRUPTED = `Ctrl-C: leaving the group. The others get a LEAVE, so they see no failure. (Ctrl-C again ends at once.)
To see a crash, type kill or press Ctrl-\\ instead.
`;

/** Leaves once, however often it is told to; only a person who presses Ctrl-C again gets the end at once. */
function createLeave(node: RunningNode, say: (text: string) => void): (why: "asked" | "interrupted") => void {
  let sinceMs: number | null = null;
  return (why) => {
    const nowMs = performance.now();
    const isFirst = sinceMs === null;
    sinceMs ??= nowMs;
    if (isFirst && why === "interrupted") say(INTERRUPTED);
    if (isFirst || (why === "interrupted" && nowMs - sinceMs >= ONE_SIGNAL_MS)) node.leave();
  };
}

/** Somebody reads the journal alone, such as the lab; the same terminal or file shows stderr anyway. */
function isForPrograms(): boolean {
  const [out, error] = [fstatSync(1), fstatSync(2)];
  return process.stdout.isTTY !== true || out.ino !== error.ino || out.dev !== error.dev;
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
