/**
 * A prompt in a terminal: history, completion, and lines that appear above what is being typed without disturbing it.
 *
 * Idea: there is a reader only while somebody is asked for a line. While a command runs, the terminal is the command's (`watch` takes it
 * whole, Ctrl-C is a signal again), and what was to appear meanwhile waits.
 */
import { clearLine, createInterface, cursorTo, type Interface } from "node:readline";
import { stopJob } from "../../../node/runtime/job-control.ts";

export interface PromptOptions {
  readonly text: string;
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
  /** Newest first, as readline keeps them. */
  readonly history: readonly string[];
  /** Words that fit behind `line`, and the part of it that they replace. */
  readonly complete: (line: string) => Promise<readonly [readonly string[], string]>;
  readonly signal: AbortSignal;
}

const HISTORY_MAX = 1_000;
/** Most lines kept while a command runs: more would push the command's answer off the screen. */
const HELD_MAX = 30;

export class LinePrompt {
  readonly #options: PromptOptions;
  #history: readonly string[];
  #reader: Interface | null = null;
  #held: string[] = [];
  #dropped = 0;
  /** Whole lines that came with an earlier one (pasted), and the beginning of the next. */
  #typedAhead: string[] = [];
  #rest = "";

  constructor(options: PromptOptions) {
    this.#options = options;
    this.#history = options.history;
  }

  /** Newest first. */
  get history(): readonly string[] {
    return this.#history;
  }

  /** One line; null: the user wants to leave (Ctrl-D, Ctrl-C on an empty line), or the signal ended it. */
  async ask(): Promise<string | null> {
    const { text, input, output, complete, signal } = this.#options;
    if (signal.aborted) return null;
    this.#showHeld();
    const ahead = this.#typedAhead.shift();
    if (ahead !== undefined) {
      output.write(`${text}${ahead}\n`);
      return ahead;
    }
    const reader = createInterface({
      ...{ input, output, terminal: true, prompt: text },
      history: [...this.#history],
      historySize: HISTORY_MAX,
      removeHistoryDuplicates: true,
      completer: (line: string, done: (error: Error | null, result: [string[], string]) => void) => {
        complete(line).then(
          ([hits, part]) => done(null, [[...hits], part]),
          () => done(null, [[], line]),
        );
      },
    });
    reader.on("history", (history) => {
      this.#history = history;
    });
    this.#reader = reader;
    const { promise, resolve } = Promise.withResolvers<string | null>();
    const onAbort = () => resolve(null);
    let isAnswered = false;
    reader.on("line", (line) => {
      if (isAnswered) this.#typedAhead.push(line);
      isAnswered = true;
      resolve(line);
    });
    reader.once("close", onAbort);
    reader.on("SIGINT", () => {
      if (reader.line === "") {
        output.write("\n");
        resolve(null);
        return;
      }
      output.write("^C\n");
      reader.write(null, { ctrl: true, name: "e" });
      reader.write(null, { ctrl: true, name: "u" });
    });
    reader.on("SIGTSTP", () => {
      input.setRawMode(false);
      stopJob(() => {
        input.setRawMode(true);
        reader.prompt(true);
      });
    });
    signal.addEventListener("abort", onAbort, { once: true });
    reader.prompt();
    if (this.#rest !== "") reader.write(this.#rest);
    this.#rest = "";
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#reader = null;
      this.#rest = reader.line;
      reader.close();
    }
  }

  /** Shows a line above the prompt, now or when there is one again. */
  tell(text: string): void {
    if (this.#reader === null) {
      this.#held.push(text);
      if (this.#held.length > HELD_MAX) {
        this.#held.shift();
        this.#dropped++;
      }
      return;
    }
    const { output } = this.#options;
    clearLine(output, 0);
    cursorTo(output, 0);
    output.write(`${text}\n`);
    this.#reader.prompt(true);
  }

  #showHeld(): void {
    const { output } = this.#options;
    if (this.#dropped > 0) output.write(`(${this.#dropped} earlier events; the command events shows them)\n`);
    for (const text of this.#held) output.write(`${text}\n`);
    this.#held = [];
    this.#dropped = 0;
  }
}
