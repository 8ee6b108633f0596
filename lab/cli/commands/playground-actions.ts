/** `lab play` reads the link, if there is one, and opens the page. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { LabError } from "../../base/lab-error.ts";
import { projectRoot } from "../../engine/node-bundle.ts";
import { readLink } from "../../play/run-link.ts";
import { openBrowser } from "../ui/open-browser.ts";
import type { CommandContext } from "./context.ts";

export interface PlayFlags {
  readonly open: boolean;
}

export async function runPlay({ printer }: CommandContext, link: string | null, { open }: PlayFlags): Promise<void> {
  const path = join(projectRoot(), "dist", "playground.html");
  if (!existsSync(path)) throw new LabError("failed", `${path} is not there`, "make it: `npm run build`");
  const run = link === null ? null : (/#?run=([\w-]+)/.exec(link)?.[1] ?? link);
  const linked = run === null ? null : await readLink(run);
  const url = `${pathToFileURL(path).href}${run === null ? "" : `#run=${run}`}`;
  printer.data({ path, url }, url);
  if (linked?.isOtherVersion === true) printer.say("the link is of another version: it may play another run here");
  if (!open) return;
  openBrowser(url, (why) => printer.say(`the browser can't be opened (${why}): open the file yourself`));
}
