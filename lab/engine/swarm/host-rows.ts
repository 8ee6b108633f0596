/** What `lab hosts` shows: the manager's word about each host, and its own engine's. */
import { DOCKER_LABELS, labelled } from "../docker/docker-labels.ts";
import type { HostInfo } from "../engine.ts";
import type { HostPool, SwarmHost } from "./swarm-hosts.ts";

export async function describeHosts(pool: HostPool): Promise<readonly HostInfo[]> {
  const [hosts, answers] = await Promise.all([
    pool.list(),
    pool.ask(async ({ docker }) => {
      const beganMs = performance.now();
      await docker.ping();
      const latencyMs = performance.now() - beganMs;
      const filters = labelled(DOCKER_LABELS.node, [DOCKER_LABELS.runtime, "swarm"]);
      return { latencyMs, nodes: (await docker.listContainers({ all: true, filters })).length };
    }),
  ]);
  const byName = new Map([...answers].map(([host, answer]) => [host.name, answer]));
  return await Promise.all(
    hosts.map(async (host): Promise<HostInfo> => {
      const answer = byName.get(host.name);
      const { name, zone, isManager, cpus, memoryBytes, address, endpoint } = host;
      return {
        ...{ name, zone, isManager, cpus, memoryBytes, address, endpoint },
        state: stateOf(host, answer !== undefined),
        why: answer === undefined ? ((await pool.awayness(host))?.message ?? "") : "",
        nodes: answer?.nodes ?? null,
        latencyMs: answer === undefined ? null : Math.round(answer.latencyMs * 100) / 100,
      };
    }),
  );
}

function stateOf({ state, availability }: SwarmHost, answers: boolean): string {
  if (state !== "ready") return state;
  if (!answers) return "away";
  return availability === "active" ? "ready" : availability;
}
