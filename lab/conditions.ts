/**
 * What `lab wait` can wait for: `agree`, `converged`, `ready`, `leader=4`, `nodes=5`, `state:3=FAILED`, `balance:2=130`.
 */
import { type PingData, StateData } from "../node/wire/control.ts";
import type { NodeId } from "../node/wire/ids.ts";
import { PeerState } from "../node/wire/message.ts";
import { type Answers, findCoordinator, judgeAgreement, judgeConvergence } from "./agreement.ts";
import { LabError } from "./errors.ts";
import type { Lab } from "./lab.ts";
import { suggest } from "./suggest.ts";

/** Does it hold, and what is seen instead? */
export interface View {
  readonly done: boolean;
  readonly seen: string;
}

export interface Condition {
  readonly text: string;
  look(lab: Lab, answers: Answers): View | Promise<View>;
}

const KNOWN = ["agree", "converged", "ready", "leader", "nodes", "state", "balance"];

/** Throws LabError("usage") for what it doesn't know. */
export function parseCondition(text: string): Condition {
  const match = /^([a-z]+)(?::(\d+))?(?:=(.+))?$/.exec(text);
  const [, word = "", subject, value] = match ?? [];
  const id = subject === undefined ? undefined : Number(subject);
  if (word === "agree" && value === undefined)
    return { text, look: async (lab, answers) => fromAgreement(judgeAgreement(answers, { sides: await lab.sides() })) };
  if (word === "converged" && value === undefined)
    return { text, look: (_lab, answers) => fromAgreement(judgeConvergence(answers)) };
  if (word === "ready" && value === undefined) return { text, look: (_lab, answers) => isReady(answers) };
  if (word === "leader" && value !== undefined && isCount(value))
    return { text, look: (_lab, answers) => isLeader(answers, Number(value)) };
  if (word === "nodes" && value !== undefined && isCount(value))
    return { text, look: (_lab, answers) => hasNodes(answers, Number(value)) };
  if (word === "balance" && id !== undefined && value !== undefined && isCount(value)) {
    return { text, look: (_lab, answers) => hasBalance(answers, id, Number(value)) };
  }
  if (word === "state" && id !== undefined && value !== undefined) return { text, look: stateOf(id, value) };
  const near = suggest(word, KNOWN);
  throw new LabError(
    "usage",
    `"${text}" can't be waited for`,
    near !== undefined && near !== word
      ? `did you mean "${near}"?`
      : "write agree, converged, ready, leader=4, nodes=5, state:3=FAILED or balance:2=130",
  );
}

/** All of them at the same look. */
export async function lookAtAll(conditions: readonly Condition[], lab: Lab, answers: Answers): Promise<View> {
  for (const condition of conditions) {
    const view = await condition.look(lab, answers);
    if (!view.done) return view;
  }
  return { done: true, seen: "" };
}

function fromAgreement(agreement: { agreed: boolean; reason: string }): View {
  return { done: agreement.agreed, seen: agreement.reason };
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

function isLeader(answers: Answers, id: NodeId): View {
  const agreement = judgeAgreement(answers);
  if (agreement.agreed) return { done: agreement.coordinator === id, seen: `coordinator is ${agreement.coordinator}` };
  return { done: false, seen: `${agreement.reason} (coordinator ${findCoordinator(answers) ?? "none"})` };
}

function hasNodes(answers: Answers, count: number): View {
  const ready = present(answers).filter((ping) => ping.phase === "READY").length;
  return { done: ready === count, seen: `${ready} nodes are ready` };
}

function hasBalance(answers: Answers, id: NodeId, amount: number): View {
  const balance = answers.get(id)?.balance;
  return {
    done: balance === amount,
    seen: balance === undefined ? `node ${id} doesn't answer` : `node ${id} has ${balance}`,
  };
}

/** How every other running node sees node `id`. */
function stateOf(id: NodeId, text: string): Condition["look"] {
  const wanted = PeerState.safeParse(text.toUpperCase());
  if (!wanted.success) {
    const near = suggest(text.toUpperCase(), PeerState.options);
    throw new LabError(
      "usage",
      `"${text}" is no state of a node`,
      near === undefined ? `use ${PeerState.options.join(", ")}` : `did you mean ${near}?`,
    );
  }
  return async (lab) => {
    const observers = lab.running.filter((other) => other !== id);
    const seen = await Promise.all(
      observers.map(async (observer) => {
        try {
          const state = StateData.parse((await lab.call(observer, { op: "state" }, { timeoutMs: 1_000 })).data);
          return { observer, state: state.members.find((member) => member.id === id)?.state ?? "UNKNOWN" };
        } catch (error) {
          if (error instanceof LabError && error.exit === "interrupted") throw error;
          return { observer, state: "no answer" };
        }
      }),
    );
    const others = seen.filter((view) => view.state !== wanted.data);
    return {
      done: others.length === 0 && seen.length > 0,
      seen:
        seen.length === 0
          ? "no other node is running"
          : others.map((view) => `node ${view.observer} sees ${id} as ${view.state}`).join(", "),
    };
  };
}

function isCount(text: string): boolean {
  return /^\d+$/.test(text);
}
