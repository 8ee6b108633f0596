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

/** Opens one adapter. @throws LabError("engineUnreachable") for docker when no engine is configured or answers; LabError("unsupported") for sim without a session */
export async function openEngine(name: RuntimeName): Promise<Engine> {
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
 */
export async function chooseEngine(
  choice: RuntimeChoice,
  options: { signal: AbortSignal; onFallback: (why: string) => void },
): Promise<Engine> {
  if (choice !== "auto") {
    const engine = await openEngine(choice);
    await engine.check(options.signal);
    return engine;
  }
  let docker: Engine | null = null;
  try {
    docker = await openEngine("docker");
    await docker.check(options.signal);
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
  let unreachable: unknown;
  const names: readonly RuntimeName[] = choice === "auto" ? ["local", "docker"] : [choice];
  for (const runtime of names) {
    try {
      const engine = await openEngine(runtime);
      const info = await engine.lab(name);
      if (info === null) await engine[Symbol.asyncDispose]();
      else found.push({ engine, info });
    } catch (error) {
      if (choice !== "auto" || !(error instanceof LabError)) throw error;
      unreachable = error;
    }
    // A local lab is found without the price of asking Docker, unless the name may be in both.
    if (found.length > 0 && !(await mayBeElsewhere(name, runtime))) break;
  }
  const [first, second] = found;
  if (first !== undefined && second !== undefined) {
    await Promise.all(found.map(({ engine }) => engine[Symbol.asyncDispose]()));
    throw new LabError(
      "usage",
      `there are two labs named "${name}", one in Docker and one of local processes`,
      "say which: --runtime docker or --runtime local",
    );
  }
  if (first !== undefined) return first;
  if (unreachable instanceof LabError) {
    throw new LabError(
      (await isWithoutDocker(unreachable)) ? "notFound" : "engineUnreachable",
      `there is no local lab named "${name}", and Docker can't be asked: ${unreachable.message}`,
      [NEXT.listLabs(), NEXT.startLab(name), NEXT.runDoctor()],
      { cause: unreachable },
    );
  }
  throw noSuchLab(name);
}

/** Docker isn't set up on this machine, and no lab was made in one: then there is none that it could be asked about. */
export async function isWithoutDocker(error: LabError): Promise<boolean> {
  if (error.details.absent !== true) return false;
  const records = await Promise.all((await listStateDirs()).map((name) => readMadeRecord(new StateDir(name))));
  return records.every((record) => record?.runtime !== "docker");
}

/** The CLI's own record says that the last lab of this name was made in Docker: then it is asked too. */
async function mayBeElsewhere(name: string, runtime: RuntimeName): Promise<boolean> {
  if (runtime !== "local") return false;
  return (await readMadeRecord(new StateDir(name)))?.runtime === "docker";
}
