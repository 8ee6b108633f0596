/** `run`, `validate`: whole experiments from files. */
import { type Command, Option } from "commander";
import { renderHints } from "../../base/hint.ts";
import type { LabError } from "../../base/lab-error.ts";
import { NEXT } from "../../base/next.ts";
import type { LabConfig } from "../../cluster/lab-file.ts";
import type { LabRequest } from "../../cluster/plan-lab.ts";
import type { OnStep } from "../../scenario/play.ts";
import type { ScenarioResult, StepResult } from "../../scenario/result.ts";
import type { Scenario, ScenarioRuntime } from "../../scenario/scenario-schema.ts";
import { addNotes, type Note } from "../ui/notes.ts";
import type { PlayedRun } from "../ui/runs-table.ts";
import type { CommandContext } from "./context.ts";

interface RunFlags {
  seed?: string;
  set: string[];
  report?: string;
  on?: string;
  keep?: boolean;
  bug?: string;
  link?: boolean;
}

/** Steps that take longer are announced where nothing can be redrawn. */
const LONG_MS = 2_000;

const NOTES: readonly Note[] = [
  "Each file gets a lab of its own, named after the scenario and removed at the end. Every step is printed as it happens, with the nodes that it meant and what was seen. Then the promises are checked over the journal of all nodes.",
  [
    ["run compose/scenarios/02-leader-failure.yaml", "play a scenario that comes with lab"],
    ["run my.yaml --runtime sim --seed 7 --set nodes=7", "play another one in virtual time, with seven nodes"],
  ],
  "Exit codes: 0 valid, 5 a promise was broken, 1 a step failed, 7 the checks are inconclusive, 130 interrupted.",
];

export function registerScenarioCommands(program: Command, context: CommandContext): void {
  addNotes(
    program
      .command("run")
      .helpGroup("Experiments:")
      .description("play scenarios in virtual time, on local processes or on Docker, and check every promise")
      .argument("<files...>", "scenario files (YAML)")
      .option("--seed <n>", "decides all random choices (default: the file's seed, or 1)")
      .addOption(
        new Option("--set <field=value>", "override a field of the file: nodes=7, profile=fast, env.DS_PREEMPT=0")
          .argParser((value: string, before: string[]) => [...before, value])
          .default([], "none"),
      )
      .option("--report <dir>", "write the verdict, journal, logs and a page about each run into this folder")
      .addOption(new Option("--on <lab>", "play on this lab, and leave it standing").conflicts("keep"))
      .option("--keep", "leave the lab standing at the end")
      .option("--link", "in virtual time: print a link that opens the run in the playground")
      .option("--bug <name>", "in virtual time: give all nodes this known bug, to see which check finds it")
      .action((files: string[], flags: RunFlags) => run(context, files, flags)),
    context.caller.prefix,
    NOTES,
  );

  program
    .command("validate")
    .helpGroup("Experiments:")
    .description("check scenario files and lab.yaml files for mistakes, with line and column")
    .argument("<files...>", "YAML files")
    .action((files: string[]) => validate(context, files));
}

async function run(context: CommandContext, files: readonly string[], flags: RunFlags): Promise<void> {
  const [{ applySettings }, { parseSeed }, { EXIT }, { exitOf }, { readBug }, { assertRunsOn }] = await Promise.all([
    import("../../scenario/scenario-settings.ts"),
    import("../../sim/swarm/choice.ts"),
    import("../../base/lab-error.ts"),
    import("../../scenario/result.ts"),
    import("../../scenario/run-scenario.ts"),
    import("../../scenario/parse-scenario.ts"),
  ]);
  const seed = flags.seed === undefined ? undefined : parseSeed(flags.seed, "--seed");
  // All of them are read before the first one runs.
  const scenarios: { file: string; scenario: Scenario }[] = [];
  for (const file of files) scenarios.push({ file, scenario: applySettings(await loadScenario(file), flags.set) });
  context.finishOnInterrupt();
  const runtime = await chooseRuntime(context);
  readBug({ runtime, ...(flags.bug !== undefined && { bug: flags.bug }) });
  for (const { scenario } of scenarios) assertRunsOn(scenario, runtime);
  const codes: number[] = [];
  const values: object[] = [];
  const played: PlayedRun[] = [];
  for (const { file, scenario } of scenarios) {
    if (context.signal.aborted) break;
    const one = { file, scenario, runtime, flags, ...(seed !== undefined && { seed }) };
    const { result, value, trouble, realMs } = await runOne(context, one);
    played.push({ file, result, realMs });
    codes.push(EXIT[exitOf(result.verdict)], trouble === null ? EXIT.ok : EXIT.failed);
    values.push(value);
  }
  // One value on stdout, however many runs it is about.
  if (context.printer.json) context.printer.data(files.length === 1 ? values[0] : values, "");
  else if (played.length > 1) {
    const { renderRuns } = await import("../ui/runs-table.ts");
    context.printer.data(null, renderRuns(played, context.printer));
  }
  context.setExitCode(worstCode(codes));
}

