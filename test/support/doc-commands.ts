// Reads what a document shows: its console blocks with their commands and output, its links, its tables.
//
//   <!-- runs: local -->            the `npx lab` commands of the next console block are run, one after the other
//   <!-- runs: sim, exits 5 0 -->   the same, with the exit code of each command; without them all are 0
//   <!-- shown: docker -->          the block is only shown; the word says what it would take
import { stripVTControlCharacters } from "node:util";

export interface DocCommand {
  /** Line in the document, from 1. */
  readonly line: number;
  /** Words behind `npx lab`; null: another program. */
  readonly labArgs: readonly string[] | null;
  readonly text: string;
  readonly exitCode: number;
  /** The lines below it. */
  readonly output: readonly string[];
}

export interface DocBlock {
  readonly line: number;
  /** Null: no marker stands above the block. */
  readonly marker: { readonly kind: "runs" | "shown"; readonly where: string } | null;
  readonly commands: readonly DocCommand[];
}

export function readConsoleBlocks(document: string): DocBlock[] {
  const lines = document.split("\n");
  const blocks: DocBlock[] = [];
  for (const [i, line] of lines.entries()) {
    if (line !== "```console") continue;
    const end = lines.indexOf("```", i + 1);
    const marker = /^<!-- (runs|shown): (\w+)(?:, exits ([\d ]+))? -->$/.exec(lines[i - 1] ?? "");
    blocks.push({
      line: i + 1,
      marker: marker === null ? null : { kind: marker[1] as "runs" | "shown", where: marker[2] ?? "" },
      commands: readCommands(lines.slice(i + 1, end), i + 2, (marker?.[3] ?? "").split(" ").map(Number)),
    });
  }
  return blocks;
}

function readCommands(lines: readonly string[], firstLine: number, exitCodes: readonly number[]): DocCommand[] {
  const commands: { line: number; text: string; output: string[] }[] = [];
  for (const [i, text] of lines.entries()) {
    if (text.startsWith("$ ")) commands.push({ line: firstLine + i, text: text.slice(2), output: [] });
    else if (text.trim() !== "") commands.at(-1)?.output.push(text);
  }
  return commands.map((command, i) => {
    // The test machine is set up already.
    const lab = command.text.split(" && ").find((part) => part.startsWith("npx lab "));
    return { ...command, labArgs: lab === undefined ? null : lab.split(/\s+/).slice(2), exitCode: exitCodes[i] ?? 0 };
  });
}

/**
 * The lines of `shown` that `actual` lacks, after removing from both what differs from run to run. `[...]` stands for lines that aren't
 * shown.
 */
export function missingLines(shown: readonly string[], actual: string): string[] {
  const seen = new Set(actual.split("\n").map(normalise));
  return shown.filter((line) => line !== "[...]" && !seen.has(normalise(line)));
}

function normalise(line: string): string {
  return (
    stripVTControlCharacters(line)
      .replaceAll(/\d+(?:[.:]\d+)*/g, "#")
      // Times, whatever their unit.
      .replaceAll(/#(?: (?:ms|s|min|h)\b)(?: # (?:ms|s|min|h)\b)*/g, "#")
      // What Docker and the local runtime say differently.
      .replace(/exited \([^)]*\)/, "exited")
      .replace(/backend \w+(?: \+ \w+)*/, "backend")
      .replace(/runs (?:in Docker|as local processes)/, "runs")
      .replaceAll(/\s+/g, " ")
      .trim()
  );
}

/** Targets of links that are no URL, without their anchors. */
export function readRelativeLinks(document: string): string[] {
  return [...document.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z]+:/.test(target) && !target.startsWith("#"))
    .map((target) => target.replace(/#.*/, ""));
}

/** The cells of all table rows whose first cell matches. */
export function readTableRows(document: string, firstCell: RegExp): string[][] {
  return document
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
    .filter(([first = ""]) => firstCell.test(first));
}

/** Paths into the project that stand in backticks, without those that have a placeholder. */
export function readNamedPaths(document: string): string[] {
  return [...document.matchAll(/`((?:lab|node|test|compose|\.ci|\.github)\/[\w./-]+)`/g)].map(([, path = ""]) => path);
}

/** X of every `npm run X`. */
export function readScripts(document: string): string[] {
  return [...document.matchAll(/\bnpm run ([a-z]+)/g)].map(([, script = ""]) => script);
}

export function readHeadings(document: string): string[] {
  return [...document.replaceAll(/^```[\s\S]*?^```$/gm, "").matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => heading);
}

/** The anchor that code hosts give a heading. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w -]/g, "")
    .replaceAll(" ", "-");
}

/** Links to headings of documents, of this one (an empty target) or another. */
export function readAnchoredLinks(document: string): { readonly target: string; readonly anchor: string }[] {
  return [...document.matchAll(/\]\(([\w./-]*)#([^)\s]+)\)/g)].map(([, target = "", anchor = ""]) => ({
    target,
    anchor,
  }));
}
