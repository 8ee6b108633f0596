/**
 * Notices an engine that has stopped answering: it takes connections and says nothing (a stopped daemon, a machine that swaps, a dead
 * tunnel). No request has a deadline of its own, since a build or a stop may rightly take minutes; but an engine that works on one
 * answers a ping beside it. So nothing waits longer than `QUIET_MS + PING_MS` for an engine that is gone.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { LabError } from "../../base/lab-error.ts";
import type { Connection } from "./docker-connect.ts";
import { LOCAL_INSTEAD, statusOf, unreachable } from "./docker-errors.ts";

const QUIET_MS = 2_000;
const PING_MS = 6_000;

/** Engines that didn't answer a moment ago: the next command of this process needn't wait for the same again. */
const silent = new Map<string, { readonly error: LabError; readonly untilMs: number }>();

/** Does `work`, unless the engine stops answering. @throws LabError("engineUnreachable") then */
export async function whileAnswering<T>(connection: Connection, work: () => Promise<T>): Promise<T> {
  const { host } = connection.endpoint;
  const known = silent.get(host);
  if (known !== undefined && known.untilMs > performance.now()) throw known.error;
  const done = new AbortController();
  try {
    return await Promise.race([work(), watchPulse(connection, done.signal)]);
  } finally {
    done.abort();
  }
}

/** Rejects when the engine doesn't answer any more, after its connections were closed; and when the signal says that it is over. */
export async function watchPulse(connection: Connection, signal: AbortSignal): Promise<never> {
  for (;;) {
    await sleep(QUIET_MS, undefined, { signal });
    const lost = await ping(connection);
    if (lost === null) continue;
    silent.set(connection.endpoint.host, { error: lost, untilMs: performance.now() + QUIET_MS });
    connection[Symbol.dispose]();
    throw lost;
  }
}

/** Null: it answers, whatever it says. */
async function ping({ docker, endpoint }: Connection): Promise<LabError | null> {
  const patience = AbortSignal.timeout(PING_MS);
  try {
    // Its type doesn't know of options.
    await docker.ping({ abortSignal: patience } as object as () => void);
    return null;
  } catch (error) {
    if (statusOf(error) !== null) return null;
    if (!patience.aborted) return unreachable(error, endpoint);
    return new LabError(
      "engineUnreachable",
      `the Docker engine at ${endpoint.host} takes connections, but doesn't answer`,
      ["restart it (Linux: `sudo systemctl restart docker`; else Docker Desktop)", LOCAL_INSTEAD],
      { cause: error },
    );
  }
}
