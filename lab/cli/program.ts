/** All commands of `lab`, as commander parses them. What a command does is loaded when it runs. */
import { type Command, Option } from "commander";
import packageFile from "../../package.json" with { type: "json" };
import { STANDARD_LAB } from "../base/hint.ts";
import { LabError } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";
import { didYouMean } from "../base/suggest.ts";
import { registerProgramCommands } from "./commands/ask.ts";
import { registerCareCommands } from "./commands/care.ts";
import { registerChaosCommands } from "./commands/chaos.ts";
import { registerCheckCommands } from "./commands/check.ts";
import { registerClusterCommands } from "./commands/cluster.ts";
import { registerCompletionCommands } from "./commands/completion.ts";
import type { CommandContext, RunCaptured, RunLine } from "./commands/context.ts";
import { registerCourseCommand } from "./commands/course.ts";
import { registerDashCommands } from "./commands/dash.ts";
import { registerDiffCommand } from "./commands/diff.ts";
import { registerDiskCommands } from "./commands/disk.ts";
import { registerFaultCommands } from "./commands/faults.ts";
import { registerGradeCommand } from "./commands/grade.ts";
import { registerHoldCommands } from "./commands/hold.ts";
import { registerHostsCommand } from "./commands/hosts.ts";
import { registerJournalCommands } from "./commands/journal.ts";
import { registerKeyCommands } from "./commands/keys.ts";
import { registerLifecycleCommands } from "./commands/lifecycle.ts";
import { registerPlayCommands } from "./commands/playground.ts";
import { registerRecordCommand } from "./commands/recording.ts";
import { registerReportCommands } from "./commands/report.ts";
import { registerScenarioCommands } from "./commands/scenario.ts";
import { registerShowCommands } from "./commands/show.ts";
import { registerSimCommands } from "./commands/sim.ts";
import { registerTalkCommands } from "./commands/talk.ts";
import { registerWatchCommands } from "./commands/watch.ts";
import { registerWordsCommand } from "./commands/words.ts";
import { RUNTIMES } from "./options.ts";
import { addNotes, MIN_WIDTH, type Note } from "./ui/notes.ts";

const NOTES: readonly Note[] = [
  "Examples:",
  [
    ["up --nodes 5", "start five nodes, and wait until they agree on a coordinator"],
    ["ps", "list the nodes with their roles and balances"],
    ["sell 1 2 30", "node 1 sells 30 credits to node 2"],
    ["kill leader", "kill the coordinator, and see which node takes over"],
    ["partition 1,2 3,4,5", "cut the network in two, until you heal it"],
    ["heal", "end all faults of the network"],
    ["up -f lab.yaml --name shop", "start another lab beside it, from a file"],
    ["down", "remove the lab"],
    ["words", "explain the words that lab uses: voter, provisional, incarnation, …"],
  ],
  "Name nodes as 3, 1,2, 1-3, leader, followers, random, random(2), majority, minority or all.",
  "Exit codes: 0 ok, 1 failed, 2 usage, 3 no such lab or node, 4 engine unreachable, 5 invariant violated, 6 not supported here, 7 inconclusive, 124 timed out, 130 interrupted.",
];

/** How commands run the lines that were typed at a prompt, or asked for by the page. */
export interface LineRunners {
  readonly typed: RunLine;
  readonly captured: RunCaptured;
}

