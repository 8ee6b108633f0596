/**
 * Break it, and make it whole again: each form shows the line of `lab` that it equals before it does it.
 */
import { useState } from "preact/hooks";
import { formatCommand } from "../../dash/page-command.ts";
import type { DashCommand } from "../../dash/protocol.ts";
import { idsOf } from "../model/cluster-state.ts";
import { formatSpan } from "../model/format-time.ts";
import { formatIds } from "../model/headline.ts";
import type { Shared } from "./app.tsx";
import { CommandRow } from "./command-row.tsx";

export function BreakIt(shared: Shared) {
  return (
    <>
      <Outcome {...shared} />
      <NodeForm {...shared} />
      <CutForm {...shared} />
      <LineForm {...shared} />
      <TradeForm {...shared} />
      <Faults {...shared} />
    </>
  );
}

interface DoProperties extends Shared {
  readonly command: DashCommand;
  readonly name: string;
  readonly isDanger?: boolean;
  readonly isDisabled?: boolean;
}

export function Do({ store, server, command, name, isDanger = false, isDisabled = false }: DoProperties) {
  const line = formatCommand(command, store.facts.lab);
  const isBusy = store.order !== null && store.order.reply === null;
  return (
    <button
      type="button"
      class={isDanger ? "danger" : ""}
      title={line}
      disabled={server === null || isDisabled || isBusy}
      onClick={() => {
        if (server !== null) void store.run(() => server.send(command), line);
      }}
    >
      {name}
    </button>
  );
}

/** The result of the last command. */
export function Outcome({ store }: Shared) {
  const { order } = store;
  if (order === null)
    return <p class="hint">Each button does what its line says. The same line works in a terminal.</p>;
  const { reply } = order;
  return (
    <div class={`outcome ${reply === null ? "" : reply.ok ? "done" : "failed"}`} role="status">
      <CommandRow store={store} line={order.line} />
      {reply === null ? (
        <p>under way …</p>
      ) : reply.ok ? (
        <p>{reply.said.length === 0 ? "done" : reply.said.slice(-3).join(" · ")}</p>
      ) : (
        <p>
          {reply.message}
          {reply.hint !== "" && <small> {reply.hint}</small>}
        </p>
      )}
    </div>
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
        <Do {...shared} command={{ verb: "partition", groups }} name="Cut" isDanger isDisabled={!isPossible} />
      </div>
      {isPossible && <CommandRow store={store} line={formatCommand({ verb: "partition", groups }, store.facts.lab)} />}
    </fieldset>
  );
}

function LineForm(shared: Shared) {
  const { store } = shared;
  const [nodes, setNodes] = useState("all");
  const [delayMs, setDelay] = useState(100);
  const [loss, setLoss] = useState(10);
  const command: DashCommand = { verb: "netem", nodes, delayMs, loss: loss / 100 };
  return (
    <fieldset>
      <legend>Delay and loss</legend>
      <div class="sliders">
        <label>
          what
          <select value={nodes} onChange={(event) => setNodes(event.currentTarget.value)}>
            <option value="all">all nodes send</option>
            <option value="leader">the leader sends</option>
            {idsOf(store.state).map((id) => (
              <option key={id} value={String(id)}>
                node {id} sends
              </option>
            ))}
          </select>
        </label>
        <label>
          delay
          <input
            type="range"
            min={0}
            max={1000}
            step={10}
            value={delayMs}
            aria-valuetext={`${delayMs} milliseconds`}
            onInput={(event) => setDelay(Number(event.currentTarget.value))}
          />
          <output>{delayMs} ms</output>
        </label>
        <label>
          loss
          <input
            type="range"
            min={0}
            max={100}
            value={loss}
            aria-valuetext={`${loss} percent`}
            onInput={(event) => setLoss(Number(event.currentTarget.value))}
          />
          <output>{loss} %</output>
        </label>
      </div>
      <div class="row">
        <Do {...shared} command={command} name="Apply" isDanger isDisabled={delayMs === 0 && loss === 0} />
      </div>
      <CommandRow store={store} line={formatCommand(command, store.facts.lab)} />
    </fieldset>
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
