/** Whether this swarm can carry a lab, host by host. */
import type { Finding } from "../engine.ts";
import type { HostPool } from "./swarm-hosts.ts";

export async function examineSwarm(pool: HostPool, _environment: unknown): Promise<readonly Finding[]> {
  const byHost = await pool.ask(({ engine }) => engine.doctor());
  return [...byHost].flatMap(([host, findings]) =>
    findings.map((finding) => ({ ...finding, check: `${host.name}: ${finding.check}` })),
  );
}
