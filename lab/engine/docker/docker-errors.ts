/**
 * Raw engine errors become the operator's: one line of cause, one of cure. Idea: nothing above the adapter ever sees an HTTP
 * status or an errno; code that needs one of them (404 while removing) asks here, inside the adapter.
 */

import type { Hints } from "../../base/hint.ts";
import { LabError } from "../../base/lab-error.ts";
import { NEXT } from "../../base/next.ts";

/** The engine's answer, as dockerode throws it. */
interface EngineFailure {
  readonly statusCode?: number;
  readonly code?: string;
  readonly syscall?: string;
  readonly json?: unknown;
}

/** HTTP status of an engine's refusal; null for anything else. */
export function statusOf(error: unknown): number | null {
  const status = (error as EngineFailure | null)?.statusCode;
  return typeof status === "number" ? status : null;
}

/** The engine's own sentence, without dockerode's "(HTTP code …)" frame. */
export function sentenceOf(error: unknown): string {
  const json = (error as EngineFailure | null)?.json;
  if (typeof json === "object" && json !== null && "message" in json && typeof json.message === "string") {
    return json.message.trim();
  }
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^\(HTTP code \d+\) .*? - /, "").trim();
}

/** Refusals of engines, by the words that they use. */
const REFUSALS = {
  // A published port of the host has "bind:" before it.
  addressTaken: /(?<!bind: )address already in use/i,
  addressesOverlap: /overlap|conflicts with network|networks have same|already allocated/i,
  alreadyConnected: /already exists in network|already attached|endpoint with name .* already exists/i,
  alreadyPaused: /already paused/i,
  beingRemoved: /removal .* is already in progress/i,
  hasEndpoints: /active endpoints/i,
  invalidSignal: /invalid signal/i,
  networkGone: /network \S+ not found/i,
  notFrozen: /unable to freeze/i,
  notPaused: /not paused/i,
  notRunning: /not running/i,
  paused: /is paused/i,
} as const;

/** True when the engine refused something for this reason. Nobody else reads its sentences. */
export function isRefusal(error: unknown, reason: keyof typeof REFUSALS): boolean {
  return REFUSALS[reason].test(sentenceOf(error));
}

/** Resolves to undefined when the engine answers with one of these statuses: "it was so already". */
export async function allow<T>(statuses: readonly number[], call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    const status = statusOf(error);
    if (status !== null && statuses.includes(status)) return undefined;
    throw error;
  }
}

export const LOCAL_INSTEAD = "or repeat the command with --runtime local";

export interface EngineAddress {
  readonly host: string;
  /** Nobody configured an engine: it is looked for where one usually is. */
  readonly isAssumed?: boolean;
}

/** Why the engine could not be reached, or null when the error is not about reaching it. */
export function unreachable(error: unknown, { host: endpoint, isAssumed = false }: EngineAddress): LabError | null {
  const { code, syscall } = (error ?? {}) as EngineFailure;
  const sentence = sentenceOf(error);
  // A file of ours that can't be read has the same codes as a socket.
  if ((code === "ENOENT" || code === "EACCES" || code === "EPERM") && syscall !== "connect") {
    return syscall === "spawn ssh" ? noSsh(endpoint, error) : null;
  }
  // Then this machine has none, and never had a lab in one.
  const details = { absent: isAssumed && code === "ENOENT" };
  const make = (message: string, hints: Hints) =>
    new LabError("engineUnreachable", message, hints, { cause: error, details });
  switch (code) {
    case "ENOENT":
    case "ECONNREFUSED":
      return make(`no Docker engine answers at ${endpoint}`, [
        "start it (Linux: `sudo systemctl start docker`; else Docker Desktop)",
        LOCAL_INSTEAD,
      ]);
    case "EACCES":
    case "EPERM":
      return make(`permission denied at ${endpoint}`, [
        "run `sudo usermod -aG docker $USER`, and log in again",
        LOCAL_INSTEAD,
      ]);
    case "ENOTFOUND":
    case "EAI_AGAIN":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "ETIMEDOUT":
      return make(`the Docker engine at ${endpoint} can't be reached (${code})`, [
        "check DOCKER_HOST and `docker context ls`",
        LOCAL_INSTEAD,
      ]);
    case "ECONNRESET":
    case "EPIPE":
      return make(`the Docker engine at ${endpoint} closed the connection`, [
        "is it restarting? Try again",
        LOCAL_INSTEAD,
      ]);
    default:
  }
  if (typeof code === "string" && /CERT|TLS|SSL/.test(code)) {
    return make(
      `the Docker engine at ${endpoint} has a certificate that isn't trusted (${code})`,
      "check DOCKER_CERT_PATH, DOCKER_TLS_VERIFY and the context's certificates",
    );
  }
  if (/client version .* is too (new|old)|client is newer than server|minimum supported API version/i.test(sentence)) {
    return make(
      `the Docker engine at ${endpoint} speaks another API version: ${sentence}`,
      "update Docker to 19.03 or newer",
    );
  }
  return null;
}

function noSsh(endpoint: string, cause: unknown): LabError {
  const hints = ["install an ssh client", LOCAL_INSTEAD];
  return new LabError("engineUnreachable", `the engine is ${endpoint}, and there is no \`ssh\` here`, hints, { cause });
}

/** The cures for what engines refuse most; anything else keeps the engine's own words. */
const CURES: readonly [RegExp, (sentence: string) => LabError][] = [
  [
    /exchange full/i,
    () =>
      new LabError(
        "failed",
        "the bridge has no port left for another container",
        "a bridge takes 1023; use fewer nodes",
      ),
  ],
  [
    /could not find an available.*pool|all predefined address pools|address pools? .*(exhausted|subnetted)/i,
    () =>
      new LabError("failed", "the engine has no free address range for a network", [
        NEXT.collectGarbage(),
        "remove a network that nobody needs: docker network ls, docker network rm NAME",
      ]),
  ],
  [
    /no space left on device/i,
    () =>
      new LabError("failed", "the engine's disk is full", [
        NEXT.collectGarbage(),
        "see what takes the space: docker system df",
      ]),
  ],
  [/no such image/i, () => new LabError("failed", "the node image is gone", "start a lab: that builds it")],
  [
    /is already in use by container/i,
    (sentence) =>
      new LabError("failed", `a container of that name exists already: ${sentence}`, [
        NEXT.listLabs(),
        NEXT.removeLab(),
        "or choose another --name",
      ]),
  ],
];

/** Every error that leaves the adapter passes here. `doing` completes "can't …". */
export function explain(error: unknown, endpoint: EngineAddress, doing: string): LabError {
  if (error instanceof LabError) return error;
  const lost = unreachable(error, endpoint);
  if (lost) return lost;
  const sentence = sentenceOf(error);
  for (const [pattern, make] of CURES) {
    if (pattern.test(sentence)) return withCause(make(sentence), error);
  }
  return new LabError("failed", `can't ${doing}: ${sentence}`, NEXT.runDoctor(), {
    cause: error,
  });
}

function withCause(made: LabError, cause: unknown): LabError {
  return new LabError(made.exit, made.message, made.hints, { cause });
}
