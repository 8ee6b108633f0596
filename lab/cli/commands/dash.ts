/** `watch` and `dash`: the whole cluster on one screen, in the terminal or in a browser; `dash` also serves its metrics. */
import type { Command } from "commander";
import type { CommandContext, RunCaptured } from "./context.ts";
import type { DashFlags } from "./dash-actions.ts";
import type { WatchFlags } from "./watch-actions.ts";

export function registerDashCommands(program: Command, context: CommandContext, runCaptured: RunCaptured): void {
  program
    .command("watch")
    .helpGroup("Look:")
    .description("show the whole cluster on one screen, drawn anew as it changes; q quits")
    .option("--events <count>", "events from before to begin with", "50")
    .addHelpText(
      "after",
      `
One row a node, and in it how that node sees each other one: . alive, S suspected, F failed, L left, ? unknown; a ! below a column says
that views of that node differ. Without a terminal: a line for each event, and one whenever agreement, roles or states change; with
-o json a snapshot a line.`,
    )
    .action(async (flags: WatchFlags) => (await import("./watch-actions.ts")).runWatch(context, flags));

  program
    .command("dash")
    .helpGroup("Look:")
    .description("show the cluster in a browser, live; or replay a stored run")
    .option("--port <number>", "the page's port on 127.0.0.1; 0: any that is free", "0")
    .option("--open", "open it in the browser of this machine")
    .option("--run <folder>", "replay this run instead of showing a lab")
    .option("--runs <folder>", "stored runs to choose from on the page", "out")
    .option("--metrics-port <number>", "also serve /metrics without a token on a port of its own")
    .option("--metrics-address <ip>", "where that port listens", "127.0.0.1")
    .addHelpText(
      "after",
      `
The address that is printed carries a token: who has it can do what you can do with the lab. The server listens on 127.0.0.1 only,
takes the token in a header, and refuses pages of other sites. From another machine: ssh -L 8080:127.0.0.1:PORT, with --port PORT.
In \`lab shell --runtime sim\` it shows simulated nodes; their time passes as fast as ours while it does.
/metrics (Prometheus) wants the token as a bearer; compose/grafana.yml has a Prometheus and a Grafana that read --metrics-port 9464.`,
    )
    .action(async (flags: DashFlags) => (await import("./dash-actions.ts")).runDash(context, flags, runCaptured));
}
