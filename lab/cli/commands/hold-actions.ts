/** What the commands of `hold.ts` do. */
import { formatDuration } from "../../base/duration.ts";
import { LabError, noSuchLab } from "../../base/lab-error.ts";
import { NEXT } from "../../base/next.ts";
import type { LabHandle } from "../../cluster/lab-handle.ts";
import type { SimEngine } from "../../engine/sim/sim-engine.ts";
import { currentSimEngine } from "../../engine/sim/sim-session.ts";
import { redirectFlight, trafficOfLab } from "../../faults/single-message.ts";
import type { Redirection } from "../../sim/cluster/traffic.ts";
import { renderTable } from "../ui/table.ts";
import type { CommandContext } from "./context.ts";

/** Timers that are listed: the next ones say what will happen. */
const TIMERS_MAX = 12;

/** @throws LabError("unsupported") outside of a simulated shell */
export function simulatedEngine(): SimEngine {
  return currentSimEngine();
}

export async function listTraffic(context: CommandContext): Promise<void> {
  await context.withLab((lab) => {
    const traffic = trafficOfLab(lab);
    const [flights, timers] = [traffic.flights(), traffic.timers().slice(0, TIMERS_MAX)];
    const due = (dueMs: number): string => `in ${formatDuration(Math.max(0, dueMs - lab.clock.nowMs()))}`;
    const flying = renderTable(
      [
        { title: "#", align: "right" },
        { title: "message" },
        { title: "from" },
        { title: "to" },
        { title: "arrives" },
        { title: "holds" },
      ],
      flights.map(({ name, from, to, types, dueMs }, n) => [
        ...[`${n + 1}`, name, `${from}`, `${to}`, due(dueMs), types.join(" + ")],
      ]),
    );
    const waiting = renderTable(
      [{ title: "timer" }, { title: "of node" }, { title: "about" }, { title: "is due" }],
      timers.map(({ node, kind, key, dueMs }) => [kind, `${node}`, key, due(dueMs)]),
    );
    context.printer.data(
      { flights, timers },
      [flights.length === 0 ? "nothing is on its way" : flying, waiting].join("\n\n"),
    );
    return Promise.resolve();
  });
}

/** Plays the next instants until a message leaves or arrives, or something is written down, and says so. */
export async function step({ options, printer, signal }: CommandContext): Promise<void> {
  const engine = simulatedEngine();
  const { clock } = engine;
  const lines = engine.look(options.name)?.journal.lines;
  if (lines === undefined) throw noSuchLab(options.name);
  const seen = lines.length;
  const listFlights = () =>
    new Map(
      engine
        .traffic(options.name)
        .flights()
        .map((flight) => [flight.name, flight]),
    );
  const before = listFlights();
  const told: string[] = [];
  while (told.length === 0 && clock.nextAtMs !== null && !signal.aborted) {
    await clock.playTo(clock.nextAtMs);
    if (clock.failure !== null) break;
    const after = listFlights();
    const tell = (here: typeof before, there: typeof before, what: string): void => {
      for (const { name, types } of here.values())
        if (!there.has(name)) told.push(`${types.join(" + ")} ${name} ${what}`);
    };
    tell(before, after, "has arrived");
    told.push(...lines.slice(seen).map(({ node, msg }) => `${node === 0 ? "lab" : `node ${node}`}: ${msg}`));
    tell(after, before, "is on its way");
  }
  clock.release();
  if (clock.failure !== null) throw clock.failure;
  printer.data(
    { atMs: clock.nowMs(), events: told },
    [`${clock.nowMs().toFixed(2)} ms since the beginning`, ...told].join("\n  "),
  );
}

export async function redirect(context: CommandContext, message: string, how: Redirection): Promise<void> {
  await context.withLab(async (lab) => {
    const before = how.do === "deliver" && how.before !== undefined ? { before: nameOf(lab, how.before) } : {};
    const done = await redirectFlight(lab, nameOf(lab, message), { ...how, ...before });
    context.printer.data({ done }, done);
  });
}

/** @param message its name, or its number in the list */
function nameOf(lab: LabHandle, message: string): string {
  if (!/^\d+$/.test(message)) return message;
  const flights = trafficOfLab(lab).flights();
  const found = flights[Number(message) - 1];
  if (found !== undefined) return found.name;
  throw new LabError("failed", `there is no message ${message}: the list has ${flights.length}`, NEXT.listTraffic());
}
