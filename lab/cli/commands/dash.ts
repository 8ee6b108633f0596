/** `watch` and `dash`: the whole cluster on one screen, in the terminal or in a browser; `dash` also serves its metrics. */
import type { Command } from "commander";
import { addNotes, type Note } from "../ui/notes.ts";
import type { CommandContext, RunCaptured } from "./context.ts";
import type { DashFlags } from "./dash-actions.ts";
import type { WatchFlags } from "./watch-actions.ts";

const WATCH_NOTES: readonly Note[] = [
  "Each row is an observer, each column the node that it observes: . alive, S suspected, F failed, L left, ? unknown. A ! below a column says that the observers differ about that node.",
  "Keys: the arrows choose a node, k kills or starts it, p pauses or resumes it, c cuts it off, t trades, h heals all faults, f filters events, ? helps, q quits. Below the events are curves of the chosen node, else of the coordinator.",
  "Without a terminal, watch prints a line for each event, and one whenever agreement, roles or states change; with -o json, it prints a snapshot a line.",
];

const DASH_NOTES: readonly Note[] = [
  "The printed address carries a token, and the token lets its holder do with the lab what you can do. The server listens on 127.0.0.1 only, takes the token in a header, and refuses pages of other sites. To reach it from another machine, give --port PORT and run: ssh -L 8080:127.0.0.1:PORT.",
  "In a simulated shell, the page shows simulated nodes. Their time then passes as fast as real time.",
  "/metrics (Prometheus) wants the token as a bearer token. compose/grafana.yml has a Prometheus and a Grafana that read --metrics-port 9464.",
];

export function registerDashCommands(program: Command, context: CommandContext, runCaptured: RunCaptured): void {
  addNotes(
    program
      .command("watch")
      .helpGroup("Look:")
      .description("show the whole cluster on one screen, live; keys act on it")
      .option("--events <count>", "number of earlier events to begin with", "50")
      .action(async (flags: WatchFlags) => (await import("./watch-actions.ts")).runWatch(context, flags, runCaptured)),
    context.caller.prefix,
    WATCH_NOTES,
  );

  addNotes(
    program
      .command("dash")
      .helpGroup("Look:")
      .description("show the cluster in a browser, live, or replay a stored run")
      .option("--port <number>", "port of the page on 127.0.0.1; 0: any free one", "0")
      .option("--open", "open the page in this machine's browser")
      .option("--run <folder>", "replay this run instead of showing a lab")
      .option("--runs <folder>", "folder of stored runs that the page offers", "out")
      .option("--metrics-port <number>", "also serve /metrics without a token on a port of its own")
      .option("--metrics-address <ip>", "address of that port", "127.0.0.1")
      .action(async (flags: DashFlags) => (await import("./dash-actions.ts")).runDash(context, flags, runCaptured)),
    context.caller.prefix,
    DASH_NOTES,
  );
}