/** @param program an empty command, which `context` reads the options from */
export function describeProgram(program: Command, context: CommandContext, run: LineRunners): Command {
  describeOptions(program, context);
  registerClusterCommands(program, context);
  registerKeyCommands(program, context);
  registerShowCommands(program, context);
  registerWatchCommands(program, context);
  registerJournalCommands(program, context);
  registerTalkCommands(program, context, run.typed);
  registerProgramCommands(program, context);
  registerCheckCommands(program, context);
  registerLifecycleCommands(program, context);
  registerDiskCommands(program, context);
  registerFaultCommands(program, context);
  registerHoldCommands(program, context);
  registerScenarioCommands(program, context);
  registerGradeCommand(program, context);
  registerCourseCommand(program, context);
  registerRecordCommand(program, context);
  registerSimCommands(program, context);
  registerReportCommands(program, context);
  registerDiffCommand(program, context);
  registerPlayCommands(program, context);
  registerDashCommands(program, context, run.captured);
  registerChaosCommands(program, context);
  registerCareCommands(program, context);
  registerHostsCommand(program, context);
  registerWordsCommand(program, context);
  registerCompletionCommands(program, context);
  registerHelpCommand(program);
  program.hook("preAction", (_program, command) => assertSimulable(context, command));
  for (const command of program.commands) inheritOutput(command, program);
  return program;
}

function describeOptions(program: Command, { printer, caller }: CommandContext): void {
  program
    .description("Run clusters of peers that trade energy credits, and break them.")
    .usage("[options] <command>")
    .option("-n, --name <lab>", "the lab (or LAB_NAME)", process.env.LAB_NAME || STANDARD_LAB)
    .addOption(
      new Option(
        "--runtime <where>",
        "docker, swarm, local, auto, or sim for run, chaos and shell (or LAB_RUNTIME)",
      ).choices(RUNTIMES),
    )
    .addOption(new Option("-o, --output <format>", "text or json").choices(["text", "json"]).default("text"))
    .option("--verbose", "show where an error comes from")
    .version(packageFile.version, "--version", "show the version")
    .helpOption("-h, --help", "show help")
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true, minWidthToWrap: MIN_WIDTH })
    .exitOverride()
    .configureOutput({
      writeErr: (text) => printer.raw(text),
      // Printed by `report`, in the same form as every other error.
      outputError: () => {},
    });
  addNotes(program, caller.prefix, NOTES);
}

/** Commander's own shows the help of everything for a command that doesn't exist. */
function registerHelpCommand(program: Command): void {
  program
    .command("help")
    .helpGroup("This machine:")
    .description("show help for a command")
    .argument("[command...]")
    .action((words: string[]) => {
      let command = program;
      for (const word of words) {
        const next = command.commands.find((candidate) => candidate.name() === word);
        // Words behind a command's name are its arguments: `help kill 3`.
        if (next === undefined && command !== program && command.commands.length === 0) break;
        if (next === undefined) throw noSuchCommand(words.join(" "), word, command);
        command = next;
      }
      command.outputHelp();
    });
}

function noSuchCommand(text: string, word: string, above: Command): LabError {
  const known = above.commands.map((command) => command.name());
  const hint = didYouMean(word, known, NEXT.listCommands());
  return new LabError("usage", `unknown command "${text}"`, hint);
}

/** Commands that need no lab, or open a simulated world of their own. */
const WITH_OWN_WORLD: readonly string[] = [
  "shell",
  "sim",
  "run",
  "chaos",
  "validate",
  "course",
  "words",
  "play",
  "help",
];

/** A simulated lab lives in one process: a command that doesn't open one has nothing to work on, and says so before it touches anything. */
async function assertSimulable(context: CommandContext, command: Command): Promise<void> {
  if (context.options.runtime !== "sim" || WITH_OWN_WORLD.includes(command.name())) return;
  const { currentSimEngine } = await import("../engine/sim/sim-session.ts");
  currentSimEngine();
}

/** Subcommands are made before these are set, and commander copies them only then. */
function inheritOutput(command: Command, program: Command): void {
  command.copyInheritedSettings(program);
  command.helpOption("-h, --help", "show help");
  const name = fullNameOf(command);
  command.exitOverride((error) => {
    throw Object.assign(error, { of: name });
  });
  for (const child of command.commands) inheritOutput(child, program);
}

/** "keys add". */
function fullNameOf(command: Command): string {
  const { parent } = command;
  return parent?.parent == null ? command.name() : `${fullNameOf(parent)} ${command.name()}`;
}
