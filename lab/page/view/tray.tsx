/**
 * The tray: what is on its way and which timers are due, each in somebody's hand. Only while time stands still or nearly so: at any
 * other speed a message has arrived before it can be read.
 */
import { kindOfMessage } from "../../journal/message-kinds.ts";
import type { Store } from "../app/page-store.ts";
import { type Flying, flyingAt } from "../model/flying.ts";
import { formatSpan } from "../model/format-time.ts";

const SHOWN_MAX = 12;
const TIMERS_MAX = 8;
/** Of the nodes' time to the viewer's. */
const PACE_MAX = 0.01;
const LATER_MS = 200;

export function Tray({ store }: { readonly store: Store }) {
  const { world, playback } = store;
  if (world === null) return null;
  const isHeld = playback.mode === "paused" || playback.pace <= PACE_MAX;
  return (
    <fieldset class="tray">
      <legend>On its way</legend>
      {isHeld ? (
        <Flights store={store} />
      ) : (
        <p class="hint">Click a flying message to drop it. Hold time to treat messages one by one.</p>
      )}
      <div class="row">
        <button
          type="button"
          onClick={() => {
            if (playback.mode !== "paused") playback.pause();
            if (!playback.isAtHead) store.follow();
            playback.pause();
            world.step("flight");
            store.changed();
          }}
        >
          Hold the next message
        </button>
      </div>
      {isHeld && playback.isAtHead && <Timers store={store} />}
    </fieldset>
  );
}

/** At the head of the run as the world tells; before it, as the journal does. */
function listFlying(store: Store): readonly Flying[] {
  const { world, playback, history, atMs } = store;
  if (world === null || (playback.mode === "paused" && !playback.isAtHead)) return flyingAt(history.story, atMs);
  return world.flights.map((flight) => ({ ...flight, kind: kindOfMessage(flight.types[0] ?? "") }));
}

function Flights({ store }: { readonly store: Store }) {
  const flying = listFlying(store);
  const more = flying.length - SHOWN_MAX;
  if (flying.length === 0) return <p class="hint">Nothing is on its way at this instant.</p>;
  return (
    <>
      <ul class="plain-list">
        {flying.slice(0, SHOWN_MAX).map((flight) => (
          <FlightRow key={flight.name} store={store} flight={flight} all={flying} />
        ))}
      </ul>
      {more > 0 && <p class="hint">and {more} more, which arrive later</p>}
    </>
  );
}

function FlightRow({ store, flight, all }: { store: Store; flight: Flying; all: readonly Flying[] }) {
  const { name, from, to, types, kind, dueMs } = flight;
  const act = (step: object): void => void store.world?.act(step);
  return (
    <li class="flight">
      <p title={name}>
        <span class={`swatch ${kind}`} style={{ background: `var(--${kind})` }} aria-hidden="true" />
        <strong>{types.join(" + ")}</strong> {from} → {to}{" "}
        <span class="when">in {formatSpan(Math.max(0, dueMs - store.atMs))}</span>
      </p>
      <div class="row">
        <button type="button" onClick={() => act({ deliver: { message: name } })}>
          Deliver
        </button>
        <button type="button" class="danger" onClick={() => act({ drop: { message: name } })}>
          Drop
        </button>
        <button type="button" onClick={() => act({ duplicate: { message: name } })}>
          Double
        </button>
        <button
          type="button"
          aria-label={`Delay ${LATER_MS} ms`}
          title="Later"
          onClick={() => act({ delay: { message: name, by: `${LATER_MS}ms` } })}
        >
          +{LATER_MS} ms
        </button>
        {all.length > 1 && (
          <select
            aria-label="Put it before"
            value=""
            onChange={(event) => act({ deliver: { message: name, before: event.currentTarget.value } })}
          >
            <option value="">before …</option>
            {all
              .filter((other) => other.name !== name)
              .map((other) => (
                <option key={other.name} value={other.name}>
                  {other.types[0]} {other.from} → {other.to}
                </option>
              ))}
          </select>
        )}
      </div>
    </li>
  );
}

function Timers({ store }: { readonly store: Store }) {
  const { world, atMs } = store;
  if (world === null) return null;
  return (
    <details>
      <summary>Timers that are due</summary>
      <ul class="plain-list">
        {world.timers.slice(0, TIMERS_MAX).map(({ node, kind, key, dueMs }) => (
          <li key={`${node}/${kind}/${key}`}>
            <button type="button" class="line" title="Let time pass until then" onClick={() => world.pass(dueMs)}>
              <span class="when">in {formatSpan(Math.max(0, dueMs - atMs))}</span>
              node {node}: {kind} {key === "" ? "" : `(${key})`}
            </button>
          </li>
        ))}
      </ul>
    </details>
  );
}
