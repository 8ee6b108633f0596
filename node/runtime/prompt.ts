/**
 * The original's prompt: `Node 1> ` and ten words. Loaded only when somebody sits in front of it.
 *
 * Log lines and answers arrive while a person types: each is written over the typed line, which is then drawn again.
 */
import { createInterface, type Interface } from "node:readline";
import type { ControlResult } from "../wire/control.ts";
import { parseCommandLine } from "./command-line.ts";
import type { NodeRequest } from "./control-server.ts";
import type { LineSink } from "./line-sink.ts";

export interface PromptOptions {
  readonly node: number;
  readonly screen: Screen;
  /** The result, or null when it will come through `answer`. */
  readonly execute: (request: NodeRequest) => ControlResult | null;
  /** `quit`, end of input or Ctrl-C. */
  readonly onQuit: () => void;
}

export interface Prompt {
  /** Prints the final answer to a request of this prompt; false: it isn't one. */
  answer(requestId: string, final: boolean, result: ControlResult): boolean;
  close(): void;
}

/** Where log lines go while there is (or may come) a prompt. */
export interface Screen extends LineSink {
  attach(prompt: Interface | null): void;
  /** Whether one of the latest lines said this: a log line and an answer may be the same sentence. */
  hasShown(text: string): boolean;
}

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
      if (latest.length > 10) latest.shift();
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

export function openPrompt(options: PromptOptions): Prompt {
  const { screen, node } = options;
  const line = createInterface({ input: process.stdin, output: process.stdout, prompt: `Node ${node}> ` });
  const mine = new Map<string, { readonly isCommand: boolean }>();
  let count = 0;
  let isQuitting = false;

  process.stdout.write(`\n${RULE}\n  ENERGY TRADING NODE ${node}\n  Type 'help' for commands\n${RULE}\n\n`);
  screen.attach(line);
  line.prompt();
  line.on("line", (typed) => {
    onLine(typed);
    line.prompt();
  });
  line.on("SIGINT", options.onQuit);
  line.on("close", () => {
    screen.attach(null);
    quitOnce();
  });

  /** The end of input follows `quit` closely; a second request to quit would mean "at once". */
  function quitOnce(): void {
    if (isQuitting) return;
    isQuitting = true;
    options.onQuit();
  }

  function onLine(typed: string): void {
    const parsed = parseCommandLine(typed);
    if (parsed.kind === "refused") screen.write(`${parsed.text}\n`);
    if (parsed.kind === "quit") {
      screen.write("Shutting down...\n");
      quitOnce();
    }
    if (parsed.kind !== "request") return;
    if (parsed.request.op === "election") screen.write("Starting election...\n");
    count += 1;
    const requestId = `prompt-${process.pid}-${Date.now().toString(36)}-${count}`;
    const request = complete(parsed.request, requestId);
    mine.set(requestId, { isCommand: request.op === "sell" || request.op === "buy" });
    const result = options.execute(request);
    if (result !== null) answer(requestId, true, result);
  }

  function answer(requestId: string, final: boolean, result: ControlResult): boolean {
    const request = mine.get(requestId);
    if (request === undefined) return false;
    if (!final) return true;
    mine.delete(requestId);
    const text = result.ok ? (result.text ?? "") : result.message;
    const isTold = request.isCommand && result.ok && screen.hasShown(text);
    if (text !== "" && !isTold) screen.write(`${text}\n`);
    return true;
  }

  return {
    answer,
    close() {
      screen.attach(null);
      line.removeAllListeners("close");
      line.close();
    },
  };
}

/** The schema's defaults for what a person doesn't say. */
function complete(request: { readonly op: string }, requestId: string): NodeRequest {
  const defaults = request.op === "history" ? { offset: 0, limit: 1000 } : { until: "settled" };
  return { ...defaults, ...request, request_id: requestId } as NodeRequest;
}
