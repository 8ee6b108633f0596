/** `lab play` reads the link, if there is one, and opens the page. */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { LabError } from "../../base/lab-error.ts";
import { BY_HAND_BYTES_MAX, readUserFile } from "../../base/user-file.ts";
import { projectRoot } from "../../engine/node-bundle.ts";
import { readLink, writeLink } from "../../play/run-link.ts";
import { readReport } from "../../report/read-report.ts";
import { parseScenario } from "../../scenario/parse-scenario.ts";
import { readLesson } from "../../scenario/read-lesson.ts";
import { openBrowser } from "../ui/open-browser.ts";
import type { CommandContext } from "./context.ts";

export interface PlayFlags {
  readonly open: boolean;
}

export async function runPlay({ printer }: CommandContext, given: string | null, { open }: PlayFlags): Promise<void> {
  const path = join(projectRoot(), "dist", "playground.html");
  if (!existsSync(path)) throw new LabError("failed", `${path} is not there`, "make it: `npm run build`");
  const run = given === null ? null : await findLink(given);
  const linked = run === null ? null : await readLink(run);
  const url = `${pathToFileURL(path).href}${run === null ? "" : `#run=${run}`}`;
  printer.data({ path, url }, url);
  if (linked?.isOtherVersion === true) printer.say("the link is of another version: it may play another run here");
  if (!open) return;
  openBrowser(url, (why) => printer.say(`the browser can't be opened (${why}): open the file yourself`));
}

const NAME_ONE = "name a scenario, a report's folder, or a link";

/** @param given a link, the folder of a report, or a scenario's file */
async function findLink(given: string): Promise<string> {
  if (!existsSync(given)) {
    const link = /#?run=([\w-]+)/.exec(given)?.[1] ?? /^[\w-]+$/.exec(given)?.[0];
    if (link !== undefined) return link;
    throw new LabError("usage", `"${given}" is no link, and no such file is there`, NAME_ONE);
  }
  if (statSync(given).isDirectory()) {
    const { results, path } = await readReport(given);
    if (results.link !== null) return results.link;
    throw new LabError(
      "usage",
      `${path} holds no run that the playground can play: that is a scenario's run in virtual time`,
      "play its scenario with --runtime sim --report",
    );
  }
  const text = await readUserFile(given, BY_HAND_BYTES_MAX, NAME_ONE);
  const scenario = parseScenario(text, given);
  const nodes = readLesson(given, scenario).nodes ?? 5;
  return await writeLink({ seed: scenario.seed ?? 1, nodes, bug: null, scenario: text, steps: [] }, 0);
}
