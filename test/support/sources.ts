// The project's own sources as text, for tests of the architecture: which files there are, what they import, their code without comments.
import { readdirSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

export const PROJECT_ROOT = join(import.meta.dirname, "../..");

/** Every .ts and .tsx file below these folders, as paths from the project's root, sorted. */
export function listSources(...folders: readonly string[]): string[] {
  return folders
    .flatMap((folder) => readdirSync(join(PROJECT_ROOT, folder), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(PROJECT_ROOT.length + 1))
    .sort();
}

/** What `file` with this text imports: packages by name, own files as paths from the project's root. */
export function readImports(file: string, text: string): string[] {
  const { withStrings } = blankOut(text);
  const statement = /\b(?:import|export)\b(?:[\w\s{},*$]*?\bfrom)?\s*["']([^"']+)["']/g;
  const call = /\b(?:import|require)\s*\(\s*["'`]([^"'`]+)["'`]/g;
  return [...withStrings.matchAll(statement), ...withStrings.matchAll(call)].map(([, specifier = ""]) =>
    specifier.startsWith(".") ? normalize(join(dirname(file), specifier)) : specifier,
  );
}

/**
 * The source twice, line numbers kept: without comments, and without comments and the text of strings. What stands in a
 * template's `${}` is code. A slash begins a regular expression where an operand is due.
 */
export function blankOut(source: string): { withStrings: string; codeOnly: string } {
  const token =
    /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|(?<=(?:^|[=(,:[!&|?{};+\-*%<>~^]|\breturn|\bcase)\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*|`(?:\\.|\$\{(?:[^{}]|\{[^{}]*\})*\}|[^`\\])*`/gm;
  const blank = (text: string): string => text.replaceAll(/[^\n]/g, " ");
  const isComment = (text: string): boolean => text.startsWith("//") || text.startsWith("/*");
  const keepExpressions = (template: string): string => {
    let code = "";
    let last = 0;
    for (const match of template.matchAll(/\\.|\$\{((?:[^{}]|\{[^{}]*\})*)\}/g)) {
      if (match[1] === undefined) continue;
      code += `${blank(template.slice(last, match.index))}  ${match[1]} `;
      last = match.index + match[0].length;
    }
    return code + blank(template.slice(last));
  };
  return {
    // A string's own text stays, unless it is a regular expression: that may look like an import.
    withStrings: source.replaceAll(token, (text) => (isComment(text) || text.startsWith("/") ? blank(text) : text)),
    codeOnly: source.replaceAll(token, (text) => (text.startsWith("`") ? keepExpressions(text) : blank(text))),
  };
}
