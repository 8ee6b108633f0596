/**
 * Break it, and make it whole again: each form shows the line of `lab` that it equals before it does it.
 */
import { useState } from "preact/hooks";
import { formatCommand } from "../../dash/page-command.ts";
import type { DashCommand } from "../../dash/protocol.ts";
import type { Store } from "../app/page-store.ts";
import { idsOf } from "../model/cluster-state.ts";
import { formatSpan } from "../model/format-time.ts";
import { formatIds } from "../model/headline.ts";
import type { Shared } from "./app.tsx";
import { CommandRow } from "./command-row.tsx";
import { Do } from "./do.tsx";
import { Outcome } from "./outcome.tsx";

export function BreakIt(shared: Shared) {
  return (
    <>
      <p class="hint">Each button does what its line says. The same line works in a terminal.</p>
      <NodeForm {...shared} />
      <CutForm {...shared} />
      <LineForm {...shared} />
      <TradeForm {...shared} />
      <Faults {...shared} />
      <Outcome {...shared} />
    </>
  );
}

function NodeForm(shared: Shared) {
  const { store } = shared;
  const [choice, setChoice] = useState("leader");
  const nodes = store.selectedNode === null ? choice : String(store.selectedNode);
  const node = store.state.nodes.get(Number(nodes));
  const process = node === undefined ? null : node.process;
  const isDown = process !== null && process !== "running" && process !== "paused";
  return (
    <fieldset>
      <legend>Nodes</legend>
      <div class="row">
        <select
          aria-label="Which node"
          value={nodes}
          onChange={(event) => {
            store.selectedNode = null;
            setChoice(event.currentTarget.value);
            store.changed();
          }}
        >
          <option value="leader">the leader</option>
          <option value="random">a random one</option>
          {idsOf(store.state).map((id) => (
            <option key={id} value={String(id)}>
              node {id}
            </option>
          ))}
        </select>
        <Do {...shared} command={{ verb: "kill", nodes }} name="Kill" isDanger isDisabled={isDown} />
        <Do {...shared} command={{ verb: "pause", nodes }} name="Pause" isDisabled={isDown || process === "paused"} />
        <Do
          {...shared}
          command={{ verb: "resume", nodes }}
          name="Resume"
          isDisabled={process !== null && process !== "paused"}
        />
        <Do {...shared} command={{ verb: "isolate", nodes }} name="Isolate" isDanger isDisabled={isDown} />
        <Do
          {...shared}
          command={{ verb: "start", nodes: process === null ? "all" : nodes }}
          name={process === null ? "Start all" : "Start"}
          isDisabled={process !== null && !isDown}
        />
      </div>
      <CommandRow store={store} line={formatCommand({ verb: isDown ? "start" : "kill", nodes }, store.facts.lab)} />
    </fieldset>
  );
}

function CutForm(shared: Shared) {
  const { store } = shared;
  const ids = idsOf(store.state);
  const rest = ids.filter((id) => !store.apart.has(id));
  const groups = [formatIds(rest), formatIds([...store.apart])];
  const isPossible = rest.length > 0 && store.apart.size > 0;
  return (
    <fieldset>
      <legend>Partition</legend>
      <p class="hint">Drag nodes out of the ring, or choose who goes to the other side.</p>
      <div class="chips">
        {ids.map((id) => (
          <button
            key={id}
            type="button"
            class="chip"
            aria-pressed={store.apart.has(id)}
            onClick={() => {
              if (!store.apart.delete(id)) store.apart.add(id);
              store.changed();
            }}
          >
            {id}
          </button>
        ))}
        <Do
          {...shared}
          command={{ verb: "partition", groups }}
          name="Cut"
          isDanger
          isDisabled={!isPossible}
          onDone={() => putTogether(store)}
        />
      </div>
      {isPossible && <CommandRow store={store} line={formatCommand({ verb: "partition", groups }, store.facts.lab)} />}
    </fieldset>
  );
}

/** A cut that is made is no plan any more. */
export function putTogether(store: Store): void {
  store.apart.clear();
  store.changed();
}

