/**
 * The original's prompt: `Node 1> ` and its words. Loaded only when somebody speaks.
 *
 * Log lines and answers arrive while a person types: each is written over the typed line, which is then drawn again. Lines from a pipe
 * are done one after the other, and trades wait until the node is READY, so that a script works at any speed.
 */

import { createInterface, type Interface } from "node:readline";
import type { ControlResult } from "../wire/control.ts";
import { HELP_AT_PROMPT, parseCommandLine } from "./command-line.ts";
import type { NodeRequest } from "./control-server.ts";
import { stopJob } from "./job-control.ts";
import type { LineSink } from "./line-sink.ts";

export interface PromptOptions {
  readonly node: number;
  readonly screen: Screen;
  /** The result, or null when it will come through `answer`. */
  readonly execute: (request: NodeRequest) => ControlResult | null;
  readonly isReady: () => boolean;
  readonly onQuit: (why: "asked" | "interrupted") => void;
  /** The process has to end as a crash does. */
  readonly onKill: () => void;
}

export interface Prompt {
  /** Prints the final answer to a request of this prompt; false: it isn't one. */
  answer(requestId: string, final: boolean, result: ControlResult): boolean;
  /** The node has become READY. */
  onReady(): void;
  close(): void;
}

/** Where log lines go while there is (or may come) a prompt. */
export interface Screen extends LineSink {
  attach(prompt: Interface | null): void;
  /** Whether one of the latest lines said this: a log line and an answer may be the same sentence. */
  hasShown(text: string): boolean;
}

/** A pasted block of commands has all its log lines before the first answer. */
const LATEST_MAX = 1_000;

export function createScreen(): Screen {
  let line: Interface | null = null;
  const latest: string[] = [];
  // The reader is gone: nothing to say to nobody.
  process.stdout.on("error", () => {});
  return {
    attach(prompt) {
      line = prompt;
    },
    hasShown: (text) => latest.some((shown) => shown.includes(text)),
    write(text) {
      latest.push(text);
      if (latest.length > LATEST_MAX) latest.shift();
      if (line?.terminal !== true) process.stdout.write(text);
      else {
        process.stdout.write(`\r\x1b[J${text}`);
        line.prompt(true);
      }
    },
    flush() {},
    dropped: 0,
    isTaking: true,
    trouble: "",
  };
}

const RULE = "=".repeat(50);
const CTRL_BACKSLASH = "\x1c";

export function openPrompt(options: PromptOptions): Prompt {
  const { screen, node } = options;
  const { stdin: input, stdout: output } = process;
  const isTerminal = input.isTTY === true;
  const line = createInterface({ input, output, terminal: isTerminal, prompt: isTerminal ? `Node ${node}> ` : "" });
  const executor = createExecutor(options);
  const waiting: string[] = [];
  let hasEnded = false;
  let hasQuit = false;

  output.write(`\n${RULE}\n  ENERGY TRADING NODE ${node}\n  Type 'help' for commands\n${RULE}\n\n`);
  screen.attach(line);
  line.prompt();
  if (isTerminal) serveTerminal(line, options);
  line.on("line", (typed) => {
    if (isTerminal) runLine(typed, options, executor, quit);
    else {
      waiting.push(typed);
      doWaiting();
    }
    line.prompt();
  });
  line.on("SIGINT", () => options.onQuit("interrupted"));
  line.on("close", () => {
    screen.attach(null);
    hasEnded = true;
    doWaiting();
  });

  function doWaiting(): void {
    while (waiting.length > 0 && !hasQuit && !executor.isBusy()) {
      const typed = waiting[0] as string;
      if (needsReady(typed) && !options.isReady()) return;
      waiting.shift();
      if (typed.trim() !== "") screen.write(`Node ${node}> ${typed.trim()}\n`);
      runLine(typed, options, executor, quit);
    }
    if (hasEnded && waiting.length === 0 && !executor.isBusy()) quit();
  }

  /** The end of input follows `quit` closely. */
  function quit(): void {
    if (hasQuit) return;
    hasQuit = true;
    options.onQuit("asked");
  }

  return {
    answer(requestId, final, result) {
      const isMine = executor.answer(requestId, final, result);
      if (isMine) doWaiting();
      return isMine;
    },
    onReady: doWaiting,
    close() {
      screen.attach(null);
      line.removeAllListeners("close");
      line.close();
    },
  };
}

function runLine(typed: string, options: PromptOptions, executor: Executor, quit: () => void): void {
  const parsed = parseCommandLine(typed);
  if (parsed.kind === "refused") options.screen.write(`${parsed.text}\n`);
  if (parsed.kind === "kill") crash(options);
  if (parsed.kind === "quit") {
    options.screen.write("Shutting down...\n");
    quit();
  }
  if (parsed.kind === "request") executor.execute(parsed.request);
}

function needsReady(typed: string): boolean {
  const parsed = parseCommandLine(typed);
  return parsed.kind === "request" && ["sell", "buy", "election"].includes(parsed.request.op);
}

/** Keys that a terminal in raw mode leaves to the program, and a terminal that goes away. */
function serveTerminal(line: Interface, options: PromptOptions): void {
  const { stdin } = process;
  stdin.on("keypress", (text: string | undefined) => {
    if (text === CTRL_BACKSLASH) crash(options);
  });
  // Its window was closed: reading and raw mode fail from now on. Readline passes the error on.
  line.on("error", () => options.onQuit("asked"));
  line.on("SIGTSTP", () => {
    stdin.setRawMode(false);
    stopJob(() => {
      stdin.setRawMode(true);
      line.prompt(true);
    });
  });
}

/** The terminal has to be as it was: a process that is killed can't give it back. */
function crash({ node, onKill }: PromptOptions): void {
  if (process.stdin.isTTY === true) process.stdin.setRawMode(false);
  process.stdout.write(`\nNode ${node} crashes: the others notice its silence.\n`, onKill);
}

interface Executor {
  execute(request: { readonly op: string } & Record<string, unknown>): void;
  answer(requestId: string, final: boolean, result: ControlResult): boolean;
  /** An answer is still to come. */
  isBusy(): boolean;
}

function createExecutor({ screen, execute }: PromptOptions): Executor {
  const mine = new Map<string, { readonly op: string }>();
  let count = 0;

  function answer(requestId: string, final: boolean, result: ControlResult): boolean {
    const request = mine.get(requestId);
    if (request === undefined) return false;
    if (!final) return true;
    mine.delete(requestId);
    const text = request.op === "help" ? HELP_AT_PROMPT : result.ok ? (result.text ?? "") : result.message;
    const isTrade = request.op === "sell" || request.op === "buy";
    const isTold = isTrade && result.ok && screen.hasShown(text);
    if (text !== "" && !isTold) screen.write(`${text}\n`);
    return true;
  }

  return {
    execute(request) {
      if (request.op === "election") screen.write("Starting election...\n");
      count += 1;
      const requestId = `prompt-${process.pid}-${Date.now().toString(36)}-${count}`;
      const whole = complete(request, requestId);
      mine.set(requestId, { op: request.op });
      const result = execute(whole);
      if (result !== null) answer(requestId, true, result);
    },
    answer,
    isBusy: () => mine.size > 0,
  };
}

/** The schema's defaults for what a person doesn't say. */
function complete(request: { readonly op: string }, requestId: string): NodeRequest {
  const defaults = request.op === "history" ? { offset: 0, limit: 1000 } : { until: "settled" };
  return { ...defaults, ...request, request_id: requestId } as NodeRequest;
}
