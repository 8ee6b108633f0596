/**
 * Two runs side by side: the other one's diagram stands where the ring was, at the same instants after the first step could begin; where they
 * part first is marked in both.
 */
import { useEffect, useMemo } from "preact/hooks";
import { type ComparedRun, Store } from "../app/page-store.ts";
import { formatClock } from "../model/format-time.ts";
import { findParting } from "../model/violations.ts";
import type { Shared } from "./app.tsx";
import { SpaceTime } from "./space-time.tsx";

const SHOWN_MAX = 10;

/** The other run's diagram: it follows the time and the scale of the one that is shown. */
export function OtherRun({ compared, ...shared }: Shared & { readonly compared: ComparedRun }) {
  const { store, loop } = shared;
  const other = useMemo(() => {
    const made = new Store();
    made.begin(compared.facts, []);
    made.add(compared.entries);
    made.parting = findParting(made.history, compared.comparison.differences, "B");
    return made;
  }, [compared]);
  useEffect(() => {
    const follow = (): boolean => {
      const atMs = compared.beganMs + store.atMs - (store.world?.beganMs ?? 0);
      const isThere = other.atMs === atMs && other.windowMs === store.windowMs;
      other.windowMs = store.windowMs;
      other.playback.atMs = atMs;
      // The diagram was painted already in this frame.
      return !isThere;
    };
    return loop.add(follow);
  }, [other, compared, store, loop]);
  return (
    <>
      <p class="other-run">{compared.name}</p>
      <SpaceTime {...shared} store={other} />
    </>
  );
}

/** What there is to compare with, and what came of it. */
export function Compare({ store }: Shared) {
  const { world } = store;
  const spec = world?.spec;
  if (world === null || spec == null) return null;
  const { compared } = world;
  const others: readonly (readonly [string, typeof spec])[] = [
    ...(spec.bug === null ? [] : [["without its bug", { ...spec, bug: null }] as const]),
    [`with seed ${spec.seed + 1}`, { ...spec, seed: spec.seed + 1 }],
    [`with the profile ${spec.profile === "fast" ? "default" : "fast"}`, otherProfile(spec)],
    ...world.branches.map(
      (branch) => [`the branch that is ${branch.spec.steps.length} actions long`, branch.spec] as const,
    ),
  ];
  return (
    <fieldset class="compare-runs">
      <legend>Two runs side by side</legend>
      <select
        aria-label="Compare this run with"
        value=""
        onChange={({ currentTarget: { value } }) => {
          const [name, other] = others[Number(value)] ?? [];
          if (name !== undefined && other !== undefined) world.compare(other, name);
        }}
      >
        <option value="">Compare with the same run …</option>
        {others.map(([name], n) => (
          <option key={name} value={String(n)}>
            {name}
          </option>
        ))}
      </select>
      {compared !== null && <Compared store={store} compared={compared} />}
    </fieldset>
  );
}

function otherProfile<Spec extends { readonly profile?: "fast" | undefined }>({ profile, ...spec }: Spec) {
  return profile === "fast" ? spec : { ...spec, profile: "fast" as const };
}

function Compared({ store, compared }: { readonly store: Store; readonly compared: ComparedRun }) {
  const { common, step, differences } = compared.comparison;
  const [first] = differences;
  return (
    <div role="status">
      {first === undefined ? (
        <p>{common} events are in both, and none is in one only: clocks and datagrams aside, they are the same.</p>
      ) : (
        <>
          <p>
            {common} events are in both. They part {step === null ? "before the first step" : <>in the step “{step}”</>}
            , marked in both diagrams:
          </p>
          <ol class="plain-list">
            {differences.slice(0, SHOWN_MAX).map((difference) => (
              <Only
                key={`${difference.run} ${difference.entry.node} ${difference.entry.seq}`}
                {...{ store, compared, difference }}
              />
            ))}
          </ol>
        </>
      )}
      <button type="button" onClick={() => store.world?.endCompare()}>
        Show one run only
      </button>
    </div>
  );
}

interface OnlyProperties {
  readonly store: Store;
  readonly compared: ComparedRun;
  readonly difference: ComparedRun["comparison"]["differences"][number];
}

function Only(properties: OnlyProperties) {
  const { store, compared, difference } = properties;
  const { run, entry } = difference;
  const { beganMs = 0 } = store.world ?? {};
  const sinceMs = entry.time - (run === "A" ? beganMs : compared.beganMs);
  return (
    <li>
      <button type="button" class="line" onClick={() => store.seek(beganMs + sinceMs)}>
        <span class="when">{formatClock(beganMs + sinceMs - store.bounds.beginMs)}</span>
        {run === "A" ? "here" : "there"} only, {entry.node === 0 ? "lab" : `node ${entry.node}`}: {entry.msg}
      </button>
    </li>
  );
}
