/**
 * compose/scenarios/EXPERIMENTS.md and its pictures, made from the scenario files and their runs, so that the words agree with the
 * files and the output agrees with the code. (`npm run pictures`; a test asserts that everything is current.)
 */

import { renderStep, renderSummary } from "../../lab/cli/ui/scenario-lines.ts";
import { exportSvg } from "../../lab/export/svg.ts";
import type { ScenarioResult } from "../../lab/scenario/result.ts";
import { BUG_LESSONS, type BugLesson, COURSE, type Lesson } from "./course.ts";
import { FOLDER, type Made, playForPicture } from "./pictures.ts";

const DOCUMENT = "compose/scenarios/EXPERIMENTS.md";

const HEAD = `# Ten experiments

A course about distributed systems, on a system that you can break. Each experiment takes about ten minutes. **Write down your prediction
before you run it.** A wrong prediction teaches more than a right one: find the line of the output, or the arrow of the picture, where the
run differs from your idea.

- Run it in virtual time (\`--runtime sim\`): it takes a second or two and is the same every time. Then run it on real processes
  (\`--runtime local\`) or in Docker (\`--runtime docker\`), where the times differ and the verdict must not.
- \`npx lab run FILE --runtime sim --report out\` stores the run. \`out/latest/report.html\` replays it step by step.
- The pictures are \`lab export svg\` of the same simulated run. Time runs downwards, each column is a node, an arrow is a message, and a
  cross marks a message that no node received. In the SVG file itself, hover over anything to see the message and its clock.
- At the end of each run, the promises are checked over the journal of all nodes: no credit lost or created, each payment applied once,
  causal order, one elected coordinator a term, and more (\`npx lab check --list\`). On a lab of your own, ask for the same at any moment with
  \`npx lab assert conserved converged\`.

\`npm run pictures\` makes this page from the scenario files and their runs.
`;

const BUGS_HEAD = `## See the bug, see the cure

The project that this one follows had six bugs, and described each as a challenge. The simulator can switch them on. Each pair of commands
plays the same scenario with the same seed, with the bug and without it. Predict which promise breaks before you run the first one.
\`npx lab sim --bugs\` hunts these and other bugs with random schedules.
`;

/** The document and its pictures. */
export async function makeExperiments(root: string): Promise<readonly Made[]> {
  const made: Made[] = [];
  const chapters: string[] = [];
  for (const [i, lesson] of COURSE.entries()) {
    const { chapter, picture } = await makeLesson(root, lesson, i + 1);
    chapters.push(chapter);
    made.push(picture);
  }
  const bugs: string[] = [];
  for (const lesson of BUG_LESSONS) bugs.push(await makeBug(root, lesson));
  const contents = chapters.map((chapter) => {
    const title = /^## (.*)$/m.exec(chapter)?.[1] ?? "";
    return `- [${title}](#${anchorOf(title)})`;
  });
  const text = [
    HEAD,
    `${contents.join("\n")}\n- [See the bug, see the cure](#see-the-bug-see-the-cure)\n`,
    ...chapters,
  ];
  return [{ path: DOCUMENT, text: `${[...text, BUGS_HEAD, ...bugs].join("\n").trimEnd()}\n` }, ...made];
}

async function makeLesson(
  root: string,
  lesson: Lesson,
  number: number,
): Promise<{ readonly chapter: string; readonly picture: Made }> {
  const path = `compose/scenarios/${lesson.file}.yaml`;
  const result = await playForPicture(root, path);
  const { title = lesson.file, teaches = "", experiment } = result.scenario;
  if (experiment === undefined) throw new Error(`${path} has no experiment`);
  const { fromMs, toMs, nodes } = lesson;
  const options = { fromMs, toMs, heartbeats: false, ...(nodes === undefined ? {} : { nodes }) };
  const svg = exportSvg(result.journal, { ...options, title: `${number}. ${title}` });
  const picture = { path: `${FOLDER}/${lesson.file}.svg`, text: svg };
  const part = `${fromMs === 0 ? "" : `--from ${fromMs}ms `}--to ${toMs}ms${nodes === undefined ? "" : ` --nodes ${nodes.join(",")}`} --no-heartbeats`;
  const chapter = `## ${number}. ${title}

**Goal:** ${sentence(experiment.goal)}

${teaches.trim()}

**Predict:** ${sentence(experiment.predict)}

**Run:** [${lesson.file}.yaml](${lesson.file}.yaml)

<!-- shown: sim -->
\`\`\`console
$ npx lab run ${path} --runtime sim
${describeRun(result)}
\`\`\`

**Observe:** ${sentence(experiment.observe)}

![Space-time diagram of the run: ${title}](pictures/${lesson.file}.svg)

<sub>\`lab export svg --run out/latest ${part}\`</sub>

**Explain:** ${sentence(experiment.explain)}

**Break it more:** ${sentence(experiment.more)}

**Check:** ${describeChecks(result)}
`;
  return { chapter, picture };
}

async function makeBug(root: string, { bug, check, challenge }: BugLesson): Promise<string> {
  const path = `compose/scenarios/bugs/${bug}.yaml`;
  const cured = await playForPicture(root, path);
  const sick = await playForPicture(root, path, bug);
  const named = sick.checks.find((result) => result.check === check && result.verdict === "invalid");
  if (named === undefined) throw new Error(`${path}: ${check} doesn't name the bug: ${sick.reason}`);
  const alarms = sick.checks.filter(({ verdict }) => verdict === "invalid");
  const rows = alarms.map((alarm) => `${alarm.check}  invalid  ${alarm.violations[0]?.what ?? alarm.detail}`);
  return `### ${cured.scenario.title} (challenge ${challenge})

${(cured.scenario.teaches ?? "").trim()}

<!-- shown: sim -->
\`\`\`console
$ npx lab run ${path} --runtime sim --bug ${bug}
[...]
${rows.join("\n")}
[...]
$ npx lab run ${path} --runtime sim
[...]
${lastLine(cured)}
\`\`\`
`;
}

/** As \`lab run\` prints it, without what depends on the machine's speed. */
function describeRun(result: ScenarioResult): string {
  const steps = result.steps.map((step) => renderStep(step, { color: false }));
  return [...steps, "[...]", lastLine(result)].join("\n");
}

function lastLine(result: ScenarioResult): string {
  const printer = { color: false } as never;
  const summary = renderSummary(result, { printer, realMs: 0 }).trimEnd().split("\n").at(-1) ?? "";
  return summary.replace(/ of virtual time, in [^,]*/, " of virtual time");
}

function describeChecks({ checks }: ScenarioResult): string {
  const told = checks.filter(({ verdict, detail }) => verdict === "valid" && /^[1-9]/.test(detail));
  return `${told.map(({ check, detail }) => `\`${check}\` (${detail})`).join(", ")}.`;
}

function sentence(text = ""): string {
  const upper = `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  return /[.?!)]$/.test(upper) ? upper : `${upper}.`;
}

/** As code hosts make them of headings. */
function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^a-z0-9 -]/g, "")
    .replaceAll(" ", "-");
}
