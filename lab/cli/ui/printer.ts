/**
 * Where words go: data to stdout, everything said to a person to stderr.
 *
 * Idea: a command has one answer, printed as text or, with `-o json`, as one JSON value (or one line per item in a stream). What it
 * says on the way never mixes with it, so every command can stand in a pipe.
 */
import { wrap } from "./wrap.ts";

export interface Streams {
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number };
}

type Stream = Streams["stdout"];

/** Undefined where there is no terminal: lines in a pipe are data. */
function columnsOf({ isTTY, columns }: Stream): number | undefined {
  return isTTY === true ? columns : undefined;
}

export class Printer {
  readonly json: boolean;
  /** stdout is a terminal that shows colours. */
  readonly color: boolean;
  /** stderr is a terminal whose lines can be redrawn. */
  readonly live: boolean;
  /** stdout is a terminal whose screen can be redrawn. */
  readonly redraws: boolean;
  readonly #streams: Streams;
  #clear: () => void = () => {};

  constructor(streams: Streams, options: { json: boolean; environment: NodeJS.ProcessEnv }) {
    const { environment } = options;
    const plain = (environment.NO_COLOR ?? "") !== "" || environment.TERM === "dumb";
    this.#streams = streams;
    this.json = options.json;
    this.color = !plain && streams.stdout.isTTY === true;
    this.live = streams.stderr.isTTY === true && environment.TERM !== "dumb" && (environment.CI ?? "") === "";
    this.redraws = streams.stdout.isTTY === true && environment.TERM !== "dumb" && !this.json;
  }

  /** The command's answer: `value` with -o json, `text` otherwise (the newline is added). */
  data(value: unknown, text: string): void {
    this.#clear();
    this.#streams.stdout.write(this.json ? `${JSON.stringify(value, null, 2)}\n` : text === "" ? "" : `${text}\n`);
  }

  /**
   * One item of a stream: one line, in either form.
   * @param line the item as a line of JSON already, when it is one
   */
  item(value: unknown, text: string, line?: string): void {
    this.#clear();
    const json = line?.startsWith("{") === true ? line : JSON.stringify(value);
    this.#streams.stdout.write(this.json ? `${json}\n` : `${text}\n`);
  }

  /** A document on stdout, as it is: formats have their own newlines. */
  write(text: string): void {
    this.#clear();
    this.#streams.stdout.write(text);
  }

  /** A whole screen on stdout in place of the last one. */
  screen(text: string): void {
    this.#streams.stdout.write(`\u001b[H\u001b[2J${text}`);
  }

  /** Something for the person at the terminal: stderr. Sentences are wrapped to it. */
  say(text: string): void {
    this.sayUnbroken(wrap(text, columnsOf(this.#streams.stderr)));
  }

  /** The same in lines as they are: commands to copy. */
  sayUnbroken(text: string): void {
    this.#clear();
    this.#streams.stderr.write(`${text}\n`);
  }

  /** True when `line` needs no wrapping on stderr. */
  fits(line: string): boolean {
    return line.length <= (columnsOf(this.#streams.stderr) ?? Number.POSITIVE_INFINITY);
  }

  /** Sentences for stdout, wrapped to its terminal. */
  wrapped(text: string): string {
    return wrap(text, columnsOf(this.#streams.stdout));
  }

  /** Unfinished text on stderr that the next output replaces; only where `live`. */
  draw(text: string, clear: () => void): void {
    this.#clear();
    this.#streams.stderr.write(text);
    this.#clear = () => {
      this.#clear = () => {};
      clear();
    };
  }

  /** Bytes to stderr as they are (cursor movements). */
  raw(text: string): void {
    this.#streams.stderr.write(text);
  }

  clear(): void {
    this.#clear();
  }
}
