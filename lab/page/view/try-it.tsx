/**
 * The playground's first panel: what to try, the hold on time, what was done, and how to keep the run or begin another one.
 */
import { useState } from "preact/hooks";
import type { Store } from "../app/page-store.ts";
import { nameStep } from "../model/branches.ts";
import { idsOf } from "../model/cluster-state.ts";
import { formatClock } from "../model/format-time.ts";
import { formatIds } from "../model/headline.ts";
import type { Shared } from "./app.tsx";
import { Branches } from "./branches.tsx";
import { CommandRow } from "./command-row.tsx";
import { Do } from "./do.tsx";
import { FindIt } from "./find-it.tsx";
import { Outcome } from "./outcome.tsx";
import { Compare } from "./split.tsx";
import { Tray } from "./tray.tsx";

export function TryIt(shared: Shared) {
  const { store } = shared;
  const { world } = store;
  if (world === null) return null;
  return (
    <>
      <Invitations {...shared} />
      <TimeHold store={store} />
      <Tray store={store} />
      <Done store={store} />
      <Branches store={store} />
      <Compare {...shared} />
      <FindIt store={store} />
      {world.game === null && <Rules store={store} />}
      <Keep store={store} />
      <Outcome {...shared} hasUndo={false} />
    </>
  );
}

/** Three things to do; what undoes them takes their place. */
function Invitations(shared: Shared) {
  const { state } = shared.store;
  const ids = idsOf(state);
  const down = ids.filter((id) => !["running", "paused"].includes(state.nodes.get(id)?.process ?? "running"));
  const few = ids.slice(0, Math.floor((ids.length - 1) / 2));
  const rest = ids.filter((id) => !few.includes(id));
  const [payer, payee] = ids.filter((id) => !down.includes(id));
  return (
    <section class="invitations" aria-label="What to try">
      <h2>Try</h2>
      <div class="row">
        {down.length === 0 ? (
          <Do {...shared} command={{ verb: "kill", nodes: "leader" }} name="Kill the leader" isDanger />
        ) : (
          <Do {...shared} command={{ verb: "start", nodes: formatIds(down) }} name={`Bring ${formatIds(down)} back`} />
        )}
        {state.faults.length === 0 ? (
          <Do
            {...shared}
            command={{ verb: "partition", groups: [formatIds(few), formatIds(rest)] }}
            name="Cut the network"
            isDanger
            isDisabled={few.length === 0}
          />
        ) : (
          <Do {...shared} command={{ verb: "heal" }} name="Heal the network" />
        )}
        <Do
          {...shared}
          command={{ verb: "sell", from: String(payer ?? 1), peer: String(payee ?? 2), amount: 10 }}
          name="Pay somebody"
          isDisabled={payee === undefined}
        />
      </div>
      <p class="hint">
        Nodes trade credits and elect a coordinator: the crown. It is the code that runs in the containers, in virtual
        time, in this page. “Break it” has more ways to break it.
      </p>
    </section>
  );
}

function TimeHold({ store }: { readonly store: Store }) {
  const { playback, world } = store;
  const isRunning = playback.mode !== "paused";
  return (
    <fieldset>
      <legend>Time</legend>
      <div class="row">
        <button type="button" title="One second back (Shift ←)" onClick={() => back(store)}>
          Back 1 s
        </button>
        <button type="button" title="Space" onClick={() => store.togglePlay()}>
          {isRunning ? "Pause" : "Go on"}
        </button>
        <button
          type="button"
          title="Next event (→)"
          onClick={() => {
            if (playback.mode === "live") playback.pause();
            if (playback.isAtHead) world?.step();
            else store.follow();
            store.changed();
          }}
        >
          {playback.mode === "live" || playback.isAtHead ? "Next event" : "To now"}
        </button>
        <button type="button" title="Slow motion (,)" onClick={() => setSpeed(store, 0.01)}>
          Slow motion
        </button>
        <button type="button" title="Normal speed" onClick={() => setSpeed(store, 1)}>
          Normal
        </button>
      </div>
      {!isRunning && !playback.isAtHead && (
        <p class="hint">
          This is the past. Your next action begins a branch here; the run that you leave is listed below.
        </p>
      )}
    </fieldset>
  );
}

function back(store: Store): void {
  store.playback.pause();
  store.seek(store.atMs - 1_000);
}

function setSpeed(store: Store, speed: number): void {
  store.playback.setSpeed(speed);
  if (store.playback.mode === "paused") store.togglePlay();
  store.changed();
}

