/**
 * compose/scenarios/EXPERIMENTS.md and its pictures, made from the scenario files and their runs, so that the words agree with the
 * files and the output agrees with the code. (`npm run pictures`; a test asserts that everything is current.)
 */

import { renderStep, renderSummary } from "../../lab/cli/ui/scenario-lines.ts";
import { exportSvg } from "../../lab/export/svg.ts";
import { BUG_LESSONS, type BugLesson, COURSE } from "../../lab/scenario/course-order.ts";
import { answerOf, type Lesson } from "../../lab/scenario/lesson.ts";
import { readLesson } from "../../lab/scenario/read-lesson.ts";
import type { ScenarioResult } from "../../lab/scenario/result.ts";
import { LESSON_PICTURES, type LessonPicture } from "./lesson-pictures.ts";
import { FOLDER, type Made, playForPicture } from "./pictures.ts";

const DOCUMENT = "compose/scenarios/EXPERIMENTS.md";

const HEAD = `# Ten experiments

A course about distributed systems, on a system that you can break. Each experiment takes about ten minutes. **Write down your prediction
before you run it.** A wrong prediction teaches more than a right one: find the line of the output, or the arrow of the picture, where the
run differs from your idea. The answers are folded away.

- Take it in the playground (\`npx lab play\`, panel *Course*): each card asks first, runs the experiment in a fresh world, and compares.
- On paper: \`npx lab course --print\` writes a handout and an answer key, as a page to be printed.
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
  for (const file of COURSE) {
    const { chapter, picture } = await makeLesson(root, file);
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

async function makeLesson(root: string, file: string): Promise<{ readonly chapter: string; readonly picture: Made }> {
  const path = `compose/scenarios/${file}`;
  const result = await playForPicture(root, path);
  const lesson = readLesson(file, result.scenario);
  const { title, place, goal, teaches, observe, explain, more } = lesson;
  const { fromMs, toMs, nodes } = LESSON_PICTURES[file] as LessonPicture;
  const options = { fromMs, toMs, heartbeats: false, ...(nodes === undefined ? {} : { nodes }) };
  const svg = exportSvg(result.journal, { ...options, title: `${place}. ${title}` });
  const drawn = file.replace(/\.yaml$/, ".svg");
  const picture = { path: `${FOLDER}/${drawn}`, text: svg };
  const part = `${fromMs === 0 ? "" : `--from ${fromMs}ms `}--to ${toMs}ms${nodes === undefined ? "" : ` --nodes ${nodes.join(",")}`} --no-heartbeats`;
  const chapter = `## ${place}. ${title}

**Goal:** ${goal}

${describePrediction(lesson)}

**Run:** \`npx lab run ${path} --runtime sim\` ([the file](${file}))

<details>
<summary>The answer, and what the run prints</summary>

${describeAnswer(lesson)}

${teaches}

${describeSteps(lesson)}

<!-- shown: sim -->
\`\`\`console
$ npx lab run ${path} --runtime sim
${describeRun(result)}
\`\`\`

**Observe:** ${observe}

![Space-time diagram of the run: ${title}](pictures/${drawn})

<sub>\`lab export svg --run out/latest ${part}\`</sub>

**Explain:** ${explain}

**Break it more:** ${more}

**Check:** ${describeChecks(result)}

</details>
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
  const lesson = readLesson(`bugs/${bug}.yaml`, cured.scenario);
  return `### ${lesson.title} (challenge ${challenge})

${describePrediction(lesson)}

<details>
<summary>The answer, the bug and the cure</summary>

${describeAnswer(lesson)}

${lesson.teaches}

${describeSteps(lesson)}

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

</details>
`;
}

function describePrediction({ predict, file }: Lesson): string {
  if (predict === null) throw new Error(`${file} predicts nothing`);
  const choices = (predict.choices ?? []).map((choice, n) => `${n + 1}. ${choice}`);
  return [`**Predict:** ${predict.ask}`, ...(choices.length === 0 ? [] : [choices.join("\n")])].join("\n\n");
}

function describeAnswer({ predict }: Lesson): string {
  if (predict === null) return "";
  const which = predict.choices === undefined ? "" : `${predict.answer}. `;
  return `**Answer:** ${which}${answerOf(predict)}\n\n${predict.because ?? ""}`;
}

/** The steps in words: they tell the outcome. */
function describeSteps({ steps }: Lesson): string {
  return ["**Steps:**", "", ...steps.map(({ say, text }, n) => `${n + 1}. ${say} (\`${text}\`)`)].join("\n");
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

/** As code hosts make them of headings. */
function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^a-z0-9 -]/g, "")
    .replaceAll(" ", "-");
}
