/**
 * The families of messages, each with its shape and colour; a switch shows or hides it in ring and diagram.
 */
import { useEffect, useRef } from "preact/hooks";
import { traceFamily } from "../draw/glyphs.ts";
import type { Palette } from "../draw/palette.ts";
import { FAMILIES, FAMILY_WORDS, type Family } from "../model/message-kinds.ts";
import type { Shared } from "./app.tsx";

export function Legend({ store, palette }: Shared) {
  if (!store.facts.hasWire && store.history.flights.count === 0)
    return (
      <p class="legend hint">
        No datagrams in this journal: <code>lab up --journal wire</code> writes them down.
      </p>
    );
  return (
    <fieldset class="legend">
      <legend class="unseen">Messages shown</legend>
      {FAMILIES.map((family) => (
        <label key={family} title={FAMILY_WORDS[family].says}>
          <input type="checkbox" checked={!store.hidden.has(family)} onChange={() => store.toggleFamily(family)} />
          <Sign family={family} palette={palette} />
          {FAMILY_WORDS[family].name}
        </label>
      ))}
    </fieldset>
  );
}

function Sign({ family, palette }: { readonly family: Family; readonly palette: Palette }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const ctx = canvas.current?.getContext("2d");
    if (ctx === null || ctx === undefined) return;
    ctx.setTransform(2, 0, 0, 2, 0, 0);
    ctx.clearRect(0, 0, 16, 16);
    ctx.fillStyle = palette.family[family];
    ctx.beginPath();
    traceFamily(ctx, family, 8, 8, 4.4);
    ctx.fill();
  }, [family, palette]);
  return <canvas ref={canvas} width={32} height={32} class="sign" />;
}
