/** Whether conditions hold in a lab whose nodes run a program that isn't ours: of facts, output, answers. */
import type { NodeId } from "../../node/wire/ids.ts";
import { LabError } from "../base/lab-error.ts";
import { isTrue, parseExpression, showValue } from "../kind/expression.ts";
import { type Facts, isHolder } from "../kind/program-lines.ts";
import { type Comparison, compare, type ParsedCondition } from "./condition-text.ts";
import type { View } from "./lab-conditions.ts";
import type { LabHandle } from "./lab-handle.ts";
import { readFacts, readOutput } from "./program-facts.ts";
import { ask, questionOf, waitForReady } from "./program-lab.ts";

/** @throws LabError("usage") for an expression or a pattern that can't be read */
export function assertReadable(condition: ParsedCondition): void {
  if (condition.word === "ask" || condition.word === "expr") parseExpression(condition.expression);
  if (condition.word === "log") patternOf(condition.pattern);
}

/** @throws LabError("unsupported") for a condition that only our own peers know */
export async function lookAtProgram(lab: LabHandle, condition: ParsedCondition): Promise<View> {
  assertReadable(condition);
  switch (condition.word) {
    case "ready":
      return await lookIfReady(lab);
    case "agree":
      return await lookAtLeaders(lab, null);
    case "leader":
      return await lookAtLeaders(lab, condition);
    case "status": {
      const { status } = lab.node(condition.node);
      const found = status === "starting" ? "running" : status === "created" ? "exited" : status;
      const done = (found === condition.value) === (condition.comparison === "=");
      return { done, seen: `node ${condition.node} is ${found}` };
    }
    case "fact":
      return await lookAtFact(lab, condition);
    case "log":
      return await lookAtLog(lab, condition);
    case "ask":
      return await lookAtAnswer(lab, condition);
    case "expr": {
      const value = await parseExpression(condition.expression).evaluate(await describeState(lab));
      return { done: isTrue(value), seen: `${condition.expression} is ${showValue(value)}` };
    }
    default: {
      const message = `"${condition.text}" is about the lab's own peers: these nodes run another program`;
      const known = "use ready, agree, leader=4, status:3=exited, fact:leader=4, log:3=elected, ask:… or expr …";
      throw new LabError("unsupported", message, known);
    }
  }
}

/** What expressions are about: `{ nodes: [{ leader: "yes", …, id: 1, status: "running" }] }`. */
async function describeState(lab: LabHandle): Promise<unknown> {
  const facts = await readFacts(lab);
  return { nodes: lab.info.nodes.map(({ id, status }) => ({ ...facts.get(id), id, status })) };
}

async function lookAtFact(
  lab: LabHandle,
  { fact, node, comparison, value }: Extract<ParsedCondition, { word: "fact" }>,
): Promise<View> {
  const facts = await readFacts(lab);
  const ids = node === null ? lab.running : [node];
  const others = ids.filter((id) => ((facts.get(id)?.[fact] ?? "") === value) !== (comparison === "="));
  const seen = others.map((id) => `node ${id} ${saysOf(facts.get(id), fact)}`).join(", ");
  return { done: ids.length > 0 && others.length === 0, seen: seen || "no node is running" };
}

function saysOf(own: Facts | undefined, fact: string): string {
  const value = own?.[fact];
  return value === undefined ? `says nothing of ${fact}` : `says ${fact} ${value}`;
}

async function lookAtLog(
  lab: LabHandle,
  { node, pattern, times }: Extract<ParsedCondition, { word: "log" }>,
): Promise<View> {
  const lines = await readOutput(lab, node === null ? lab.ids : [node]);
  const wanted = patternOf(pattern);
  const count = lines.filter(({ text }) => wanted.test(text)).length;
  const who = node === null ? "the nodes" : `node ${node}`;
  const seen = `${who} wrote ${count} lines that match /${pattern}/`;
  return { done: times === null ? count > 0 : count === times, seen };
}

function patternOf(source: string): RegExp {
  try {
    return new RegExp(source, "u");
  } catch (error) {
    throw new LabError("usage", `"${source}": ${(error as Error).message}`, "write a JavaScript regular expression");
  }
}

async function lookAtAnswer(lab: LabHandle, condition: Extract<ParsedCondition, { word: "ask" }>): Promise<View> {
  const expression = parseExpression(condition.expression);
  const question = questionOf(lab, "ask", condition.question);
  const views = await Promise.all(
    (condition.node === null ? lab.running : [condition.node]).map(async (id): Promise<View> => {
      try {
        const value = await expression.evaluate(await ask(lab, id, question, []));
        return { done: isTrue(value), seen: `node ${id}: ${condition.expression} is ${showValue(value)}` };
      } catch (error) {
        if (!(error instanceof LabError) || error.exit === "usage") throw error;
        return { done: false, seen: error.message };
      }
    }),
  );
  return views.find(({ done }) => !done) ?? { done: views.length > 0, seen: "no node is running" };
}

/** `ready`: by the program's own sign, now. */
async function lookIfReady(lab: LabHandle): Promise<View> {
  try {
    await waitForReady(lab, lab.running, { timeoutMs: 0 });
    return { done: lab.running.length > 0, seen: "no node is running" };
  } catch (error) {
    if (error instanceof LabError && (error.exit === "timeout" || error.exit === "failed"))
      return { done: false, seen: error.message };
    throw error;
  }
}

/** Whether all running nodes name the same leader, by their fact of that name. */
async function lookAtLeaders(
  lab: LabHandle,
  wanted: { readonly node: NodeId | null; readonly comparison: Comparison; readonly value: number } | null,
): Promise<View> {
  const facts = await readFacts(lab);
  const leaderOf = (id: NodeId): number => {
    const value = facts.get(id)?.leader;
    return isHolder(id, value) ? id : Number(value ?? 0) || 0;
  };
  const ids = wanted?.node == null ? lab.running : [wanted.node];
  const leaders = ids.map(leaderOf);
  const seen = ids.map((id, i) => `node ${id} follows ${leaders[i] || "nobody"}`).join(", ");
  const isOne = new Set(leaders).size === 1 && leaders[0] !== 0;
  const done = wanted === null ? isOne : isOne && compare(leaders[0] ?? 0, wanted.comparison, wanted.value);
  return { done, seen: seen || "no node is running" };
}
