/**
 * Where words go: data to stdout, everything said to a person to stderr.
 *
 * Idea: a command has one answer, printed as text or, with `-o json`, as one JSON value (or one line per item in a stream). What it
 * says on the way never mixes with it, so every command can stand in a pipe.
 */
export interface Streams {
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number };
}

export class Printer {
  readonly json: boolean;
  /** stdout is a terminal that shows colours. */
  readonly color: boolean;
  /** stderr is a terminal whose lines can be drawn anew. */
  readonly live: boolean;
  /** stdout is a terminal whose screen can be drawn anew. */
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

  /** Something for the person at the terminal: stderr. */
  say(text: string): void {
    this.#clear();
    this.#streams.stderr.write(`${text}\n`);
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
