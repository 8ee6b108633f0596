/**
 * Prompts: the original's, spoken to a running node over the control channel, and one for lab's own commands.
 *
 * Both read lines from stdin, a terminal or a pipe; in a pipe nothing is prompted, so a script's output is the commands' output. In a
 * terminal there are history, completion, and the lab's events above the prompt.
 */
import { createInterface } from "node:readline";
import type { Command } from "commander";
import { EXIT, LabError } from "../../base/lab-error.ts";
import type { LabHandle } from "../../cluster/lab-handle.ts";
import type { ControlBody } from "../../control/control-client.ts";
import type { CommandContext, RunLine } from "./context.ts";

const QUIT: ReadonlySet<string> = new Set(["quit", "exit", "q"]);

/** Returns when the user quits or the input ends. Errors are printed, not thrown: a prompt goes on. */
export async function openNodeShell(context: CommandContext, lab: LabHandle, id: number): Promise<void> {
  await lab.call(id, { op: "ping" });
  if (process.stdin.isTTY)
    context.printer.say(
      `node ${id} of lab "${lab.name}"; help lists the commands, quit leaves the prompt (the node goes on)`,
    );
  const peers = lab.ids.filter((peer) => peer !== id);
  const lines = readLines(context, {
    text: `Node ${id}> `,
    history: (await import("../ui/prompt-history.ts")).historyFile("node"),
    complete: (line) => Promise.resolve(completeNodeLine(line, peers)),
    events: null,
  });
  for await (const line of lines) {
    if (QUIT.has(line)) return;
    await show(context, async () => {
      context.printer.data(null, (await speak(lab, id, line)).trimEnd());
    });
  }
}

const NODE_VERBS = ["help", "status", "balance", "nodes", "history", "election", "sell", "buy", "recover", "quit"];

function completeNodeLine(line: string, peers: readonly number[]): readonly [readonly string[], string] {
  const words = line.trimStart().split(/\s+/);
  const last = words.at(-1) ?? "";
  const choices =
    words.length === 1
      ? NODE_VERBS
      : words.length === 2 && (words[0] === "sell" || words[0] === "buy")
        ? peers.map(String)
        : words[0] === "recover"
          ? ["--accept-loss"]
          : [];
  return [choices.filter((choice) => choice.startsWith(last)).map((choice) => `${choice} `), last];
}

/** The same in a simulated world, which ends with the prompt. */
export async function openSimShell(
  context: CommandContext,
  program: Command,
  seedText: string,
  runLine: RunLine,
): Promise<void> {
  const [{ SimShell }, { openSimSession }, { parseSeed }] = await Promise.all([
    import("./sim-shell.ts"),
    import("../../engine/sim/sim-session.ts"),
    import("../../sim/swarm/choice.ts"),
  ]);
  // The session has a state folder of its own, and the history of what was typed outlives it.
  const history = await shellHistory();
  await using session = await openSimSession(parseSeed(seedText, "--seed"));
  const shell = new SimShell(session, context, runLine);
  await openLabShell(context, program, { runLine: (argv) => shell.run(argv), history });
}

