/** `grade`: submissions of students through scenarios, for points. */
import type { Command } from "commander";
import type { Grade, GradeTest } from "../../report/submissions.ts";
import { addNotes, type Note } from "../ui/notes.ts";
import type { CommandContext } from "./context.ts";

interface GradeFlags {
  node: string[];
  out?: string;
  limit: string;
  memory: string;
  processes: string;
}

const NOTES: readonly Note[] = [
  "A scenario gives its points (points: 3) when all of its runs (repeats: 5) are valid. Submissions are built and run one after the other, without other networks.",
  [["grade t.yaml --node homework -O grades", "grade all folders in homework"]],
];

export function registerGradeCommand(program: Command, context: CommandContext): void {
  addNotes(
    program
      .command("grade")
      .helpGroup("Experiments:")
      .description("run submissions through scenarios, and give points")
      .argument("<files...>", "scenario files with node:")
      .requiredOption("--node <folders...>", "submissions (folders with a Dockerfile), or a folder of submissions")
      .option("-O, --out <folder>", "write grades.csv, junit.xml and a page for each submission into this folder")
      .option("--limit <time>", "time limit of a run", "5m")
      .option("--memory <size>", "memory limit of a node", "256MB")
      .option("--processes <count>", "limit of a node's processes", "64")
      .action((files: string[], flags: GradeFlags) => grade(context, files, flags)),
    context.caller.prefix,
    NOTES,
  );
}

async function grade(context: CommandContext, files: readonly string[], flags: GradeFlags): Promise<void> {
  const [grading, { parseScenario }, { BY_HAND_BYTES_MAX, readUserFile }, { parseDuration }, { parseCount }] =
    await Promise.all([
      import("../../report/submissions.ts"),
      import("../../scenario/parse-scenario.ts"),
      import("../../base/user-file.ts"),
      import("../../base/duration.ts"),
      import("../../base/numbers.ts"),
    ]);
  const [{ parseProgramMemory }, { EXIT }] = await Promise.all([
    import("../../kind/program-spec.ts"),
    import("../../base/lab-error.ts"),
  ]);
  const limits = {
    limitMs: parseDuration(flags.limit, "--limit"),
    memory: flags.memory,
    processes: parseCount(flags.processes, "--processes", 6, 65_536),
  };
  parseProgramMemory(flags.memory, "--memory");
  const tests: GradeTest[] = [];
  for (const file of files) {
    tests.push({
      file,
      scenario: parseScenario(await readUserFile(file, BY_HAND_BYTES_MAX, "name a scenario file"), file),
    });
  }
  const submissions = await grading.findSubmissions(flags.node);
  context.finishOnInterrupt();
  const grades: Grade[] = [];
  for (const folder of submissions) {
    const { progress, signal } = context;
    const found = await grading.gradeSubmission(folder, tests, { ...limits, progress, signal });
    grades.push(found);
    context.printer.clear();
    if (flags.out !== undefined) await write(flags.out, grades);
  }
  const { renderTable } = await import("../ui/table.ts");
  const columns = [
    { title: "SUBMISSION" },
    { title: "TEST" },
    { title: "POINTS", align: "right" },
    { title: "WHY" },
  ] as const;
  const rows = grades.flatMap(({ submission, tests: own }) => [
    ...own.map(({ name, points, of, why }) => [submission, name, `${points}/${of}`, why.split("\n", 1)[0] ?? ""]),
    [
      submission,
      "total",
      `${grading.sum(own.map(({ points }) => points))}/${grading.sum(own.map(({ of }) => of))}`,
      "",
    ],
  ]);
  const json = grades.map(({ submission, tests: own }) => ({
    submission,
    tests: own.map(({ failed: _failed, ...test }) => test),
  }));
  context.printer.data(json, renderTable(columns, rows));
  if (grades.some(({ tests: own }) => own.some(({ why }) => why !== ""))) context.setExitCode(EXIT.failed);
}

/** After each submission: what is there when the command is interrupted counts. */
async function write(folder: string, grades: readonly Grade[]): Promise<void> {
  const [{ renderGrade, sum }, { renderCases }, { mkdir, writeFile }, { join }, { cantWrite }] = await Promise.all([
    import("../../report/submissions.ts"),
    import("../../report/junit.ts"),
    import("node:fs/promises"),
    import("node:path"),
    import("../../base/system-error.ts"),
  ]);
  const quote = (text: string): string => `"${text.replaceAll('"', '""').replaceAll("\n", " ")}"`;
  const lines = grades.map(({ submission, tests }) =>
    [quote(submission), sum(tests.map(({ points }) => points)), ...tests.map(({ points }) => points)].join(","),
  );
  const names = grades[0]?.tests.map(({ name }) => quote(name)) ?? [];
  const cases = new Map(
    grades.map(({ submission, tests }) => [
      submission,
      tests.map(({ name, tookMs, why }) => ({ name, seconds: tookMs / 1_000, why })),
    ]),
  );
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(
      join(folder, "grades.csv"),
      `${["submission", "points", ...names].join(",")}\n${lines.join("\n")}\n`,
    );
    await writeFile(join(folder, "junit.xml"), renderCases("grades", cases));
    for (const one of grades) await writeFile(join(folder, `${one.submission}.html`), renderGrade(one));
  } catch (error) {
    throw cantWrite(folder, error, "name another folder");
  }
}
