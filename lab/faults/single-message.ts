/**
 * A single message in somebody's hand: delivered now or before another, dropped, doubled, delayed. Only virtual time can hold one; there
 * it is written down as what it is to everybody who judges the run: a link that lost or delayed something at that instant.
 */
import { formatDuration } from "../base/duration.ts";
import { LabError } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";
import type { Flight, Redirection, Traffic } from "../sim/cluster/traffic.ts";
import { NO_IMPAIRMENT } from "./fault.ts";
import type { FaultableLab } from "./faultable-lab.ts";

/** @throws LabError("unsupported") where nodes have a time of their own */
export function trafficOfLab({ engine, name }: Pick<FaultableLab, "engine" | "name">): Traffic {
  const traffic = engine.traffic?.(name);
  if (traffic !== undefined) return traffic;
  throw new LabError(
    "unsupported",
    `${engine.name} nodes live in real time: only virtual time can hold a single message`,
    [NEXT.openSimShell(), "or break the whole link: `netem`, `partition`"],
  );
}

/**
 * @param message its name, `3-1.17>2`
 * @returns what was done: "dropped HEARTBEAT 3-1.17>2"
 * @throws LabError("failed") when it isn't on its way; LabError("unsupported")
 */
export async function redirectFlight(lab: FaultableLab, message: string, how: Redirection): Promise<string> {
  const traffic = trafficOfLab(lab);
  let flight: Flight;
  try {
    flight = traffic.redirect(message, how);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const near = traffic
      .flights()
      .slice(0, 5)
      .map(({ name }) => name);
    const hint = near.length === 0 ? "let time pass until something is sent" : `these are: ${near.join(", ")}`;
    throw new LabError("failed", error.message, hint);
  }
  const said = describe(how, `${flight.types.join(" + ")} ${message}`);
  const impairment = impairmentOf(how);
  if (impairment !== null) {
    const { from, to } = flight;
    const untilMs = lab.clock.wallMs() + 1;
    await lab.note({ action: "impair", fault: `m ${message}`, pairs: [{ from, to }], impairment, untilMs }, said);
  }
  return said;
}

function describe(how: Redirection, what: string): string {
  switch (how.do) {
    case "deliver":
      return `delivered ${what}${how.before === undefined ? "" : ` before ${how.before}`}`;
    case "delay":
      return `delayed ${what} by ${formatDuration(how.byMs)}`;
    case "duplicate":
      return `doubled ${what}`;
    case "drop":
      return `dropped ${what}`;
  }
}

/** Null: any network may do that at any time. */
function impairmentOf(how: Redirection): typeof NO_IMPAIRMENT | null {
  if (how.do === "drop") return { ...NO_IMPAIRMENT, loss: 1 };
  return how.do === "delay" ? { ...NO_IMPAIRMENT, delayMs: how.byMs } : null;
}
