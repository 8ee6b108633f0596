/**
 * The course on paper: a handout that asks, and behind it the answer key. One page of HTML that needs nothing else; the browser prints it.
 */
import { answerOf, type Lesson } from "../../scenario/lesson.ts";

const STYLE = `
  body { font: 11pt/1.45 Georgia, serif; max-width: 46em; margin: 2em auto; padding: 0 1.5em; color: #111; background: #fff }
  h1 { font-size: 20pt } h2 { font-size: 14pt; margin: 2em 0 .4em } section { break-inside: avoid }
  ol.choices { list-style: none; padding: 0 } ol.choices li { margin: .3em 0 } ol.choices li::before { content: "\\2610\\00a0\\00a0" }
  .blank { border-bottom: 1px solid #888; height: 1.7em } .number { display: inline-block; width: 6em; border-bottom: 1px solid #888 }
  code { font: 10pt/1.4 ui-monospace, monospace } .key { break-before: page } .steps { color: #333 } dt { font-weight: bold; margin-top: .5em }
  dd { margin: 0 } @media print { body { margin: 0; max-width: none; padding: 0 } a { color: inherit; text-decoration: none } }`;

/** @param lab how commands are called: "npx lab" */
export function renderCourseSheet(lessons: readonly Lesson[], lab: string): string {
  const handout = lessons.map((lesson) => section(lesson, askFor(lesson, lab)));
  const key = lessons.map((lesson) => section(lesson, tellOf(lesson)));
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>energy-lab: the course</title><style>${STYLE}
</style></head>
<body>
<main>
<h1>Break a distributed system: the course</h1>
<p>Name: <span class="number"></span> Date: <span class="number"></span></p>
<p>Write down your prediction before you run anything. A wrong prediction teaches more than a right one: look for the place where the run
differs from your idea, and write down why. The cards of <code>${escapeHtml(lab)} play</code> (panel <i>Course</i>) run the same experiments.</p>
${handout.join("\n")}
</main>
<article class="key">
<h1>Answer key</h1>
${key.join("\n")}
</article>
</body>
</html>
`;
}

function section({ place, title }: Lesson, body: string): string {
  return `<section>\n<h2>${place}. ${escapeHtml(title)}</h2>\n${body}\n</section>`;
}

function askFor({ file, goal, predict, bug }: Lesson, lab: string): string {
  const { ask = "", choices = null } = predict ?? {};
  const flag = bug === null ? "" : ` --bug ${bug.bug}`;
  return [
    goal === "" ? "" : `<p><i>${escapeHtml(goal)}</i></p>`,
    `<p><b>Predict.</b> ${escapeHtml(ask)}</p>`,
    choices === null
      ? `<p>Your number: <span class="number"></span></p>`
      : `<ol class="choices">${choices.map((choice) => `<li>${escapeHtml(choice)}</li>`).join("")}</ol>`,
    `<p><b>Run.</b> <code>${escapeHtml(lab)} run compose/scenarios/${escapeHtml(file)} --runtime sim${flag}</code></p>`,
    `<p><b>Explain</b> what you saw:</p><div class="blank"></div><div class="blank"></div>`,
  ].join("\n");
}

function tellOf({ predict, teaches, explain, more, steps }: Lesson): string {
  const rows: readonly (readonly [string, string])[] = [
    ["Answer", predict === null ? "" : answerOf(predict)],
    ["Because", predict?.because ?? ""],
    ["Background", teaches],
    ["Explanation", explain],
    ["Break it more", more],
  ];
  const list = rows
    .filter(([, text]) => text !== "")
    .map(([name, text]) => `<dt>${name}</dt><dd>${escapeHtml(text)}</dd>`);
  const said = steps.map(({ say, text }) => `<li>${escapeHtml(say)} <code>${escapeHtml(text)}</code></li>`);
  return `<dl>${list.join("\n")}</dl>\n<ol class="steps">${said.join("\n")}</ol>`;
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