function LineForm(shared: Shared) {
  const { store } = shared;
  const { nodes, to } = store.line;
  const [delayMs, setDelay] = useState(100);
  const [loss, setLoss] = useState(10);
  const ids = idsOf(store.state);
  const peer = to === null ? {} : { to: String(to), both: true };
  const command: DashCommand = { verb: "netem", nodes, delayMs, loss: loss / 100, ...peer };
  const choose = (line: Store["line"]): void => {
    store.line = line;
    store.changed();
  };
  const isPossible = to === null || nodes !== String(to);
  return (
    <fieldset id="line-form">
      <legend>Delay and loss</legend>
      <p class="hint">Click the line between two nodes in the ring, or choose.</p>
      <div class="sliders">
        <label>
          from
          <select value={nodes} onChange={({ currentTarget: { value } }) => choose({ nodes: value, to })}>
            <option value="all">all nodes</option>
            <option value="leader">the leader</option>
            {ids.map((id) => (
              <option key={id} value={String(id)}>
                node {id}
              </option>
            ))}
          </select>
        </label>
        <label>
          to
          <select
            value={to === null ? "" : String(to)}
            onChange={({ currentTarget: { value } }) => choose({ nodes, to: value === "" ? null : Number(value) })}
          >
            <option value="">everybody</option>
            {ids.map((id) => (
              <option key={id} value={String(id)}>
                node {id}, and back
              </option>
            ))}
          </select>
        </label>
        <Slider name="delay" unit="ms" words="milliseconds" max={1_000} step={10} value={delayMs} set={setDelay} />
        <Slider name="loss" unit="%" words="percent" max={100} step={1} value={loss} set={setLoss} />
      </div>
      <div class="row">
        <Do
          {...shared}
          command={command}
          name="Apply"
          isDanger
          isDisabled={!isPossible || (delayMs === 0 && loss === 0)}
        />
        {to !== null && (
          <Do
            {...shared}
            command={{ verb: "partition", groups: [nodes, String(to)] }}
            name="Cut this line"
            isDanger
            isDisabled={!isPossible}
          />
        )}
      </div>
      <CommandRow store={store} line={formatCommand(command, store.facts.lab)} />
    </fieldset>
  );
}

interface SliderProperties {
  readonly name: string;
  readonly unit: string;
  readonly words: string;
  readonly max: number;
  readonly step: number;
  readonly value: number;
  readonly set: (value: number) => void;
}

function Slider({ name, unit, words, max, step, value, set }: SliderProperties) {
  return (
    <label>
      {name}
      <input
        type="range"
        min={0}
        max={max}
        step={step}
        value={value}
        aria-valuetext={`${value} ${words}`}
        onInput={(event) => set(Number(event.currentTarget.value))}
      />
      <output>
        {value} {unit}
      </output>
    </label>
  );
}

function TradeForm(shared: Shared) {
  const { store } = shared;
  const ids = idsOf(store.state);
  const [from, setFrom] = useState<string | null>(null);
  const [peer, setPeer] = useState<string | null>(null);
  const [amount, setAmount] = useState(10);
  const payer = from ?? String(ids[0] ?? 1);
  const payee = peer ?? String(ids[1] ?? 2);
  const command: DashCommand = { verb: "sell", from: payer, peer: payee, amount };
  const options = ids.map((id) => (
    <option key={id} value={String(id)}>
      {id}
    </option>
  ));
  return (
    <fieldset>
      <legend>Trade</legend>
      <div class="row">
        <select aria-label="Payer" value={payer} onChange={(event) => setFrom(event.currentTarget.value)}>
          {options}
        </select>
        <span>pays</span>
        <input
          type="number"
          aria-label="Credits"
          min={1}
          value={amount}
          onInput={(event) => setAmount(Math.max(1, Math.round(Number(event.currentTarget.value))))}
        />
        <span>to</span>
        <select aria-label="Payee" value={payee} onChange={(event) => setPeer(event.currentTarget.value)}>
          {options}
        </select>
        <Do {...shared} command={command} name="Trade" isDisabled={payer === payee} />
      </div>
      <CommandRow store={store} line={formatCommand(command, store.facts.lab)} />
    </fieldset>
  );
}

function Faults(shared: Shared) {
  const { store } = shared;
  const { state, atMs } = store;
  const faults = state.faults;
  return (
    <fieldset>
      <legend>Active faults</legend>
      {faults.length === 0 && <p class="hint">The network is clean.</p>}
      <ul class="plain-list">
        {faults.map((fault) => (
          <li key={fault.id} class="row">
            <b>{fault.id}</b>
            <span class="grow">
              {fault.entry.msg}{" "}
              <small>{Number.isFinite(fault.toMs) ? `${formatSpan(fault.toMs - atMs)} left` : "until healed"}</small>
            </span>
            <Do {...shared} command={{ verb: "heal", what: [fault.id] }} name="Heal" />
          </li>
        ))}
      </ul>
      <div class="row">
        <Do {...shared} command={{ verb: "heal" }} name="Heal everything" />
        <code>{formatCommand({ verb: "heal" }, store.facts.lab)}</code>
      </div>
    </fieldset>
  );
}
