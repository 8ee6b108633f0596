/**
 * `npm run site`: the playground and the documents as a folder that any static host serves (dist/site). Every document that README.md
 * leads to becomes a page, and every file that one links to goes along; nothing is loaded from anywhere else.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { Marked } from "marked";
import { anchorOf } from "../support/doc-commands.ts";

const FIRST = "README.md";
const PLAYGROUND = "playground.html";
const WAYS: readonly (readonly [string, string])[] = [
  [FIRST, "energy-lab"],
  ["lab/README.md", "Manual"],
  ["compose/scenarios/EXPERIMENTS.md", "Experiments"],
  ["node/PROTOCOL.md", "Protocol"],
  ["CHANGELOG.md", "Changes"],
];

export interface Site {
  /** Made pages by their paths in the site. */
  readonly pages: ReadonlyMap<string, string>;
  /** Files that go along, at the same paths. */
  readonly files: ReadonlySet<string>;
}

export function makeSite(root: string): Site {
  const pages = new Map<string, string>();
  const files = new Set<string>();
  const waiting = [FIRST];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (pages.has(pageOf(path))) continue;
    const found: string[] = [];
    pages.set(pageOf(path), renderPage(root, path, found));
    for (const target of found) {
      if (target.endsWith(".md")) waiting.push(target);
      else files.add(target);
    }
  }
  return { pages, files };
}

function pageOf(document: string): string {
  return document === FIRST ? "index.html" : document.replace(/\.md$/, ".html");
}

/** @param found gets the paths of what it links to */
function renderPage(root: string, path: string, found: string[]): string {
  /** Null: a folder without a document of its own. */
  const follow = (href: string): string | null => {
    const [named = "", anchor] = href.split("#");
    if (/^[a-z]+:/.test(href) || named === "") return href;
    let target = posix.join(posix.dirname(path), named);
    if (statSync(join(root, target)).isDirectory()) target = posix.join(target, "README.md");
    if (!existsSync(join(root, target))) return null;
    found.push(target);
    const address = posix.relative(posix.dirname(path), target.endsWith(".md") ? pageOf(target) : target);
    return anchor === undefined ? address : `${address}#${anchor}`;
  };
  const marked = new Marked({ gfm: true });
  marked.use({
    renderer: {
      heading({ depth, tokens, text }) {
        return `<h${depth} id="${anchorOf(text.replaceAll("`", ""))}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
      },
      link({ href, tokens }) {
        const address = follow(href);
        const text = this.parser.parseInline(tokens);
        return address === null ? text : `<a href="${address}">${text}</a>`;
      },
      image({ href, text }) {
        return `<img src="${follow(href)}" alt="${text}">`;
      },
    },
  });
  const body = marked.parse(readFileSync(join(root, path), "utf8"), { async: false });
  const up = "../".repeat(path.split("/").length - 1);
  const ways = WAYS.map(([target, name]) => {
    found.push(target);
    return `<a href="${up}${pageOf(target)}">${name}</a>`;
  });
  const title = /<h1[^>]*>(.*?)<\/h1>/.exec(body)?.[1]?.replaceAll(/<[^>]+>/g, "") ?? path;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src 'self'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${STYLE}</style>
<nav><a href="${up}${PLAYGROUND}"><b>Play</b></a>${ways.join("")}</nav>
<main>
${body}</main>
</html>
`;
}

const STYLE = `
:root { color-scheme: light dark; font: 17px/1.5 system-ui, sans-serif; }
body { max-width: 52rem; margin: 0 auto; padding: 0 1rem 4rem; overflow-wrap: break-word; }
nav { display: flex; flex-wrap: wrap; gap: 1.2rem; padding: 0.8rem 0; border-bottom: 1px solid gray; }
img { max-width: 100%; height: auto; background: white; }
pre { overflow-x: auto; padding: 0.7rem; background: #8882; }
code { font: 0.88em ui-monospace, monospace; }
table { display: block; overflow-x: auto; border-collapse: collapse; }
th, td { padding: 0.25rem 0.6rem; border: 1px solid #8886; text-align: left; vertical-align: top; }
`;

/** @returns the folder. @throws when the playground isn't built */
async function writeSite(root: string): Promise<string> {
  const folder = join(root, "dist/site");
  await rm(folder, { recursive: true, force: true });
  const { pages, files } = makeSite(root);
  for (const [path, html] of pages) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), html);
  }
  for (const path of files) await cp(join(root, path), join(folder, path));
  await cp(join(root, "dist", PLAYGROUND), join(folder, PLAYGROUND));
  return folder;
}

if (import.meta.main) process.stdout.write(`${await writeSite(join(import.meta.dirname, "../.."))}\n`);