/** A broken promise is worse than a step that failed, and that than a run that doesn't tell. */
function worstCode(codes: readonly number[]): number {
  return [130, 5, 1, 7].find((code) => codes.includes(code)) ?? 0;
}

/** Docker where it answers; what was fallen back to is said. */
async function chooseRuntime({ options, signal, printer }: CommandContext): Promise<ScenarioRuntime> {
  if (options.runtime !== "auto") return options.runtime;
  const { chooseEngine } = await import("../../cluster/open-engine.ts");
  await using engine = await chooseEngine("auto", {
    signal,
    onFallback: (why) => printer.say(`using local processes instead of Docker: ${why}`),
  });
  return engine.name;
}

interface OneRun {
  readonly file: string;
  readonly scenario: Scenario;
  readonly runtime: ScenarioRuntime;
  readonly seed?: number;
  readonly flags: RunFlags;
}

interface RunOutcome {
  readonly result: ScenarioResult;
  /** For `-o json`. */
  readonly value: object;
  readonly realMs: number;
  /** Why there is no report; null: there is one, or none was wanted. */
  readonly trouble: LabError | null;
}

async function runOne(context: CommandContext, one: OneRun): Promise<RunOutcome> {
  const { file, scenario, runtime, flags, seed } = one;
  const { printer } = context;
  const [{ runScenario }, lines, { describeWritten, writeDown }] = await Promise.all([
    import("../../scenario/run-scenario.ts"),
    import("../ui/scenario-lines.ts"),
    import("../../report/write-down.ts"),
  ]);
  if (!printer.json) printer.data(null, lines.renderHeader(scenario, runtime));
  const startedAtMs = performance.now();
  const result = await runScenario(scenario, {
    runtime,
    file,
    ...(seed !== undefined && { seed }),
    ...(context.options.isNamed && { name: context.options.name }),
    ...(flags.on !== undefined && { on: flags.on }),
    ...(flags.bug !== undefined && { bug: flags.bug }),
    keep: flags.keep === true,
    progress: context.progress,
    signal: context.signal,
    onStep: announceSteps(context, (step) => lines.renderStep(step, printer)),
  });
  printer.clear();
  const realMs = performance.now() - startedAtMs;
  const written = await writeDown(result, realMs, flags.report ?? null);
  if (!printer.json) printer.data(null, lines.renderSummary(result, { printer, realMs }));
  const told = describeWritten(written);
  if (flags.link === true) await tellLink(context, result);
  if (told !== null) {
    printer.say(told);
    if (written.path !== null && written.isPlayable) context.next(NEXT.playRun(written.path));
  } else if (result.verdict !== "valid") context.next(lines.hintsAfter(result, flags));
  return { result, value: { ...publicResult(result), report: written.path }, realMs, trouble: written.trouble };
}

