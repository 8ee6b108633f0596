/**
 * Whether this engine can carry a lab: each check does what a lab would do, and says what follows for the user and what to do.
 */
import type Docker from "dockerode";
import type { Hints } from "../../base/hint.ts";
import { interrupted, LabError } from "../../base/lab-error.ts";
import { NEXT } from "../../base/next.ts";
import type { Finding } from "../engine.ts";
import type { Connection } from "./docker-connect.ts";
import { explain, LOCAL_INSTEAD, unreachable } from "./docker-errors.ts";
import { hasImage, type ImagePlan } from "./docker-image.ts";
import { tryMulticast } from "./docker-multicast.ts";
import { rangesOf } from "./docker-network.ts";
import { kernelFaultsOf } from "./docker-probe.ts";
import { freeSubnets, hostRanges } from "./docker-subnet.ts";

const ANSWER_WITHIN_MS = 3_000;
/** Static addresses, `wait` conditions and build arguments as used here: Docker 19.03. */
const API_OLDEST = [1, 40] as const;

/** Throws LabError("engineUnreachable") when no lab can run there. */
export async function checkEngine(
  { docker, endpoint }: Connection,
  signal?: AbortSignal,
): Promise<{ detail: string; facts: Readonly<Record<string, unknown>> }> {
  const late = AbortSignal.timeout(ANSWER_WITHIN_MS);
  const until = AbortSignal.any(signal ? [signal, late] : [late]);
  // Only a manager answers this.
  const hosts = within(docker.listNodes(), until).catch(() => []);
  const version = await within(docker.version(), until).catch((error) => {
    if (signal?.aborted) throw interrupted("run it again");
    if (late.aborted) {
      throw new LabError(
        "engineUnreachable",
        `the Docker engine at ${endpoint.host} doesn't answer within ${ANSWER_WITHIN_MS / 1000} s`,
        ["restart it", LOCAL_INSTEAD],
        { cause: error },
      );
    }
    throw unreachable(error, endpoint) ?? error;
  });
  const [major = 0, minor = 0] = version.ApiVersion.split(".").map(Number);
  if (major < API_OLDEST[0] || (major === API_OLDEST[0] && minor < API_OLDEST[1])) {
    throw new LabError("engineUnreachable", `Docker ${version.Version} is too old`, [
      "update it to 19.03 or newer",
      LOCAL_INSTEAD,
    ]);
  }
  if (version.Os === "windows") {
    throw new LabError("engineUnreachable", "the Docker engine runs Windows containers", [
      "switch Docker Desktop to Linux containers",
      LOCAL_INSTEAD,
    ]);
  }
  const facts = {
    version: version.Version,
    api: version.ApiVersion,
    os: version.Os,
    arch: version.Arch,
    kernel: version.KernelVersion,
    endpoint: endpoint.host,
    context: endpoint.context,
    // Of the swarm that this engine manages; null: it manages none, or none with other hosts.
    swarmHosts: (await hosts).length > 1 ? (await hosts).length : null,
  };
  const context = endpoint.context === null ? "" : `, context ${endpoint.context}`;
  return { detail: `Docker ${version.Version} at ${endpoint.host}${context}`, facts };
}

/** All checks. One that can't be made is a finding too, and doesn't keep the others from being made. */
export async function examine(connection: Connection, plan: () => Promise<ImagePlan>): Promise<readonly Finding[]> {
  const { docker, endpoint } = connection;
  const attempt = async (check: string, consequence: string, work: () => Promise<readonly Finding[]>) => {
    try {
      return await work();
    } catch (error) {
      const why = explain(error, endpoint, `check the ${check}`);
      return [{ check, level: "fail" as const, found: why.message, consequence, cure: why.hints }];
    }
  };
  const engine = await attempt("engine", "labs run as processes here: no containers, no kernel faults", async () => {
    const { detail, facts } = await checkEngine(connection);
    return [ok("engine", `${detail}, API ${facts.api}, kernel ${facts.kernel}`)];
  });
  if (engine.some((finding) => finding.level === "fail")) return engine;
  const rest = await Promise.all([
    attempt("engine's settings", "", () => describeHost(docker)),
    attempt("images", "`lab up` can't start nodes on Docker", () => describeImages(connection, plan)),
    attempt("subnets", "", () => describeSubnets(docker)),
  ]);
  return [...engine, ...rest.flat()];
}

async function describeHost(docker: Docker): Promise<readonly Finding[]> {
  const info = (await docker.info()) as Record<string, unknown>;
  const cgroup = String(info.CgroupVersion ?? "1");
  const rootless =
    Array.isArray(info.SecurityOptions) && info.SecurityOptions.some((option) => String(option).includes("rootless"));
  const found = [
    ok("cgroup", `version ${cgroup}, driver ${info.CgroupDriver}`),
    ok("storage", `${info.Driver} at ${info.DockerRootDir}`),
    await describeDisk(String(info.DockerRootDir)),
  ];
  if (rootless) {
    found.push({
      check: "rootless",
      level: "info",
      found: "the engine runs without root",
      consequence: "control goes through a port on 127.0.0.1; pause needs cgroup version 2",
      cure: "",
    });
  }
  return found;
}

