/**
 * The prompt of a simulated world: time passes only while a line waits, and goes back by doing the lines again from the beginning, in
 * silence, up to the earlier instant. What was under way there is interrupted, and what came later is forgotten.
 */
import { formatDuration, parseDuration } from "../../base/duration.ts";
import { renderHint } from "../../base/hint.ts";
import { sleep } from "../../base/lab-clock.ts";
import { EXIT, LabError } from "../../base/lab-error.ts";
import type { SimSession } from "../../engine/sim/sim-session.ts";
import type { CommandContext, RunLine } from "./context.ts";

interface Done {
  readonly argv: readonly string[];
  /** When it was interrupted; infinite: it wasn't. */
  readonly cutAtMs: number;
}

export class SimShell {
  readonly #session: SimSession;
  readonly #context: CommandContext;
  readonly #runLine: RunLine;
  #done: readonly Done[] = [];

  constructor(session: SimSession, context: CommandContext, runLine: RunLine) {
    this.#session = session;
    this.#context = context;
    this.#runLine = runLine;
  }

  /** Resolves to the line's exit code. */
  async run(argv: readonly string[]): Promise<number> {
    try {
      if (argv[0] === "back") {
        await this.#back(parseDuration(wordOf(argv), "back"));
        return EXIT.ok;
      }
      const code = await this.#play(argv, null);
      const cutAtMs = code === EXIT.interrupted ? this.#session.engine.clock.nowMs() : Number.POSITIVE_INFINITY;
      this.#done = [...this.#done, { argv, cutAtMs }];
      return code;
    } catch (error) {
      if (!(error instanceof LabError) || error.exit === "interrupted") throw error;
      const { printer } = this.#context;
      printer.say([`lab: ${error.message}`, ...error.hints.map((hint) => `  ${renderHint(hint)}`)].join("\n"));
      return EXIT[error.exit];
    }
  }

  /** @param again as of RunLine */
  async #play(argv: readonly string[], again: AbortSignal | null): Promise<number> {
    if (argv[0] !== "sleep") return await this.#runLine([...argv, "--runtime", "sim"], again ?? undefined);
    const { clock } = this.#session.engine;
    await sleep(clock, parseDuration(wordOf(argv), "sleep"), again ?? this.#context.signal);
    if (again === null) this.#tellTime();
    return EXIT.ok;
  }

  async #back(byMs: number): Promise<void> {
    const toMs = Math.max(0, this.#session.engine.clock.nowMs() - byMs);
    const before = this.#done;
    this.#session.restart();
    const { clock } = this.#session.engine;
    const kept: Done[] = [];
    for (const { argv, cutAtMs } of before) {
      if (clock.nowMs() >= toMs) break;
      const limitMs = Math.min(toMs, cutAtMs);
      const end = new AbortController();
      clock.limit(limitMs, () => {
        end.abort();
        clock.release();
      });
      // What went wrong was told when it was done first.
      await this.#play(argv, end.signal).catch(() => {});
      clock.release();
      kept.push({ argv, cutAtMs: end.signal.aborted ? limitMs : Number.POSITIVE_INFINITY });
    }
    this.#done = kept;
    this.#tellTime();
    const gone = before.length - kept.length;
    if (gone > 0)
      this.#context.printer.say(
        `forgotten: ${before
          .slice(kept.length)
          .map(({ argv }) => argv[0])
          .join(", ")}`,
      );
  }

  #tellTime(): void {
    this.#context.printer.say(`${formatDuration(this.#session.engine.clock.nowMs())} since the beginning`);
  }
}

/** The word behind the verb; options are none. */
function wordOf([, word = ""]: readonly string[]): string {
  return word.startsWith("-") ? "" : word;
}
