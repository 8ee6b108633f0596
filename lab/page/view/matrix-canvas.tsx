/**
 * How each of many nodes sees the others: one point for each pair. Suspicion and failure stand out, whatever the colour: alive is a small point,
 * suspected a ring, failed a full square.
 */
import { traceDot } from "../draw/glyphs.ts";
import { idsOf, isUp } from "../model/cluster-state.ts";
import type { Shared } from "./app.tsx";
import { Canvas, type Surface } from "./canvas.tsx";

export function MatrixCanvas({ store, loop, palette }: Shared) {
  const paint = ({ ctx, width, height }: Surface): boolean => {
    const { state } = store;
    const ids = idsOf(state);
    const cell = Math.min(width - 24, height - 18) / ids.length;
    ctx.clearRect(0, 0, width, height);
    ctx.font = `12px ${palette.mono}`;
    ctx.textBaseline = "middle";
    ids.forEach((row, r) => {
      const node = state.nodes.get(row);
      const y = 18 + (r + 0.5) * cell;
      if (r % Math.ceil(ids.length / 20) === 0) {
        ctx.fillStyle = palette.soft;
        ctx.textAlign = "right";
        ctx.fillText(String(row), 18, y);
        ctx.textAlign = "center";
        ctx.fillText(String(row), 24 + (r + 0.5) * cell, 9);
      }
      if (node === undefined || !isUp(node)) return;
      ids.forEach((id, c) => {
        const x = 24 + (c + 0.5) * cell;
        const standing = id === row ? "UNKNOWN" : (node.members.get(id)?.state ?? "UNKNOWN");
        if (standing === "UNKNOWN" || standing === "LEFT") return;
        ctx.beginPath();
        if (standing === "ALIVE") {
          ctx.fillStyle = palette.line;
          traceDot(ctx, x, y, cell * 0.2);
          ctx.fill();
        } else if (standing === "SUSPECTED") {
          ctx.strokeStyle = palette.warn;
          ctx.lineWidth = 1.5;
          traceDot(ctx, x, y, cell * 0.36);
          ctx.stroke();
        } else {
          ctx.fillStyle = palette.bad;
          ctx.fillRect(x - cell * 0.4, y - cell * 0.4, cell * 0.8, cell * 0.8);
        }
      });
    });
    return false;
  };
  const counts = { SUSPECTED: 0, FAILED: 0 };
  for (const node of store.state.nodes.values())
    if (isUp(node))
      for (const { state } of node.members.values())
        if (state === "SUSPECTED" || state === "FAILED") counts[state] += 1;
  return (
    <section aria-label="Membership views">
      <h3>Membership views</h3>
      <Canvas
        loop={loop}
        paint={paint}
        class="matrix-canvas"
        everyMs={250}
        label={`${counts.SUSPECTED} suspicions and ${counts.FAILED} failures are held`}
      />
      <p class="hint">Point: alive. Ring: suspected. Square: failed. Row = observer, column = observed.</p>
    </section>
  );
}
