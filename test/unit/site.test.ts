// The documents as a static site: every link leads to a page, a heading or a file of it, so nothing is asked of another host.
import { existsSync } from "node:fs";
import { join, posix } from "node:path";
import { expect, test } from "vitest";
import { makeSite } from "../documents/site.ts";
import { PROJECT_ROOT } from "../support/sources.ts";

const { pages, files } = makeSite(PROJECT_ROOT);

test("must begin with the playground, and hold the documents", () => {
  expect([...pages.keys()]).toEqual(expect.arrayContaining(["index.html", "lab/README.html", "node/PROTOCOL.html"]));
  const words = pages.get("index.html")?.replaceAll(/<style>[\s\S]*?<\/style>|<[^>]+>/g, " ");
  expect(words?.indexOf("Play first")).toBeLessThan(words?.indexOf("energy-lab is a") ?? 0);
  for (const file of files) expect(existsSync(join(PROJECT_ROOT, file)), file).toBe(true);
});

test.each([...pages])("%s must link to what is there", (path, html) => {
  expect(html).toMatch(/<nav><a href="(?:\.\.\/)*playground\.html"><b>Play/);
  const links = [...html.replaceAll(/<pre>[\s\S]*?<\/pre>/g, "").matchAll(/(?:href|src)="([^"]*)"/g)];
  const lost = links.flatMap(([, link = ""]) => {
    if (/^https?:/.test(link)) return [];
    const [named = "", anchor] = link.split("#");
    const target = named === "" ? path : posix.join(posix.dirname(path), named);
    const page = pages.get(target);
    const isThere = page === undefined ? files.has(target) || target === "playground.html" : true;
    return isThere && (anchor === undefined || page?.includes(` id="${anchor}"`)) ? [] : [link];
  });
  expect(lost).toEqual([]);
});
