/**
 * The kinds of messages, each with its shape and colour; a switch shows or hides it in ring and diagram.
 */
import { useEffect, useRef } from "preact/hooks";
import { MESSAGE_KINDS, type MessageKind } from "../../journal/message-kinds.ts";
import type { Store } from "../app/page-store.ts";
import { traceMessage } from "../draw/glyphs.ts";
import type { Palette } from "../draw/palette.ts";
import type { Shared } from "./app.tsx";
import { CommandRow } from "./command-row.tsx";

const KIND_WORDS: Readonly<Record<MessageKind, { readonly name: string; readonly says: string }>> = {
  trade: { name: "Trade", says: "request, response, confirm, acknowledgement" },
  election: { name: "Election", says: "election, OK, coordinator" },
  membership: { name: "Join, leave", says: "join and its answer, leave, fences of lost disks" },
  repair: { name: "Repair", says: "missing records asked for and sent again" },
  heartbeat: { name: "Heartbeat", says: "to everybody, with balance and digest" },
  probe: { name: "Probe", says: "ping, pong, and asking others to ping" },
};

export function Legend({ store, palette }: Shared) {
  if (!store.facts.hasWire && store.history.story.trips.all.length === 0)
    return (
      <div class="legend hint">
        <p>
          {store.mayCommand
            ? "This lab doesn't write its messages down, which saves it a third of the work of a trade. To see them fly, make it again:"
            : "No messages in this journal: a lab writes them down if it is made with --journal wire."}
        </p>
        {store.mayCommand && <CommandRow store={store} line={lineThatShows(store)} />}
      </div>
    );
  return (
    <fieldset class="legend">
      <legend class="unseen">Messages shown</legend>
      {MESSAGE_KINDS.map((kind) => (
        <label key={kind} title={KIND_WORDS[kind].says}>
          <input type="checkbox" checked={!store.hidden.has(kind)} onChange={() => store.toggleKind(kind)} />
          <Sign kind={kind} palette={palette} />
          {KIND_WORDS[kind].name}
        </label>
      ))}
    </fieldset>
  );
}

function lineThatShows({ facts, state }: Store): string {
  const name = facts.lab === "lab" ? "" : ` --name ${facts.lab}`;
  return `lab down${name} && lab up --nodes ${state.nodes.size} --journal wire${name}`;
}

function Sign({ kind, palette }: { readonly kind: MessageKind; readonly palette: Palette }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const ctx = canvas.current?.getContext("2d");
    if (ctx === null || ctx === undefined) return;
    ctx.setTransform(2, 0, 0, 2, 0, 0);
    ctx.clearRect(0, 0, 16, 16);
    ctx.fillStyle = palette[kind];
    ctx.beginPath();
    traceMessage(ctx, kind, 8, 8, 4.4);
    ctx.fill();
  }, [kind, palette]);
  return <canvas ref={canvas} width={32} height={32} class="sign" />;
}
