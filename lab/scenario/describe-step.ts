/**
 * A step in one line, as it could be typed: "kill leader", "netem 3 delay 100ms", "wait leader=4 within 10s".
 */
import { listConditions } from "./condition-schema.ts";
import { type Step, verbOf } from "./scenario-schema.ts";

export function describeStep(step: Step): string {
  const { verb, fields } = verbOf(step);
  return `${verb} ${describeFields({ verb, fields } as ReturnType<typeof verbOf>)}`.trim();
}

function describeFields(action: ReturnType<typeof verbOf>): string {
  switch (action.verb) {
    case "parallel":
    case "sequence":
      return countSteps(action.fields.length);
    case "repeat":
      return `${action.fields.times} times: ${action.fields.steps.map(describeStep).join("; ")}`;
    case "every":
      return `${action.fields.interval} for ${action.fields.for}: ${action.fields.steps.map(describeStep).join("; ")}`;
    case "wait":
    case "expect":
      return [...listConditions(action.fields), ...named("within", action.fields.within)].join(" ");
    case "sell":
    case "buy": {
      const { node, peer, amount, expect, code } = action.fields;
      const ending =
        expect === undefined || expect === "settled" ? [] : [`(${[expect, code].filter(Boolean).join(": ")})`];
      return [node, peer, String(amount), ...ending].join(" ");
    }
    case "load": {
      const { stop, rate, pairs } = action.fields;
      if (stop === true) return "stop";
      const who = pairs === undefined ? [] : [`between ${pairs.map((pair) => pair.join(" and ")).join(", ")}`];
      return [`${rate}`, ...who, ...named("for", action.fields.for)].join(" ");
    }
    case "partition": {
      const { groups = [], shape, bridge, oneWay } = action.fields;
      const words = [...groups, ...(shape === undefined ? [] : [shape]), ...(bridge === undefined ? [] : [bridge])];
      return [...words, ...(oneWay === true ? ["one-way"] : []), ...named("for", action.fields.for)].join(" ");
    }
    case "scale":
      return String(action.fields.to);
    case "join":
      return String(action.fields.count);
    case "sleep":
      return action.fields.for;
    default:
      return describeOthers(action.fields);
  }
}

/** Nodes (or the message) first, then whatever else is said, by its name. */
function describeOthers(fields: Readonly<Record<string, unknown>>): string {
  const { nodes, node, message, ...others } = fields;
  const who = nodes ?? node ?? message;
  const rest = Object.entries(others).flatMap(([name, value]) => named(name, value));
  return [...(who === undefined ? [] : [String(who)]), ...rest].join(" ");
}

function named(name: string, value: unknown): string[] {
  if (value === undefined) return [];
  return value === true ? [name] : [`${name} ${String(value)}`];
}

function countSteps(count: number): string {
  return count === 1 ? "1 step" : `${count} steps`;
}
