/** Whether this swarm can carry a lab: each host's version and clock, the way to its engine, and what that engine's own doctor finds. */
import { NEXT } from "../../base/next.ts";
import type { Finding } from "../engine.ts";
import { type HostPool, isPlainTcp, type Reached, type SwarmHost } from "./swarm-hosts.ts";

/** Journals of nodes are ordered by wall clocks where nothing else orders them. */
const SKEW_MS_MAX = 500;

export async function examineSwarm(pool: HostPool): Promise<readonly Finding[]> {
  const [hosts, answers] = await Promise.all([
    pool.list(),
    pool.ask(async (reached, host) => [await examineHost(reached, host), ...(await reached.engine.doctor())]),
  ]);
  const away = await Promise.all(
    hosts
      .filter((host) => ![...answers.keys()].some(({ id }) => id === host.id))
      .map(async (host) => ({
        ...{ check: host.name, level: "fail" as const, found: (await pool.awayness(host))?.message ?? "it went away" },
        consequence: "its nodes are unreachable, and no new ones are placed there",
        cure: ["start it, or name its engine in the label energy-lab.endpoint", NEXT.listHosts()],
      })),
  );
  const found = [...answers].flatMap(([host, findings]) =>
    findings.map((finding) => ({ ...finding, check: `${host.name}, ${finding.check}` })),
  );
  return [...away, ...found];
}

async function examineHost({ docker }: Reached, host: SwarmHost): Promise<Finding> {
  const beganMs = Date.now();
  const { SystemTime: time } = (await docker.info()) as { SystemTime?: string };
  const midMs = (beganMs + Date.now()) / 2;
  const skewMs = Math.round(Date.parse(time ?? "") - midMs);
  const found = `${host.endpoint}, engine ${host.engineVersion}, clock ${skewMs} ms from here`;
  if (Math.abs(skewMs) > SKEW_MS_MAX) {
    return {
      ...{ check: "host", level: "warn", found },
      consequence: "events of its nodes stand at the wrong place in the journal",
      cure: "synchronise the clocks of the hosts (chrony, systemd-timesyncd)",
    };
  }
  if (!isPlainTcp(host)) return { check: "host", level: "ok", found, consequence: "", cure: "" };
  return {
    ...{ check: "host", level: "warn", found },
    consequence: "everybody who reaches this tcp:// address is root on that host",
    cure: "use ssh:// or TLS",
  };
}
