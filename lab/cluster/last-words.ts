/** The last lines of nodes that have exited: they say why, when a node ended itself. */
import type { NodeId } from "../../node/wire/ids.ts";
import type { LabHandle } from "./lab-handle.ts";

/** Reading logs is asking the engine: more than these are left to `lab logs`. */
const NODES_MAX = 5;
/** After its last journal line a node may say the same once more, in plain words. */
const LINES = 4;

/** The last `count` lines that a node wrote, as a person reads them; none when its log can't be read. */
export async function lastWords(lab: LabHandle, id: NodeId, count: number): Promise<readonly string[]> {
  return (await lastLines(lab, id, count)).map((text) => parse(text).msg ?? text);
}

/** A sentence for each of these nodes (five at most) whose last lines tell of an error, such as a ledger that it refused. */
export async function explainExits(lab: LabHandle, ids: readonly NodeId[]): Promise<readonly string[]> {
  const reasons = ids.slice(0, NODES_MAX).map(async (id) => {
    const lines = (await lastLines(lab, id, LINES)).map(parse);
    const error = lines.findLast((line) => line.level === "error");
    return error === undefined ? [] : [`node ${id} has exited; it said: ${error.msg}`];
  });
  return (await Promise.all(reasons)).flat();
}

async function lastLines(lab: LabHandle, id: NodeId, count: number): Promise<readonly string[]> {
  const lines: string[] = [];
  try {
    const options = { follow: false, tail: count, sinceMs: null, signal: AbortSignal.timeout(2_000) };
    for await (const line of lab.engine.logs(lab.name, [id], options)) lines.push(line.text);
  } catch {
    // Whatever is wrong with its logs, the exit is what matters.
  }
  return lines.slice(-count);
}

/** The journal's fields, where the line is one. */
function parse(text: string): { level: string | null; msg: string | null } {
  try {
    const { level, msg } = JSON.parse(text) as { level?: unknown; msg?: unknown };
    return { level: typeof level === "string" ? level : null, msg: typeof msg === "string" ? msg : null };
  } catch {
    return { level: null, msg: null };
  }
}