function Done({ store }: { readonly store: Store }) {
  const { world, bounds } = store;
  const steps = world?.spec?.steps ?? [];
  if (world === null || steps.length === 0) return null;
  return (
    <fieldset>
      <legend>What you did</legend>
      <ol class="plain-list">
        {steps.map((step, index) => {
          const atMs = world.beganMs + Number.parseFloat(step.at ?? "0");
          const outcome = world.outcomes[index];
          return (
            <li key={step.at}>
              <button type="button" class="line" onClick={() => store.seek(atMs)}>
                <span class="when">{formatClock(atMs - bounds.beginMs)}</span>
                {nameStep(step)}
                {outcome !== undefined && (
                  <small>
                    {" "}
                    {outcome.state === "done"
                      ? outcome.text
                      : `${outcome.state}${outcome.text === "" ? "" : `: ${outcome.text}`}`}
                  </small>
                )}
              </button>
            </li>
          );
        })}
      </ol>
    </fieldset>
  );
}

/** Known bugs as switches: the lamp says when a promise breaks. */
function Rules({ store }: { readonly store: Store }) {
  const { world } = store;
  const spec = world?.spec;
  if (world === null || spec == null) return null;
  const bug = world.bugs.find(({ name }) => name === spec.bug);
  return (
    <fieldset>
      <legend>A known bug in all nodes</legend>
      <select
        aria-label="Bug"
        value={spec.bug ?? ""}
        onChange={(event) =>
          world.restart({ bug: event.currentTarget.value === "" ? null : event.currentTarget.value })
        }
      >
        <option value="">none</option>
        {world.bugs.map(({ name }) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
      <p class="hint">
        {bug === undefined
          ? "Choose one, and make a promise break: the lamp turns red at the event that proves it."
          : bug.what}
      </p>
    </fieldset>
  );
}

function Keep({ store }: { readonly store: Store }) {
  const { world } = store;
  const [seed, setSeed] = useState<string | null>(null);
  const spec = world?.spec;
  if (world === null || spec == null) return null;
  const { saved } = world;
  const shown = seed ?? String(spec.seed);
  return (
    <fieldset>
      <legend>This run</legend>
      <div class="row">
        <label>
          seed <input type="number" min={0} value={shown} onInput={(event) => setSeed(event.currentTarget.value)} />
        </label>
        <label>
          nodes{" "}
          <select
            value={String(spec.nodes)}
            onChange={(event) => world.restart({ nodes: Number(event.currentTarget.value) })}
          >
            {[1, 2, 3, 4, 5, 6, 7, 9, 12].map((count) => (
              <option key={count} value={String(count)}>
                {count}
              </option>
            ))}
          </select>
        </label>
        <button
          type="button"
          onClick={() => world.restart({ seed: Math.min(2 ** 31, Math.max(0, Math.floor(Number(shown)) || 0)) })}
        >
          Start again
        </button>
        <button type="button" class="primary" onClick={() => world.save()}>
          Keep this run
        </button>
      </div>
      <label>
        Open a scenario{" "}
        <input
          type="file"
          accept=".yaml,.yml"
          onChange={({ currentTarget: { files } }) => {
            const file = files?.[0];
            if (file !== undefined) world.openFile(file);
          }}
        />
      </label>
      {saved !== null && <Saved store={store} link={saved.link} scenario={saved.scenario} />}
    </fieldset>
  );
}

function Saved({
  store,
  link,
  scenario,
}: {
  readonly store: Store;
  readonly link: string | null;
  readonly scenario: string;
}) {
  const [page] = location.href.split("#");
  const bug = store.world?.spec?.bug ?? null;
  return (
    <>
      <h4>Link: opens this run, event for event</h4>
      {link === null ? (
        <p class="hint">The run is too long for a link. The scenario below holds all of it.</p>
      ) : (
        <CommandRow store={store} line={`${page}#run=${link}`} />
      )}
      <h4>Scenario: save it as playground.yaml</h4>
      <CommandRow store={store} line={scenario} />
      <p>
        <a download="playground.yaml" href={`data:text/yaml;charset=utf-8,${encodeURIComponent(scenario)}`}>
          Save playground.yaml
        </a>
      </p>
      <h4>In a terminal</h4>
      <CommandRow
        store={store}
        line={`npx lab run playground.yaml --runtime sim${bug === null ? "" : ` --bug ${bug}`}`}
      />
    </>
  );
}
