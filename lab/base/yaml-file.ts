/**
 * Files that people write in YAML, read with positions: every complaint names file, line and column, says what is wrong in one
 * sentence, and what was probably meant. lab.yaml and scenarios are read by this.
 *
 * Pure: text in, value out. Anchors and merge keys (`<<: *base`) work; top-level keys that begin with `x-` are free for anchors.
 *
 * By hand above the packages `yaml` and `zod`: the one knows positions and no schema, the other the schema and no positions.
 */
import { type Document, isMap, isScalar, LineCounter, type Node, type ParsedNode, parseDocument } from "yaml";
import type * as z from "zod";
import { LabError } from "./lab-error.ts";
import { didYouMean } from "./suggest.ts";
import { findBadAlias } from "./yaml-alias.ts";

const COMPLAINTS_MAX = 10;

export interface YamlFile<S extends z.ZodType> {
  /** Only for messages. */
  readonly path: string;
  readonly schema: S;
  /** Where to see what is allowed: "see compose/lab.yaml for what is allowed". */
  readonly help: string;
}

/** Where in a file something is: 1 is the first line and the first column. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A file's value, and where each part of it stands. */
export interface Located<T> {
  readonly value: T;
  /** Position of the deepest part of the path that the file has: of a field its name, of anything else where it begins. */
  locate(path: readonly PropertyKey[]): Position;
}

/** Throws LabError("usage") that names file, line and column, also as `details`. */
export function parseYaml<S extends z.ZodType>(text: string, file: YamlFile<S>): Located<z.output<S>> {
  try {
    return readYaml(text, file);
  } catch (error) {
    // The parser and the schema follow the file's nesting with the stack.
    if (!(error instanceof RangeError)) throw error;
    throw complain(file.path, { line: 1, column: 1 }, "lists or fields are nested too deeply", file.help);
  }
}

/** The names of the fields at the top of a file; none when it isn't YAML, or no map. */
export function readFieldNames(text: string): readonly string[] {
  try {
    const { contents } = parseDocument(text, { logLevel: "error" });
    return isMap(contents) ? contents.items.map(({ key }) => String(isScalar(key) ? key.value : key)) : [];
  } catch {
    return [];
  }
}

function readYaml<S extends z.ZodType>(text: string, file: YamlFile<S>): Located<z.output<S>> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, merge: true, logLevel: "error" });
  const positionAt = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const problem = document.errors[0];
  if (problem !== undefined) {
    if (/call stack/.test(problem.message)) throw new RangeError(problem.message);
    const what = problem.message.split(" at line ")[0] ?? problem.message;
    const hint =
      problem.code === "MULTILINE_IMPLICIT_KEY"
        ? "the line before needs a colon: `kill: leader`"
        : "it must be valid YAML";
    throw complain(file.path, positionAt(problem.pos[0]), what, hint);
  }
  const bad = findBadAlias(document);
  if (bad !== null) throw complain(file.path, positionAt(bad.offset), bad.message, bad.hint);
  const json = withoutExtensions(toPlain(document, file.path));
  const locate = (path: readonly PropertyKey[]) => positionAt(findOffset(document.contents, path));
  const parsed = file.schema.safeParse(json);
  if (parsed.success) return { value: parsed.data, locate };
  const found = explainIssues(parsed.error.issues, { json, schema: file.schema, help: file.help });
  throw complainOfAll(file.path, found, locate);
}

/** The values behind aliases have been counted, so the package need not count uses. */
function toPlain(document: Document.Parsed, path: string): unknown {
  try {
    return document.toJS({ maxAliasCount: -1 }) ?? {};
  } catch (error) {
    if (error instanceof RangeError) throw error;
    throw complain(path, { line: 1, column: 1 }, (error as Error).message, "it must be valid YAML");
  }
}

/** The first ten mistakes in the order of the file, so that an author can correct them all at once. */
function complainOfAll(
  path: string,
  found: readonly Explanation[],
  locate: (path: readonly PropertyKey[]) => Position,
): LabError {
  const complaints = found
    .map((explanation) => ({ position: locate(explanation.path), ...explanation }))
    .sort((a, b) => a.position.line - b.position.line || a.position.column - b.position.column)
    .slice(0, COMPLAINTS_MAX)
    .map(({ position, message, hint }) => complain(path, position, message, hint));
  const last = complaints.at(-1);
  if (last === undefined) return new LabError("usage", `${path}: invalid`, "");
  const earlier = complaints.slice(0, -1).map(({ message, hint }) => `${message}\n  ${hint}\n`);
  const left = found.length - complaints.length;
  const text = `${earlier.join("")}${last.message}${left > 0 ? `\n  (and ${left} more)` : ""}`;
  return new LabError("usage", text, last.hint, { details: { ...complaints[0]?.details, mistakes: found.length } });
}

/** The error that points at a place in a file. */
export function complain(path: string, position: Position, message: string, hint: string): LabError {
  const { line, column } = position;
  return new LabError("usage", `${path}:${line}:${column}: ${message}`, hint, { details: { path, line, column } });
}

function withoutExtensions(json: unknown): unknown {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return json;
  return Object.fromEntries(Object.entries(json).filter(([key]) => !key.startsWith("x-")));
}

type Issue = z.core.$ZodIssue;

interface Explaining {
  readonly json: unknown;
  readonly schema: z.ZodType;
  readonly help: string;
}

interface Explanation {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly hint: string;
}

