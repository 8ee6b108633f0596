/**
 * Carries multicast across the hosts of an overlay, which drops it: its VXLAN sends to addresses that it knows, and a group is none.
 *
 * One more forwarding entry a host (all zeros: "what has no single home goes there too", bridge(8)) makes it flood. The entries live in the
 * overlay's own network namespace on each host; a global service writes them, from the hosts that the engine's table names, and follows hosts
 * that come and go. It needs NET_ADMIN for the entries and SYS_ADMIN to enter that namespace; it has no other right, and its files are
 * read-only.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type Docker from "dockerode";
import { LabError } from "../../base/lab-error.ts";
import { allow } from "../docker/docker-errors.ts";
import { DOCKER_LABELS, labelled, labLabels } from "../docker/docker-labels.ts";
import type { LabSpec } from "../engine.ts";
import type { Overlay } from "./overlay.ts";

/** Where an engine keeps the namespaces of its networks. */
const NAMESPACES = "/var/run/docker/netns";
const RUNNING_WITHIN_MS = 20_000;

/** The namespace's name is a counter and the first ten characters of the network's id. */
const SCRIPT = `
while :; do
  for ns in /netns/*-$NETWORK; do
    [ -e "$ns" ] && nsenter --net="$ns" sh -c '
      all=$(bridge fdb show dev vxlan0 | sed -n "s/^\\([0-9a-f:]*\\) .*dst \\([0-9.]*\\) .*/\\1 \\2/p")
      want=$(echo "$all" | grep -v "^00:00:00:00:00:00" | cut -d" " -f2 | sort -u)
      have=$(echo "$all" | sed -n "s/^00:00:00:00:00:00 //p" | sort -u)
      for h in $want; do case " $(echo $have) " in *" $h "*) ;; *) bridge fdb append 00:00:00:00:00:00 dev vxlan0 dst $h self permanent && echo "+ $h";; esac; done
      for h in $have; do case " $(echo $want) " in *" $h "*) ;; *) bridge fdb del 00:00:00:00:00:00 dev vxlan0 dst $h self && echo "- $h";; esac; done'
  done
  sleep 0.5
done`;

/**
 * Starts the helper on all hosts, and waits until it runs on these. The image must be there.
 * @param image by id: by name each host would look for it in a registry first
 * @throws LabError("failed") when a host refuses it
 */
export async function startHelper(
  docker: Docker,
  spec: LabSpec,
  network: Overlay,
  image: string,
  hosts: readonly string[],
): Promise<void> {
  const labels = labLabels(spec);
  const service = {
    Name: `${network.name}-multicast`,
    Labels: labels,
    Mode: { Global: {} },
    EndpointSpec: { Mode: "dnsrr" },
    TaskTemplate: {
      ContainerSpec: {
        Image: image,
        Command: ["sh", "-c", SCRIPT],
        Env: [`NETWORK=${network.id.slice(0, 10)}`],
        Labels: labels,
        // The image's own waits for a node that becomes ready.
        HealthCheck: { Test: ["NONE"] },
        CapabilityDrop: ["ALL"],
        CapabilityAdd: ["CAP_NET_ADMIN", "CAP_SYS_ADMIN"],
        ReadOnly: true,
        Mounts: [{ Type: "bind", Source: NAMESPACES, Target: "/netns", ReadOnly: true }],
        StopGracePeriod: 1,
        Init: true,
      },
      Networks: [{ Target: network.id }],
      RestartPolicy: { Condition: "any", Delay: 500_000_000 },
      Placement: {},
      LogDriver: { Name: "json-file", Options: { "max-size": "1m", "max-file": "1" } },
    },
  };
  await allow([409], docker.createService(service as never));
  await untilRunning(docker, spec.name, hosts);
}

async function untilRunning(docker: Docker, lab: string, hosts: readonly string[]): Promise<void> {
  const deadlineMs = performance.now() + RUNNING_WITHIN_MS;
  for (;;) {
    const tasks = (await docker.listTasks({ filters: labelled([DOCKER_LABELS.lab, lab]) })) as {
      NodeID: string;
      Status: { State: string; Err?: string };
    }[];
    const missing = hosts.filter((id) => !tasks.some((task) => task.NodeID === id && task.Status.State === "running"));
    if (missing.length === 0) return;
    const complaint = tasks.find((task) => task.Status.Err !== undefined && missing.includes(task.NodeID))?.Status.Err;
    if (performance.now() > deadlineMs) {
      throw new LabError(
        "failed",
        `the helper that carries multicast doesn't run on ${missing.length} of ${hosts.length} hosts: ${complaint ?? "no reason given"}`,
        "do without it: --multicast unicast",
      );
    }
    await sleep(100);
  }
}

/** @returns the ids of the services that were removed */
export async function stopHelper(docker: Docker, lab: string): Promise<readonly string[]> {
  const services = await docker.listServices({ filters: labelled([DOCKER_LABELS.lab, lab]) as never });
  await Promise.all(services.map(({ ID: id }) => allow([404], docker.getService(id).remove())));
  return services.map(({ ID: id }) => id);
}
