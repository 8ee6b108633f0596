/**
 * Looks whether conditions hold (condition-text.ts): what `lab wait` waits for, `lab assert` looks at once, and scenarios expect.
 */
import { type PingData, StateData } from "../../node/wire/control.ts";
import type { NodeId } from "../../node/wire/ids.ts";
import { LabError } from "../base/lab-error.ts";
import type { NodeInfo } from "../engine/engine.ts";
import { type Comparison, compare, type ParsedCondition, parseConditionText } from "./condition-text.ts";
import { type Agreement, type Answers, findCoordinator, judgeAgreement, judgeConvergence } from "./judge-agreement.ts";
import type { LabHandle } from "./lab-handle.ts";
import { mintedCredits } from "./minted.ts";

/** Does it hold, and what is seen instead? */
export interface View {
  readonly done: boolean;
  readonly seen: string;
}

export interface Condition {
  readonly text: string;
  look(lab: LabHandle, answers: Answers): View | Promise<View>;
}

/** Throws LabError("usage") for what it doesn't know. */
export function parseCondition(text: string): Condition {
  const parsed = parseConditionText(text);
  return {
    text,
    look: (lab, answers) => lab.kind.look(parsed, lab, answers),
  };
}

/** All of them at the same look; of several that don't hold, the first one is told. */
export async function lookAtAll(conditions: readonly Condition[], lab: LabHandle, answers: Answers): Promise<View> {
  for (const condition of conditions) {
    const view = await condition.look(lab, answers);
    if (!view.done) return view;
  }
  return { done: true, seen: "" };
}

/** Of our own peers. @throws LabError("unsupported") for what only programs of one's own tell */
export function lookAtPeers(condition: ParsedCondition, lab: LabHandle, answers: Answers): View | Promise<View> {
  switch (condition.word) {
    case "fact":
    case "log":
    case "ask":
    case "expr":
      throw new LabError(
        "unsupported",
        `"${condition.text}" is about programs of one's own`,
        "these nodes are the lab's own peers",
      );
    case "agree":
      return lookAtAgreement(lab, answers, (agreement) => agreement.agreed);
    case "converged":
      return fromAgreement(judgeConvergence(answers));
    case "ready":
      return isReady(answers);
    case "conserved":
      return isConserved(lab);
    case "elected":
      if (!("node" in condition)) return lookAtAgreement(lab, answers, (agreement) => agreement.elected);
      return ofOne(answers, condition.node, (ping) => ({
        done: ping.elected === condition.value,
        seen: `node ${ping.id} follows ${ping.coordinator ?? "nobody"} (${ping.elected ? "elected" : "provisional"})`,
      }));
    case "state":
      return lookAtState(lab, condition);
    case "status":
      return lookAtStatus(lab.node(condition.node), condition);
    case "nodes": {
      const ready = present(answers).filter((ping) => ping.phase === "READY").length;
      return { done: compare(ready, condition.comparison, condition.value), seen: `${ready} nodes are ready` };
    }
    case "leader":
      if (condition.node === null) return isLeader(answers, condition.comparison, condition.value);
      return ofOne(answers, condition.node, ({ id, coordinator }) => ({
        done: compare(coordinator ?? 0, condition.comparison, condition.value),
        seen: `node ${id} follows ${coordinator ?? "nobody"}`,
      }));
    case "balance":
      return ofSome(answers, condition, (ping) => [ping.balance, `has ${ping.balance}`]);
    case "term":
      return ofSome(answers, condition, (ping) => [ping.term, `is in term ${ping.term}`]);
    case "holdback":
      return ofSome(answers, condition, (ping) => [ping.holdback, `has ${ping.holdback} messages held back`]);
    case "pending":
      return ofSome(answers, condition, (ping) => [ping.pending, `has ${ping.pending} trades pending`]);
  }
}

function fromAgreement(agreement: Agreement): View {
  return { done: agreement.agreed, seen: agreement.reason };
}

async function lookAtAgreement(
  lab: LabHandle,
  answers: Answers,
  holds: (agreement: Agreement) => boolean,
): Promise<View> {
  const agreement = judgeAgreement(answers, { sides: await lab.sides() });
  if (!agreement.agreed) return fromAgreement(agreement);
  return { done: holds(agreement), seen: `coordinator ${agreement.coordinator} is only provisional` };
}

