/**
 * Prompts: the original's, spoken to a running node over the control channel, and one for lab's own commands.
 *
 * Both read lines from stdin, a terminal or a pipe; in a pipe nothing is prompted, so a script's output is the commands' output.
 */
import { createInterface } from "node:readline";
import type { ControlBody } from "../control-client.ts";
import { EXIT, LabError } from "../errors.ts";
import type { Lab } from "../lab.ts";
import type { CommandContext } from "./context.ts";

const QUIT: ReadonlySet<string> = new Set(["quit", "exit", "q"]);

/** Returns when the user quits or the input ends. Errors are printed, not thrown: a prompt goes on. */
export async function openNodeShell(context: CommandContext, lab: Lab, id: number): Promise<void> {
  await lab.call(id, { op: "ping" });
  if (process.stdin.isTTY)
    context.printer.say(
      `node ${id} of lab "${lab.name}"; help lists the commands, quit leaves the prompt (the node goes on)`,
    );
  for await (const line of readLines(`Node ${id}> `, context.signal)) {
    if (QUIT.has(line)) return;
    await show(context, async () => {
      context.printer.data(null, (await speak(lab, id, line)).trimEnd());
    });
  }
}

/** Resolves to the line's exit code. */
type RunLine = (argv: string[]) => Promise<number>;

/** The same in a simulated world, which ends with the prompt. */
export async function openSimShell(context: CommandContext, seedText: string, runLine: RunLine): Promise<void> {
  const [{ openSimSession }, { parseSeed }, { parseDuration, formatDuration }, { sleep }] = await Promise.all([
    import("../engine/sim-session.ts"),
    import("../sim/choice.ts"),
    import("../duration.ts"),
    import("../clock.ts"),
  ]);
  await using session = await openSimSession(parseSeed(seedText, "--seed"));
  const { clock } = session.engine;
  await openLabShell(context, async (argv) => {
    if (argv[0] !== "sleep") return await runLine([...argv, "--runtime", "sim"]);
    try {
      await sleep(clock, parseDuration(argv[1] ?? "", "sleep"), context.signal);
      context.printer.say(`${formatDuration(clock.nowMs())} since the beginning`);
      return EXIT.ok;
    } catch (error) {
      if (!(error instanceof LabError) || error.exit === "interrupted") throw error;
      context.printer.say(`lab: ${error.message}\n  ${error.hint}`);
      return EXIT[error.exit];
    }
  });
}

/** Each line is a `lab` command without the word `lab`. In a script the first failure counts, although the rest is still done. */
export async function openLabShell(context: CommandContext, runLine: RunLine): Promise<void> {
  const { name } = context.options;
  let failure: number = EXIT.ok;
  if (process.stdin.isTTY) context.printer.say("lab's commands without the word lab; help lists them, quit ends");
  for await (const line of readLines("lab> ", context.signal)) {
    if (QUIT.has(line)) break;
    const words = splitWords(line.replace(/^lab\s+/, ""));
    if (words[0] === "shell" && words.length === 1) continue;
    const code = await runLine([
      ...words,
      ...(words.includes("--name") || words.includes("-n") ? [] : ["--name", name]),
    ]);
    if (failure === EXIT.ok) failure = code;
  }
  context.setExitCode(process.stdin.isTTY === true ? EXIT.ok : failure);
}

async function speak(lab: Lab, id: number, line: string): Promise<string> {
  const [word = "", ...rest] = line.split(/\s+/);
  const body = await parseLine(word.toLowerCase(), rest);
  if (typeof body === "string") return body;
  const { text } = await lab.call(id, body, ["sell", "buy", "recover"].includes(body.op) ? { timeoutMs: 15_000 } : {});
  return text;
}

/** A request, or the sentence that the original's prompt answers with. */
async function parseLine(word: string, rest: readonly string[]): Promise<ControlBody | string> {
  switch (word) {
    case "help":
    case "status":
    case "balance":
    case "nodes":
    case "election":
      return { op: word };
    case "recover":
      if (rest.length > 0 && rest.join(" ") !== "--accept-loss") return "Usage: recover [--accept-loss]";
      return { op: word, accept_loss: rest.length > 0 };
    case "history":
      return { op: "history", offset: 0, limit: 200 };
    case "sell":
    case "buy": {
      const { parseAmount } = await import("../trade.ts");
      const [peer = "", amount = ""] = rest;
      if (rest.length !== 2 || !/^[1-9]\d*$/.test(peer)) return `Usage: ${word} <node_id> <amount>`;
      return { op: word, peer: Number(peer), amount: parseAmount(amount), until: "settled" };
    }
    default:
      return `Unknown command: ${word}. Type 'help' for commands.`;
  }
}

async function* readLines(prompt: string, signal: AbortSignal): AsyncGenerator<string> {
  const isTerminal = process.stdin.isTTY === true;
  const reader = createInterface({
    input: process.stdin,
    terminal: isTerminal,
    ...(isTerminal ? { output: process.stdout } : {}),
  });
  const stop = () => reader.close();
  signal.addEventListener("abort", stop);
  reader.on("SIGINT", stop);
  reader.setPrompt(prompt);
  try {
    if (isTerminal) reader.prompt();
    for await (const line of reader) {
      const text = line.trim();
      if (text !== "") yield text;
      if (signal.aborted) return;
      if (isTerminal) reader.prompt();
    }
  } finally {
    signal.removeEventListener("abort", stop);
    reader.close();
  }
}

async function show(context: CommandContext, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof LabError) || error.exit === "interrupted") throw error;
    // The original's prompt answers a refusal like everything else.
    context.printer.data({ error: error.message, ...error.details }, error.message);
    // In a script the failure counts, although the rest is still done.
    if (process.stdin.isTTY !== true) context.setExitCode(1);
  }
}

/** Words as a shell would split them; quotes keep spaces. */
function splitWords(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
}
