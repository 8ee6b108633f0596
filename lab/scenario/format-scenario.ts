/**
 * Writes a scenario down as YAML, for people: short forms where nothing is lost, one line a step. Reading it again gives the same
 * scenario, so a schedule that was drawn at random can be kept, changed and replayed.
 */
import { Document, isMap, isSeq, type Node, visit } from "yaml";
import { type Scenario, type Step, verbOf } from "./scenario-schema.ts";

const SCHEMA_LINE = (schema: string) => ` yaml-language-server: $schema=${schema}`;

export interface FormatOptions {
  /** Lines of a comment above everything: where it comes from, how to replay it. */
  readonly comment?: readonly string[];
  /** Where an editor finds the JSON Schema, as it stands in the first line; absent: no such line. */
  readonly schema?: string;
}

export function formatScenario(scenario: Scenario, options: FormatOptions = {}): string {
  const { steps, ...header } = scenario;
  const document = new Document({ ...withoutUndefined(header), steps: steps.map(formatStep) });
  visit(document, {
    // The header and the lists of steps stand line by line, what a single verb takes stands in its line.
    Pair(_key, pair, path) {
      const isOfStep = path.some((node) => isSeq(node));
      const holdsSteps = isSeq(pair.value) && pair.value.items.some((item) => isMap(item));
      if (isOfStep && !holdsSteps && (isMap(pair.value) || isSeq(pair.value)) && !containsSteps(pair.value))
        pair.value.flow = true;
    },
  });
  const comment = [
    ...(options.schema === undefined ? [] : [SCHEMA_LINE(options.schema)]),
    ...(options.comment ?? []).map((line) => ` ${line}`),
  ];
  if (comment.length > 0) document.commentBefore = comment.join("\n");
  return document.toString({ lineWidth: 120, flowCollectionPadding: true });
}

function containsSteps(node: Node): boolean {
  return isMap(node) && node.items.some((pair) => String(pair.key) === "steps");
}

function formatStep(step: Step): unknown {
  const { verb, fields } = verbOf(step);
  const { at, background, note, say, explain, runtimes, otherwise } = step;
  const notes = {
    note,
    say,
    explain,
    runtimes,
    otherwise: otherwise === undefined || otherwise === "skip" ? otherwise : formatStep(otherwise),
  };
  return withoutUndefined({ at, background, [verb]: formatFields(verb, fields), ...notes });
}

function formatFields(verb: string, fields: unknown): unknown {
  if (Array.isArray(fields)) return fields.map((step: Step) => formatStep(step));
  const value = withoutUndefined(fields as Record<string, unknown>);
  if (Array.isArray(value.steps)) return { ...value, steps: value.steps.map((step: Step) => formatStep(step)) };
  const keys = Object.keys(value);
  if (verb === "heal" && keys.length === 0) return "all";
  if (keys.length === 1 && keys[0] === "nodes" && !(verb === "heal" && value.nodes === "all"))
    return shorten(String(value.nodes));
  if (keys.length === 1 && keys[0] === "to") return value.to;
  if (keys.length === 1 && keys[0] === "message") return value.message;
  if (verb === "sleep") return value.for;
  if (verb === "load" && value.stop === true) return "stop";
  if ((verb === "sell" || verb === "buy") && keys.length === 3 && !/\s/.test(`${value.node}${value.peer}`))
    return `${value.node} ${value.peer} ${value.amount}`;
  return value;
}

/** `5` reads better than `"5"`. */
function shorten(nodes: string): string | number {
  return /^[1-9]\d{0,4}$/.test(nodes) ? Number(nodes) : nodes;
}

function withoutUndefined(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined));
}