/** Zod's issues as sentences, and where in the value each is. A misspelt field explains what is missing beside it. */
function explainIssues(issues: readonly Issue[], context: Explaining): readonly Explanation[] {
  const misspelt = issues.filter((issue) => issue.code === "unrecognized_keys").map((issue) => String(issue.path));
  const isExplained = (issue: Issue) =>
    (issue.code === "custom" && misspelt.includes(String(issue.path))) ||
    (isMissing(issue, context) && misspelt.includes(String(issue.path.slice(0, -1))));
  return issues.filter((issue) => !isExplained(issue)).flatMap((issue) => explainIssue(issue, context));
}

function isMissing(issue: Issue, { json }: Explaining): boolean {
  const isType = issue.code === "invalid_type" || issue.code === "invalid_union";
  return isType && issue.path.length > 0 && read(json, issue.path) === undefined;
}

function explainIssue(issue: Issue, context: Explaining): readonly Explanation[] {
  const name = issue.path.length === 0 ? "the file" : describePath(issue.path);
  if (isMissing(issue, context)) return [{ path: issue.path, message: `${name} is missing`, hint: context.help }];
  switch (issue.code) {
    case "unrecognized_keys": {
      const known = knownKeys(context.schema, issue.path);
      return issue.keys.map((key) => ({
        path: [...issue.path, key],
        message: `unknown field "${key}"`,
        hint: didYouMean(key, known, `known are: ${known.join(", ")}`),
      }));
    }
    case "invalid_key": {
      const [inner] = issue.issues;
      if (inner === undefined) break;
      return [{ path: issue.path, message: `${name}: ${inner.message}`, hint: context.help }];
    }
    case "invalid_union": {
      const nested = bestBranch(issue.errors);
      if (nested === undefined) break;
      const full = nested.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }) as Issue);
      return explainIssues(full, context);
    }
    case "invalid_value": {
      const value = read(context.json, issue.path);
      const known = issue.values.map(String);
      const message = `${name} can't be ${JSON.stringify(value)}`;
      return [
        { path: issue.path, message, hint: didYouMean(String(value), known, `allowed are: ${known.join(", ")}`) },
      ];
    }
    case "custom": {
      const hint = issue.params?.hint;
      return [{ path: issue.path, message: issue.message, hint: typeof hint === "string" ? hint : context.help }];
    }
    default:
  }
  return [{ path: issue.path, message: `${name}: ${issue.message}`, hint: context.help }];
}

/** The branch of a union that fits the value's own type says more than "invalid input". */
function bestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const isMismatch = (issues: readonly Issue[]): boolean =>
    issues.every(
      (issue) =>
        issue.path.length === 0 &&
        (issue.code === "invalid_type" || (issue.code === "invalid_union" && issue.errors.every(isMismatch))),
    );
  return branches.find((issues) => !isMismatch(issues));
}

/** "steps.3.kill" as a person counts: "step 4, kill". */
function describePath(path: readonly PropertyKey[]): string {
  return path
    .map((key, index) => {
      if (typeof key !== "number") return key === "steps" && typeof path[index + 1] === "number" ? "" : String(key);
      return path[index - 1] === "steps" ? `step ${key + 1}` : `[${key}]`;
    })
    .filter((part) => part !== "")
    .join(".")
    .replaceAll(".[", "[")
    .replaceAll(/(step \d+)\./g, "$1, ");
}

function read(json: unknown, path: readonly PropertyKey[]): unknown {
  let value = json;
  for (const key of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[key];
  return value;
}

/** Field names that the schema allows at this place. */
function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): readonly string[] {
  let schemas = unwrap(schema);
  for (const key of path) schemas = schemas.flatMap((candidate) => childrenOf(candidate, key)).flatMap(unwrap);
  const shapes = schemas.flatMap((candidate) => (isKind(candidate, "object") ? Object.keys(candidate.def.shape) : []));
  return [...new Set(shapes)];
}

/** The parts of a zod schema's definition that are walked here. */
type Walkable =
  | { readonly def: { readonly type: "object"; readonly shape: Record<string, z.ZodType> } }
  | { readonly def: { readonly type: "record"; readonly valueType: z.ZodType } }
  | { readonly def: { readonly type: "array"; readonly element: z.ZodType } };

function isKind<K extends Walkable["def"]["type"]>(
  schema: unknown,
  type: K,
): schema is Extract<Walkable, { def: { type: K } }> {
  return (schema as Walkable).def.type === type;
}

function childrenOf(schema: z.ZodType, key: PropertyKey): readonly z.ZodType[] {
  if (isKind(schema, "object"))
    return schema.def.shape[String(key)] === undefined ? [] : [schema.def.shape[String(key)] as z.ZodType];
  if (isKind(schema, "record")) return [schema.def.valueType];
  return isKind(schema, "array") ? [schema.def.element] : [];
}

/** Through optional, nullable, pipes, lazies and unions to what can have fields. */
function unwrap(schema: z.ZodType): readonly z.ZodType[] {
  const def = schema.def as {
    readonly innerType?: z.ZodType;
    readonly in?: z.ZodType;
    readonly options?: readonly z.ZodType[];
    readonly getter?: () => z.ZodType;
  };
  const inner = [def.innerType, def.in, def.getter?.(), ...(def.options ?? [])].filter((part) => part !== undefined);
  return inner.length === 0 ? [schema] : inner.flatMap(unwrap);
}

function findOffset(contents: ParsedNode | null, path: readonly PropertyKey[]): number {
  let offset = contents?.range?.[0] ?? 0;
  let node: unknown = contents;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      if (pair === undefined) break;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    } else {
      const item = (node as { items?: readonly Node[] } | null)?.items?.[Number(key)];
      if (item === undefined) break;
      offset = item.range?.[0] ?? offset;
      node = item;
    }
  }
  return offset;
}