function present(answers: Answers): readonly PingData[] {
  return [...answers.values()].filter((ping) => ping !== null);
}

function isReady(answers: Answers): View {
  const unready = [...answers].filter(([, ping]) => ping?.phase !== "READY");
  const seen = unready
    .map(([id, ping]) => `node ${id} ${ping === null ? "doesn't answer" : `is ${ping.phase}`}`)
    .join(", ");
  return { done: unready.length === 0 && answers.size > 0, seen: answers.size === 0 ? "no node is running" : seen };
}

function isLeader(answers: Answers, comparison: Comparison, id: NodeId): View {
  const { agreed, coordinator, reason } = judgeAgreement(answers);
  if (agreed) return { done: compare(coordinator ?? 0, comparison, id), seen: `coordinator is ${coordinator}` };
  return { done: false, seen: `${reason} (coordinator ${findCoordinator(answers) ?? "none"})` };
}

function ofOne(answers: Answers, id: NodeId, judge: (ping: PingData) => View): View {
  const ping = answers.get(id);
  return ping === undefined || ping === null ? { done: false, seen: `node ${id} doesn't answer` } : judge(ping);
}

/** A number of one node, or of all that run. */
function ofSome(
  answers: Answers,
  condition: { readonly node: NodeId | null; readonly comparison: Comparison; readonly value: number },
  measure: (ping: PingData) => readonly [value: number, sentence: string],
): View {
  const ids = condition.node === null ? [...answers.keys()] : [condition.node];
  const views = ids.map((id) =>
    ofOne(answers, id, (ping) => {
      const [value, sentence] = measure(ping);
      return { done: compare(value, condition.comparison, condition.value), seen: `node ${id} ${sentence}` };
    }),
  );
  if (views.length === 0) return { done: false, seen: "no node is running" };
  const others = views.filter((view) => !view.done);
  return { done: others.length === 0, seen: others.map((view) => view.seen).join(", ") };
}

/** How other running nodes see a node. */
async function lookAtState(lab: LabHandle, condition: Extract<ParsedCondition, { word: "state" }>): Promise<View> {
  const { node, observers, comparison, value } = condition;
  const eyes = observers ?? lab.running.filter((other) => other !== node);
  const views = await Promise.all(
    eyes.map(async (observer) => {
      const state = await askState(lab, observer);
      const found = state?.members.find((member) => member.id === node)?.state ?? "UNKNOWN";
      const done = state !== null && (found === value) === (comparison === "=");
      return {
        done,
        seen: state === null ? `node ${observer} doesn't answer` : `node ${observer} sees ${node} as ${found}`,
      };
    }),
  );
  if (views.length === 0) return { done: false, seen: "no other node is running" };
  const others = views.filter((view) => !view.done);
  return { done: others.length === 0, seen: others.map((view) => view.seen).join(", ") };
}

function lookAtStatus({ id, status }: NodeInfo, condition: Extract<ParsedCondition, { word: "status" }>): View {
  const found = status === "starting" ? "running" : status === "created" ? "exited" : status;
  return { done: (found === condition.value) === (condition.comparison === "="), seen: `node ${id} is ${found}` };
}

/** Each running node's books add up to what was minted for the accounts that it knows. */
async function isConserved(lab: LabHandle): Promise<View> {
  const minted = await mintedCredits(lab);
  const views = await Promise.all(
    lab.running.map(async (id): Promise<View> => {
      const state = await askState(lab, id);
      if (state === null) return { done: false, seen: `node ${id} doesn't answer` };
      const accounts = Object.entries(state.balances);
      const sum = accounts.reduce((total, [, balance]) => total + balance, 0);
      const expected = accounts.reduce((total, [account]) => total + minted(Number(account)), 0);
      return {
        done: sum === expected,
        seen: `node ${id} counts ${sum} credits in ${accounts.length} accounts, not ${expected}`,
      };
    }),
  );
  if (views.length === 0) return { done: false, seen: "no node is running" };
  return views.find((view) => !view.done) ?? { done: true, seen: "" };
}

/** Null: no answer in time. */
async function askState(lab: LabHandle, id: NodeId): Promise<StateData | null> {
  try {
    return StateData.parse((await lab.call(id, { op: "state" }, { timeoutMs: 1_000 })).data);
  } catch (error) {
    if (!(error instanceof LabError) || error.exit === "interrupted") throw error;
    return null;
  }
}
