/** `hosts`: the machines of the swarm. */
import type { Command } from "commander";
import { NEXT } from "../../base/next.ts";
import type { CommandContext } from "./context.ts";

export function registerHostsCommand(program: Command, context: CommandContext): void {
  program
    .command("hosts")
    .helpGroup("This machine:")
    .description(
      "list the hosts of the Docker Swarm that a lab can lie on: their state, size, nodes, and the way to each",
    )
    .action(() => hosts(context));
}

const COLUMNS = [
  { title: "HOST" },
  { title: "STATE" },
  { title: "ZONE" },
  { title: "CPUS", align: "right" },
  { title: "MEMORY", align: "right" },
  { title: "NODES", align: "right" },
  { title: "ENDPOINT" },
  { title: "LATENCY", align: "right" },
] as const;

async function hosts(context: CommandContext): Promise<void> {
  const [{ openEngine }, { renderTable }] = await Promise.all([
    import("../../cluster/open-engine.ts"),
    import("../ui/table.ts"),
  ]);
  await using engine = await openEngine("swarm");
  const rows = (await engine.hosts?.()) ?? [];
  const cells = rows.map((row) => [
    row.name,
    row.state,
    row.zone ?? "-",
    String(row.cpus),
    `${(row.memoryBytes / 2 ** 30).toFixed(1)} GB`,
    row.nodes === null ? "-" : String(row.nodes),
    row.endpoint,
    row.latencyMs === null ? "-" : `${row.latencyMs.toFixed(1)} ms`,
  ]);
  context.printer.data(rows, renderTable(COLUMNS, cells));
  for (const { name, why } of rows.filter((row) => row.why !== "")) context.printer.say(`${name}: ${why}`);
  if (rows.some(({ endpoint }) => /^(tcp|http):/.test(endpoint)) && !process.env.DOCKER_TLS_VERIFY) {
    context.printer.say(
      "warning: a tcp:// endpoint without TLS lets everybody who reaches it be root on that host; use ssh://",
    );
  }
  if (rows.some(({ why }) => why !== "")) context.next(NEXT.runDoctor());
}