/** What `play` opens. The verdict stands, whatever becomes of the link. */
async function tellLink({ printer }: CommandContext, result: ScenarioResult): Promise<void> {
  const [{ linkOfRun }, { formatScenario }] = await Promise.all([
    import("../../play/link-of-run.ts"),
    import("../../scenario/format-scenario.ts"),
  ]);
  const { journal, seed, bug, tookMs } = result;
  const scenario = formatScenario({ ...result.scenario, seed });
  const facts = { ...journal.facts, runtime: result.runtime, seed };
  const link = await linkOfRun({ facts, scenario, bug, tookMs }).catch((error: Error) => error);
  printer.say(typeof link === "string" ? `link: #run=${link}` : `there is no link: ${link.message}`);
}

/** A line for each step that is over; what is under way is shown where lines can be redrawn, elsewhere when it takes long. */
function announceSteps({ printer, progress }: CommandContext, render: (step: StepResult) => string): OnStep {
  const waiting = new Map<string, NodeJS.Timeout>();
  return (step, state) => {
    const { path, text } = step;
    if (state === "begin") {
      if (printer.live || printer.json) progress({ step: `step ${path}`, state: "start", detail: text });
      else waiting.set(path, setTimeout(() => printer.say(`  ...      step ${path}: ${text}`), LONG_MS).unref());
      return;
    }
    clearTimeout(waiting.get(path));
    if (printer.live || printer.json) progress({ step: `step ${path}`, state: "done" });
    if (!printer.json) printer.data(null, render(step));
  };
}

/** Without the journal, which is long, and what holds secrets. */
function publicResult({ journal, evidence: _evidence, ...result }: ScenarioResult): object {
  const steps = result.steps.map(({ hints, ...step }) => ({ ...step, hint: renderHints(hints) }));
  return { ...result, steps, entries: journal.entries.length };
}

async function loadScenario(file: string): Promise<Scenario> {
  const [{ parseScenario }, text] = await Promise.all([import("../../scenario/parse-scenario.ts"), readText(file)]);
  return parseScenario(text, file);
}

async function readText(file: string): Promise<string> {
  const { BY_HAND_BYTES_MAX, readUserFile } = await import("../../base/user-file.ts");
  return await readUserFile(
    file,
    BY_HAND_BYTES_MAX,
    "name an existing file; those that come with lab are in compose/scenarios",
  );
}

async function validate(context: CommandContext, files: readonly string[]): Promise<void> {
  const [
    { labOf },
    { assertPossible },
    { parseScenario },
    { parseLabConfig },
    { LabError, EXIT },
    { suggest },
    { readFieldNames },
  ] = await Promise.all([
    import("../../scenario/lab-of.ts"),
    import("../../cluster/up.ts"),
    import("../../scenario/parse-scenario.ts"),
    import("../../cluster/lab-file.ts"),
    import("../../base/lab-error.ts"),
    import("../../base/suggest.ts"),
    import("../../base/yaml-file.ts"),
  ]);
  const { printer } = context;
  const findings: { file: string; kind: "scenario" | "lab"; ok: boolean; message: string; hint: string }[] = [];
  for (const file of files) {
    let kind: "scenario" | "lab" = "scenario";
    try {
      const text = await readText(file);
      // A file with a field like `steps` is taken for a scenario.
      const isScenario = readFieldNames(text).some((field) => suggest(field, ["steps"]) !== undefined);
      kind = isScenario ? "scenario" : "lab";
      const request = isScenario ? labOf(parseScenario(text, file), "lab") : describeLab(parseLabConfig(text, file));
      assertPossible(request);
      findings.push({ file, kind, ok: true, message: "", hint: "" });
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      // A mistake of the lab as a whole has no line.
      const message = error.message.startsWith(file) ? error.message : `${file}: ${error.message}`;
      findings.push({ file, kind, ok: false, message, hint: renderHints(error.hints, context.caller) });
    }
  }
  const text = findings.map(({ file, kind, ok, message, hint }) =>
    ok ? `${file}: a valid ${kind === "lab" ? "lab.yaml" : kind}` : `${message}\n  ${hint}`,
  );
  printer.data(findings, text.join("\n"));
  if (findings.some((finding) => !finding.ok)) context.setExitCode(EXIT.usage);
}

function describeLab({ name = "lab", profile = "default", nodes = 5, voters, env }: LabConfig): LabRequest {
  return { name, profile, nodes, voters: voters ?? null, env };
}
