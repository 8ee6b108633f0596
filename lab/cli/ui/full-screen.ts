/**
 * The whole terminal as one drawing: enters the alternate screen, draws only the lines that changed, reads keys, and gives the terminal
 * back as it was however it ends. Knows nothing of what it shows.
 *
 * Source: xterm control sequences (1049 alternate screen, 25 cursor, 7 wrapping, 2026 synchronised output).
 */
import { stopJob } from "../../../node/runtime/job-control.ts";

const ENTER = "\u001b[?1049h\u001b[?25l\u001b[?7l";
const LEAVE = "\u001b[?7h\u001b[?25h\u001b[?1049l";
const BEGIN = "\u001b[?2026h";
const END = "\u001b[?2026l";

export interface Keyboard {
  readonly isTTY?: boolean;
  setRawMode?(on: boolean): unknown;
  on(event: "data", listener: (chunk: Buffer) => void): unknown;
  off(event: "data", listener: (chunk: Buffer) => void): unknown;
  resume(): unknown;
  pause(): unknown;
}

export interface Display {
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
  on(event: "resize", listener: () => void): unknown;
  off(event: "resize", listener: () => void): unknown;
}

export interface FullScreenOptions {
  readonly keyboard: Keyboard;
  readonly display: Display;
  /** The lines of a drawing of this size; called at every `draw` and when the size changes. */
  readonly render: (size: { readonly width: number; readonly height: number }) => readonly string[];
  /** One key, as its text: `q`, `\u0003` for Ctrl-C, `\u001b[A` for the arrow up. */
  readonly onKey: (key: string) => void;
}

const CTRL_Z = "\u001a";
/** A control sequence of a key without a character of its own, or one character. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what terminals send
const KEY = /\u001b(?:\[|O)[\d;]*[A-Za-z~]|[\s\S]/gu;

export class FullScreen implements Disposable {
  readonly #options: FullScreenOptions;
  #drawn: readonly string[] = [];
  #isOpen = true;

  constructor(options: FullScreenOptions) {
    this.#options = options;
    this.#enter();
    // Whatever ends the process, the terminal is its user's again.
    process.on("exit", this.#leave);
  }

  draw(): void {
    if (!this.#isOpen) return;
    const { display, render } = this.#options;
    const size = { width: Math.max(20, display.columns ?? 80), height: Math.max(5, display.rows ?? 24) };
    const lines = render(size).slice(0, size.height);
    const changed = Array.from({ length: Math.max(lines.length, this.#drawn.length) }, (_, i) => i).filter(
      (i) => lines[i] !== this.#drawn[i],
    );
    if (changed.length === 0) return;
    const text = changed.map((i) => `\u001b[${i + 1};1H${lines[i] ?? ""}\u001b[K`).join("");
    this.#drawn = lines;
    display.write(`${BEGIN}${text}${END}`);
  }

  [Symbol.dispose](): void {
    process.off("exit", this.#leave);
    this.#leave();
  }

  readonly #onResize = (): void => {
    // Terminals differ in which old lines they keep after a change of size.
    this.#drawn = [];
    this.#options.display.write("\u001b[2J");
    this.draw();
  };

  readonly #onData = (chunk: Buffer): void => {
    for (const [key] of chunk.toString("utf8").matchAll(KEY)) {
      if (key === CTRL_Z) this.#suspend();
      else this.#options.onKey(key);
    }
  };

  readonly #onContinue = (): void => {
    this.#enter();
    this.#onResize();
  };

  #enter(): void {
    const { keyboard, display } = this.#options;
    this.#isOpen = true;
    display.write(ENTER);
    display.on("resize", this.#onResize);
    keyboard.setRawMode?.(true);
    keyboard.on("data", this.#onData);
    keyboard.resume();
  }

  readonly #leave = (): void => {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const { keyboard, display } = this.#options;
    display.off("resize", this.#onResize);
    keyboard.off("data", this.#onData);
    keyboard.setRawMode?.(false);
    keyboard.pause();
    display.write(LEAVE);
  };

  #suspend(): void {
    this.#leave();
    stopJob(this.#onContinue);
  }
}
