/** `dash`: the cluster in a browser, live or from a stored run, and its metrics. */
import type { Command } from "commander";
import type { CommandContext, RunCaptured } from "./context.ts";
import type { DashFlags } from "./dash-actions.ts";

export function registerDashCommands(program: Command, context: CommandContext, runCaptured: RunCaptured): void {
  program
    .command("dash")
    .helpGroup("Look:")
    .description("show the cluster in a browser, live; or replay a stored run")
    .option("--port <number>", "the page's port on 127.0.0.1; 0: any that is free", "0")
    .option("--open", "open it in the browser of this machine")
    .option("--run <folder>", "replay this run instead of showing a lab")
    .option("--runs <folder>", "stored runs to choose from on the page", "lab-runs")
    .option("--metrics-port <number>", "also serve /metrics without a token on a port of its own")
    .option("--metrics-address <ip>", "where that port listens", "127.0.0.1")
    .addHelpText(
      "after",
      `
The address that is printed carries a token: who has it can do what you can do with the lab. The server listens on 127.0.0.1 only,
takes the token in a header, and refuses pages of other sites. From another machine: ssh -L 8080:127.0.0.1:PORT, with --port PORT.
/metrics (Prometheus) wants the token as a bearer; compose/grafana.yml has a Prometheus and a Grafana that read --metrics-port 9464.`,
    )
    .action(async (flags: DashFlags) => (await import("./dash-actions.ts")).runDash(context, flags, runCaptured));
}
