/** The lab that files and the command line describe together. */
import { PROFILE_NAMES } from "../../../node/wire/profile.ts";
import { didYouMean } from "../../base/suggest.ts";
import type { LabRequest } from "../../cluster/plan-lab.ts";
import type { SwarmWishes } from "../../engine/engine.ts";
import { describeAsEnv, type JournalDetail } from "../../journal/detail.ts";
import type { CommandContext } from "./context.ts";

/** What `up` takes, as it stands on the command line; `export kubernetes` takes a part of it. */
export interface LabFlags {
  nodes?: string;
  profile?: string;
  file?: string;
  journal?: JournalDetail;
  memory?: string;
  pids?: string;
  hosts?: string;
  multicast?: SwarmWishes["multicast"];
  encrypted?: boolean;
  messages?: boolean;
}

/** Defaults, then the file, then the command line. */
export async function readRequest(
  context: CommandContext,
  flags: LabFlags,
): Promise<{ request: LabRequest; runtime: CommandContext["options"]["runtime"] }> {
  const [
    { loadLabConfig },
    { parseCount },
    { NODES_MAX },
    { parseMemory, parsePids },
    { projectRoot },
    { LabError },
    { join },
  ] = await Promise.all([
    import("../../cluster/lab-file.ts"),
    import("../../base/numbers.ts"),
    import("../../cluster/plan-lab.ts"),
    import("../../cluster/limits.ts"),
    import("../../engine/node-bundle.ts"),
    import("../../base/lab-error.ts"),
    import("node:path"),
  ]);
  const [defaults, file] = await Promise.all([
    loadLabConfig(join(projectRoot(), "compose", "lab.yaml")),
    flags.file === undefined ? null : loadLabConfig(flags.file),
  ]);
  const { options } = context;
  const profile = flags.profile ?? file?.profile ?? defaults.profile ?? "default";
  if (!PROFILE_NAMES.some((name) => name === profile)) {
    throw new LabError(
      "usage",
      `there is no profile "${profile}"`,
      didYouMean(profile, PROFILE_NAMES, `profiles: ${PROFILE_NAMES.join(", ")}`),
    );
  }
  const count = flags.nodes === undefined ? undefined : parseCount(flags.nodes, "--nodes", 1, NODES_MAX);
  const { checkLabName } = await import("../../base/state-dir.ts");
  const { loadProgram } = await import("../../cluster/load-program.ts");
  const program = file?.node === undefined ? null : await loadProgram(file.node, flags.file ?? ".");
  const name = checkLabName(options.isNamed ? options.name : (file?.name ?? options.name));
  return {
    runtime: options.isRuntimeNamed ? options.runtime : (file?.runtime ?? defaults.runtime ?? "auto"),
    request: {
      name,
      profile,
      nodes: count ?? file?.nodes ?? defaults.nodes ?? 5,
      // A count on the command line makes other nodes than the file's voters speak of.
      voters: count === undefined ? (file?.voters ?? null) : null,
      program: program === null || flags.messages !== true ? program : { ...program, tap: true },
      limits: {
        ...defaults.limits,
        ...file?.limits,
        ...(flags.memory !== undefined && { memoryBytes: parseMemory(flags.memory, "--memory") }),
        ...(flags.pids !== undefined && { pids: parsePids(flags.pids, "--pids") }),
      },
      ...readWishes(flags, file?.swarm),
      ...(file?.latencies !== undefined && { latencies: file.latencies }),
      env: { ...defaults.env, ...file?.env, ...(flags.journal === undefined ? {} : describeAsEnv(flags.journal)) },
    },
  };
}

/** The command line's words win over the file's, one by one. */
function readWishes(flags: LabFlags, file: Partial<SwarmWishes> = {}): { swarm?: SwarmWishes } {
  const said = {
    ...file,
    ...(flags.hosts !== undefined && { hosts: flags.hosts.split(",").map((host) => host.trim()) }),
    ...(flags.multicast !== undefined && { multicast: flags.multicast }),
    ...(flags.encrypted !== undefined && { encrypted: flags.encrypted }),
  };
  if (Object.keys(said).length === 0) return {};
  return { swarm: { hosts: null, multicast: "helper", encrypted: false, ...said } };
}