/** Each line is a `lab` command without the word `lab`. In a script the first failure counts, although the rest is still done. */
export async function openLabShell(
  context: CommandContext,
  program: Command,
  { runLine, history }: { readonly runLine: RunLine; readonly history: string },
): Promise<void> {
  const { name } = context.options;
  let failure: number = EXIT.ok;
  if (process.stdin.isTTY)
    context.printer.say(
      "type lab's commands without the word lab; help lists them, Tab completes them, events off hides the cluster's events, quit ends",
    );
  const lines = readLines(context, {
    text: "lab> ",
    history,
    complete: (line) => completeLabLine(program, line, name),
    events: name,
  });
  for await (const line of lines) {
    if (QUIT.has(line)) break;
    // A script says what it is about.
    if (line.startsWith("#")) continue;
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

export async function shellHistory(): Promise<string> {
  return (await import("../ui/prompt-history.ts")).historyFile("shell");
}

async function completeLabLine(
  program: Command,
  line: string,
  name: string,
): Promise<readonly [readonly string[], string]> {
  const [{ complete }, { openFacts }] = await Promise.all([import("./complete.ts"), import("./completion.ts")]);
  const words = line
    .replace(/^\s*lab\s+/, "")
    .trimStart()
    .split(/\s+/);
  const { candidates, isOpen } = await complete(program, words, await openFacts(), name);
  const own = words.length === 1 ? ["quit", "events on", "events off"] : [];
  const last = words.at(-1) ?? "";
  const texts = [...candidates.map(({ text }) => text), ...own.filter((word) => word.startsWith(last))];
  return [texts.map((text) => (isOpen ? text : `${text} `)), last];
}

async function speak(lab: LabHandle, id: number, line: string): Promise<string> {
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
      const { parseAmount } = await import("../../cluster/trade.ts");
      const [peer = "", amount = ""] = rest;
      if (rest.length !== 2 || !/^[1-9]\d*$/.test(peer)) return `Usage: ${word} <node_id> <amount>`;
      return { op: word, peer: Number(peer), amount: parseAmount(amount), until: "settled" };
    }
    default:
      return `Unknown command: ${word}. Type 'help' for commands.`;
  }
}

interface Lines {
  readonly text: string;
  /** Path of the file in which it is kept. */
  readonly history: string;
  readonly complete: (line: string) => Promise<readonly [readonly string[], string]>;
  /** The lab whose events appear above the prompt; null: nobody's. */
  readonly events: string | null;
}

/** Lines that are to be done, one after the other. */
function readLines(context: CommandContext, lines: Lines): AsyncGenerator<string> {
  return process.stdin.isTTY === true ? readTerminal(context, lines) : readPipe(context.signal);
}

async function* readTerminal(
  context: CommandContext,
  { text, history, complete, events }: Lines,
): AsyncGenerator<string> {
  const [{ LinePrompt }, { readHistory, writeHistory }] = await Promise.all([
    import("../ui/line-prompt.ts"),
    import("../ui/prompt-history.ts"),
  ]);
  const { stdin: input, stdout: output } = process;
  const prompt = new LinePrompt({
    ...{ text, input, output, complete, signal: context.signal },
    history: await readHistory(history),
  });
  let shown = events === null ? null : await showEvents(context, events, (line) => prompt.tell(line));
  try {
    for (;;) {
      const line = (await prompt.ask())?.trim();
      if (line === undefined) return;
      await writeHistory(history, prompt.history);
      const toggle = /^events (on|off)$/.exec(line)?.[1];
      if (toggle !== undefined && events !== null) {
        await shown?.stop();
        shown = toggle === "on" ? await showEvents(context, events, (event) => prompt.tell(event)) : null;
      } else if (line !== "") yield line;
      if (context.signal.aborted) return;
    }
  } finally {
    await shown?.stop();
  }
}

async function showEvents(
  context: CommandContext,
  name: string,
  tell: (line: string) => void,
): Promise<{ stop(): Promise<void> }> {
  const [{ followEvents }, { formatTime, plainText }, { colour }] = await Promise.all([
    import("../../cluster/prompt-events.ts"),
    import("../../journal/notable.ts"),
    import("../ui/table.ts"),
  ]);
  const stop = new AbortController();
  const { printer, options } = context;
  const done = followEvents({
    name,
    runtime: options.runtime,
    signal: AbortSignal.any([context.signal, stop.signal]),
    onEvent: ({ time, node, msg }) => {
      const line = `${formatTime(time)} ${node === 0 ? "lab" : `node ${node}`} | ${plainText(msg)}`;
      tell(printer.color ? colour(line, "dim") : line);
    },
  });
  return {
    async stop() {
      stop.abort();
      await done;
    },
  };
}

async function* readPipe(signal: AbortSignal): AsyncGenerator<string> {
  const reader = createInterface({ input: process.stdin, terminal: false });
  const stop = () => reader.close();
  signal.addEventListener("abort", stop);
  reader.on("SIGINT", stop);
  try {
    for await (const line of reader) {
      const text = line.trim();
      if (text !== "") yield text;
      if (signal.aborted) return;
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
