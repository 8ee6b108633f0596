/** `course`: the experiments of the course, as a list, and as a handout with its answer key. */
import { join } from "node:path";
import type { Command } from "commander";
import { projectRoot } from "../../engine/node-bundle.ts";
import { addNotes, type Note } from "../ui/notes.ts";
import { renderTable } from "../ui/table.ts";
import type { CommandContext } from "./context.ts";

const NOTES: readonly Note[] = [
  "Each experiment asks for a prediction first. The pages of play and dash have them as cards; run plays the files.",
  "--print writes one page of HTML: open it in a browser, and print it or save it as PDF. The answer key begins on a page of its own.",
];

export function registerCourseCommand(program: Command, context: CommandContext): void {
  addNotes(
    program
      .command("course")
      .helpGroup("Experiments:")
      .description("list the experiments of the course, or print them for a class")
      .option("--print", "write handout and answer key as HTML, for paper")
      .action((flags: { readonly print?: true }) => showCourse(context, flags.print === true)),
    context.caller.prefix,
    NOTES,
  );
}

async function showCourse({ printer, caller }: CommandContext, isSheet: boolean): Promise<void> {
  const { readCourse } = await import("../../dash/catalogue.ts");
  const lessons = await readCourse(join(projectRoot(), "compose/scenarios"));
  if (isSheet) {
    const { renderCourseSheet } = await import("../ui/course-sheet.ts");
    const html = renderCourseSheet(lessons, caller.prefix);
    printer.data({ html }, html);
    return;
  }
  const rows = lessons.map(({ place, title, file, bug }) => [
    String(place),
    title,
    `compose/scenarios/${file}${bug === null ? "" : ` --bug ${bug.bug}`}`,
  ]);
  printer.data(lessons, renderTable([{ title: "#", align: "right" }, { title: "EXPERIMENT" }, { title: "RUN" }], rows));
}
