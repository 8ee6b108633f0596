/** Runs that were left for another one, told apart by where they part from the one that is shown. */

/** As far as it matters here: a step of a run, with its instant. */
export interface DatedStep {
  readonly at?: string | undefined;
}

export interface Parting<S extends DatedStep> {
  /** Since the first step could begin; null: the one run goes on where the other has no further step. */
  readonly atMs: number | null;
  /** The first step there that the shown run doesn't have; null: it has none. */
  readonly step: S | null;
}

/** Where `other` parts from `shown`. Both list their steps in order. */
export function findParting<S extends DatedStep>(shown: readonly S[], other: readonly S[]): Parting<S> {
  const length = Math.max(shown.length, other.length);
  for (let n = 0; n < length; n++) {
    const [mine, theirs] = [shown[n], other[n]];
    if (JSON.stringify(mine) === JSON.stringify(theirs)) continue;
    const instants = [mine, theirs].flatMap((step) => (step?.at === undefined ? [] : [Number.parseFloat(step.at)]));
    return { atMs: Math.min(...instants), step: theirs ?? null };
  }
  return { atMs: null, step: null };
}

/** Fields that need no name. */
const PLAIN: ReadonlySet<string> = new Set(["nodes", "node", "peer", "amount", "groups", "message", "to", "fault"]);

/** "kill leader", "sell 1 2 10", "drop 3-1.17>2", "netem 3 delay 2s". */
export function nameStep(step: object): string {
  const [verb, fields] = Object.entries(step).find(([name]) => name !== "at" && name !== "background") ?? ["", {}];
  const words = Object.entries(fields as Record<string, unknown>).map(([name, value]) => {
    const text = Array.isArray(value) ? value.join(" ") : String(value);
    return PLAIN.has(name) ? text : value === true ? name : `${name} ${text}`;
  });
  return [verb, ...words].join(" ");
}