async function describeDisk(folder: string): Promise<Finding> {
  const { statfs } = await import("node:fs/promises");
  try {
    const { bavail, bsize } = await statfs(folder);
    const gigabytes = (bavail * bsize) / 2 ** 30;
    if (gigabytes >= 1) return ok("disk", `${gigabytes.toFixed(1)} GB free at ${folder}`);
    return {
      check: "disk",
      level: "warn",
      found: `${gigabytes.toFixed(2)} GB free at ${folder}`,
      consequence: "images can't be built and nodes can't store their ledgers",
      cure: [NEXT.collectGarbage(), "see what takes the space: docker system df"],
    };
  } catch {
    return {
      check: "disk",
      level: "info",
      found: "the engine's disk can't be seen from here",
      consequence: "",
      cure: "",
    };
  }
}

async function describeImages(
  connection: Connection,
  planImage: () => Promise<ImagePlan>,
): Promise<readonly Finding[]> {
  const { docker } = connection;
  const plan = await planImage();
  const [node, base] = await Promise.all([hasImage(docker, plan.tag), hasImage(docker, plan.base)]);
  const images = [
    node
      ? ok("node image", plan.tag)
      : info("node image", `${plan.tag} isn't built yet`, "the first `lab up` takes longer", NEXT.startLab()),
    base || node
      ? ok("base image", base ? plan.base : `${plan.base} isn't here; the built node image doesn't need it`)
      : info("base image", `${plan.base} isn't here`, "`lab up` pulls it first", `pull it: docker pull ${plan.base}`),
  ];
  const image = node ? plan.tag : base ? plan.base : null;
  if (image === null) {
    return [...images, untried("multicast, nftables, netem, htb, ifb")];
  }
  const [multicast, kernel] = await Promise.all([
    describeMulticast(docker, image),
    node ? describeKernel(connection) : [untried("nftables, netem, htb, ifb")],
  ]);
  return [...images, multicast, ...kernel];
}

/** Checks that run inside the node image have no result before it exists. */
function untried(checks: string): Finding {
  return info(checks, "tried once the node image is there", "", NEXT.startLab());
}

async function describeMulticast(docker: Docker, image: string): Promise<Finding> {
  const outcome = await tryMulticast(docker, image);
  if (outcome.heard)
    return ok("multicast", `two containers on a bridge heard each other within ${Math.round(outcome.afterMs)} ms`);
  return {
    check: "multicast",
    level: "fail",
    found: `two containers on a bridge didn't hear each other: ${outcome.detail}`,
    consequence: "nodes don't find each other by multicast",
    cure: [
      "allow UDP between containers in the host's firewall (bridge-nf-call-iptables, DOCKER-USER), or give DS_PEERS",
      LOCAL_INSTEAD,
    ],
  };
}

async function describeKernel(connection: Connection): Promise<readonly Finding[]> {
  const can = await kernelFaultsOf(connection, () => {});
  const byNode = "the node's own receive-side shim does it instead";
  const modules = "on another kernel: a distribution's standard one has it (`modprobe`, package linux-modules-extra)";
  return [
    can.nft
      ? ok("nftables", "partition, one-way cut and loss")
      : warn("nftables", "doesn't work", `partition and loss: ${byNode}`, modules),
    can.netem
      ? ok("netem", "delay, jitter, loss, duplicate, reorder")
      : warn("netem", "this kernel has none", `delay, jitter, duplicate, reorder: ${byNode}`, modules),
    can.htb
      ? ok("htb", "rate, and one leaf per source")
      : warn("htb", "this kernel has none", `rate: ${byNode}`, modules),
    can.ifb
      ? ok("ifb", "faults at the receiver, per source")
      : warn("ifb", "this kernel has none", `netem per source: ${byNode}`, modules),
  ];
}

async function describeSubnets(docker: Docker): Promise<readonly Finding[]> {
  const [networks, host] = await Promise.all([docker.listNetworks(), hostRanges()]);
  const free = [...freeSubnets([...networks.flatMap(rangesOf), ...host], "")].length;
  if (free > 0) return [ok("subnets", `${free} free /24 ranges for labs`)];
  return [
    {
      check: "subnets",
      level: "fail",
      found: "no private /24 is free",
      consequence: "no lab can be started on Docker",
      cure: [
        NEXT.collectGarbage(),
        "remove a network that nobody needs: docker network ls, docker network rm NAME",
        LOCAL_INSTEAD,
      ],
    },
  ];
}

async function within<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  return await Promise.race([
    work,
    new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    }),
  ]);
}

function ok(check: string, found: string): Finding {
  return { check, level: "ok", found, consequence: "", cure: "" };
}

function info(check: string, found: string, consequence: string, cure: Hints): Finding {
  return { check, level: "info", found, consequence, cure };
}

function warn(check: string, found: string, consequence: string, cure: Hints): Finding {
  return { check, level: "warn", found, consequence, cure };
}
