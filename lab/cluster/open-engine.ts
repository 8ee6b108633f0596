/**
 * Which runtime: Docker where an engine answers, processes on this machine otherwise; and in which of them a lab lives.
 *
 * Each adapter is loaded only when it is asked for: Docker's client costs more start-up time than the rest of the CLI.
 */
import { LabError, noSuchLab } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";
import { listStateDirs, StateDir } from "../base/state-dir.ts";
import type { Engine, LabInfo, RuntimeName } from "../engine/engine.ts";
import { readMadeRecord } from "./made-record.ts";

/** The runtime that the user asked for; `auto` falls back from docker to local. */
export type RuntimeChoice = RuntimeName | "auto";

/** The runtimes in which a lab may be, the cheapest to ask first. */
export function runtimesOf(choice: RuntimeChoice): readonly RuntimeName[] {
  return choice === "auto" ? ["local", "docker", "swarm"] : [choice];
}

const RUNTIME_WORDS = { docker: "Docker", swarm: "a Docker Swarm", local: "the local runtime", sim: "virtual time" };

export function describeRuntime(runtime: RuntimeName): string {
  return RUNTIME_WORDS[runtime];
}

/** Opens one adapter. @throws LabError("engineUnreachable") for docker when no engine is configured or answers; LabError("unsupported") for sim without a session */
export async function openEngine(name: RuntimeName): Promise<Engine> {
  if (name === "swarm") {
    const { SwarmEngine } = await import("../engine/swarm/swarm-engine.ts");
    return SwarmEngine.open();
  }
  if (name === "docker") {
    const { DockerEngine } = await import("../engine/docker/docker-engine.ts");
    return DockerEngine.open();
  }
  if (name === "sim") {
    const { currentSimEngine } = await import("../engine/sim/sim-session.ts");
    return currentSimEngine();
  }
  const { LocalEngine } = await import("../engine/local/local-engine.ts");
  return new LocalEngine();
}

/**
 * The engine for a new lab.
 * @param onFallback told why Docker isn't used
 * @param onSwarm told how many hosts a lab could have instead of this one
 */
export async function chooseEngine(
  choice: RuntimeChoice,
  options: { signal: AbortSignal; onFallback: (why: string) => void; onSwarm?: (hosts: number) => void },
): Promise<Engine> {
  if (choice !== "auto") {
    const engine = await openEngine(choice);
    await engine.check(options.signal);
    return engine;
  }
  let docker: Engine | null = null;
  try {
    docker = await openEngine("docker");
    const { facts } = await docker.check(options.signal);
    if (typeof facts.swarmHosts === "number") options.onSwarm?.(facts.swarmHosts);
    return docker;
  } catch (error) {
    await docker?.[Symbol.asyncDispose]();
    if (!(error instanceof LabError)) throw error;
    options.onFallback(error.message);
    return openEngine("local");
  }
}

/**
 * The engine in which a lab lives. The local runtime is asked first: it is a look into a folder.
 * @throws LabError("notFound"); LabError("usage") when both runtimes have a lab of that name
 */
export async function findLab(name: string, choice: RuntimeChoice): Promise<{ engine: Engine; info: LabInfo }> {
  const found: { engine: Engine; info: LabInfo }[] = [];
  let unreachable: { error: LabError; runtime: RuntimeName } | null = null;
  for (const runtime of runtimesOf(choice)) {
    try {
      const engine = await openEngine(runtime);
      const info = await engine.lab(name);
      if (info === null) await engine[Symbol.asyncDispose]();
      else found.push({ engine, info });
    } catch (error) {
      if (choice !== "auto" || !(error instanceof LabError)) throw error;
      unreachable ??= { error, runtime };
    }
    // A local lab is found without the price of asking Docker, unless the name may be in both.
    if (found.length > 0 && !(await mayBeElsewhere(name, runtime))) break;
  }
  const [first, second] = found;
  if (first !== undefined && second !== undefined) {
    await Promise.all(found.map(({ engine }) => engine[Symbol.asyncDispose]()));
    throw new LabError(
      "usage",
      `there are two labs named "${name}", one in ${describeRuntime(first.info.runtime)} and one in ${describeRuntime(second.info.runtime)}`,
      `say which: --runtime ${first.info.runtime} or --runtime ${second.info.runtime}`,
    );
  }
  if (first !== undefined) return first;
  if (unreachable === null) throw noSuchLab(name);
  const { error, runtime } = unreachable;
  const isNoWhere = await isAbsent(error, runtime);
  if (isNoWhere && runtime === "swarm") throw noSuchLab(name);
  throw new LabError(
    isNoWhere ? "notFound" : "engineUnreachable",
    `there is no local lab named "${name}", and ${describeRuntime(runtime)} can't be asked: ${error.message}`,
    [NEXT.listLabs(), NEXT.startLab(name), NEXT.runDoctor()],
    { cause: error },
  );
}

/** This runtime isn't set up on this machine, and no lab was made in it: then there is none that it could be asked about. */
export async function isAbsent(error: LabError, runtime: RuntimeName): Promise<boolean> {
  if (error.details.absent !== true) return false;
  const records = await Promise.all((await listStateDirs()).map((name) => readMadeRecord(new StateDir(name))));
  return records.every((record) => record?.runtime !== runtime);
}

/** The CLI's own record says that the last lab of this name was made in another runtime: then it is asked too. */
async function mayBeElsewhere(name: string, runtime: RuntimeName): Promise<boolean> {
  const madeIn = (await readMadeRecord(new StateDir(name)))?.runtime;
  return madeIn !== undefined && madeIn !== runtime && madeIn !== "sim";
}
