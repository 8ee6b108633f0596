/** What `lab dash` does: puts a source together, serves it, says where, and ends with the lab or with Ctrl-C. */
import { randomBytes } from "node:crypto";
import { isIP } from "node:net";
import { dirname, join, resolve } from "node:path";
import { LabError } from "../../base/lab-error.ts";
import type { LabHandle } from "../../cluster/lab-handle.ts";
import { listScenarios } from "../../dash/catalogue.ts";
import { openLiveFeed } from "../../dash/live-source.ts";
import { describeMetrics } from "../../dash/metrics.ts";
import { openMetricsServer } from "../../dash/metrics-server.ts";
import { renderMetrics } from "../../dash/metrics-text.ts";
import { formatCommand, isLabCommand } from "../../dash/page-command.ts";
import { loadPage } from "../../dash/page-file.ts";
import { LESSON_RUN } from "../../dash/protocol.ts";
import { findRun, listRuns, openRunFeed } from "../../dash/replay-source.ts";
import { runCommand } from "../../dash/run-command.ts";
import { ScenarioPlayer } from "../../dash/scenario-player.ts";
import { type DashHandle, type DashSource, openDashServer } from "../../dash/server.ts";
import { projectRoot } from "../../engine/node-bundle.ts";
import { openBrowser } from "../ui/open-browser.ts";
import type { CommandContext, RunCaptured } from "./context.ts";

export interface DashFlags {
  readonly port: string;
  readonly open?: boolean;
  readonly run?: string;
  readonly runs: string;
  readonly metricsPort?: string;
  readonly metricsAddress: string;
}

interface Ports {
  readonly page: number;
  /** Null: not asked for. */
  readonly metrics: number | null;
  readonly metricsAddress: string;
}

export async function runDash(context: CommandContext, flags: DashFlags, runCaptured: RunCaptured): Promise<void> {
  const ports = readPorts(flags);
  const runs = resolve(flags.runs);
  context.finishOnInterrupt();
  if (flags.run !== undefined) {
    const folder = resolve(flags.run);
    if (ports.metrics !== null) {
      throw new LabError("usage", "a stored run has no metrics to scrape", "leave --metrics-port off");
    }
    const feed = await openRunFeed(folder);
    const source = replaySource(feed, flags.runs === "out" ? dirname(folder) : runs);
    await using server = await serve(context, source, ports.page);
    announce(context, server, flags, { run: folder, metrics: null });
    await untilAborted(context.signal);
    return;
  }
  await context.withLab(async (lab) => {
    const stop = new AbortController();
    const live = openLiveFeed(lab, AbortSignal.any([context.signal, stop.signal]));
    try {
      const metrics = async () => renderMetrics(describeMetrics({ lab: lab.name, ...lab.info }, await live.snapshot()));
      const { runtime } = lab.info;
      const place = { lab: lab.name, runtime, folder: scenarioFolder() };
      await using player = new ScenarioPlayer({ ...place, feed: live.feed, signal: context.signal });
      const source = liveSource(lab, live.feed, { runs, metrics, runCaptured, player });
      await using server = await serve(context, source, ports.page);
      await using scraped =
        ports.metrics === null
          ? null
          : await openMetricsServer({ address: ports.metricsAddress, port: ports.metrics, metrics });
      announce(context, server, flags, { lab: lab.name, metrics: scraped?.url ?? null });
      const why = await live.ended;
      if (why === "lab-gone") context.printer.say(`lab "${lab.name}" was removed: there is nothing more to show`);
    } finally {
      stop.abort();
      await live.ended;
    }
  });
}

function liveSource(
  lab: LabHandle,
  feed: DashSource["feed"],
  options: { runs: string; metrics: () => Promise<string>; runCaptured: RunCaptured; player: ScenarioPlayer },
): DashSource {
  const { runs, metrics, runCaptured, player } = options;
  const target = { lab: lab.name, runtime: lab.info.runtime, runLine: runCaptured };
  return {
    feed,
    mayCommand: true,
    metrics,
    openRun: async (name) => {
      if (name !== LESSON_RUN) return await openRunFeed(await findRun(runs, name));
      if (player.lessonFeed !== null) return player.lessonFeed;
      throw new LabError("notFound", "no experiment has been played here", "choose one of the course");
    },
    command: async (command) => {
      if (isLabCommand(command)) return await runCommand(command, target);
      return await player.obey(command, formatCommand(command, lab.name));
    },
    catalogue: async () => ({
      scenarios: await listScenarios(scenarioFolder(), lab.info.runtime),
      runs: await listRuns(runs),
    }),
  };
}

function replaySource(feed: DashSource["feed"], runs: string): DashSource {
  return {
    feed,
    mayCommand: false,
    metrics: () => Promise.reject(new LabError("unsupported", "a stored run has no metrics", "")),
    openRun: async (name) => openRunFeed(await findRun(runs, name)),
    command: () => Promise.reject(new LabError("unsupported", "a stored run can't be changed", "")),
    catalogue: async () => ({ scenarios: [], runs: await listRuns(runs) }),
  };
}

function serve(context: CommandContext, source: DashSource, port: number): Promise<DashHandle> {
  const path = join(projectRoot(), "dist", "page.html");
  return openDashServer({
    port,
    token: randomBytes(24).toString("base64url"),
    server: randomBytes(6).toString("hex"),
    source,
    // Read again for each request, so that a change of the page is there after a reload.
    page: () => loadPage(path).catch(() => null),
    onError: (error) => context.printer.say(`lab dash: ${error instanceof Error ? error.message : String(error)}`),
  });
}

function announce(
  context: CommandContext,
  server: DashHandle,
  flags: DashFlags,
  what: { lab?: string; run?: string; metrics: string | null },
): void {
  const { printer } = context;
  printer.data({ url: server.url, port: server.port, ...what }, server.url);
  if (what.metrics !== null) printer.say(`metrics, without a token: ${what.metrics}`);
  const shown = what.lab === undefined ? `the run in ${what.run}` : `lab "${what.lab}"`;
  printer.say(`${shown} is shown there until Ctrl-C; the address lets anybody do with it what you can do`);
  if (flags.open === true) openBrowser(server.url, (why) => printer.say(`the browser can't be opened: ${why}`));
}

function readPorts(flags: DashFlags): Ports {
  const read = (text: string, option: string): number => {
    const port = Number(text);
    if (/^\d+$/.test(text) && port <= 65_535) return port;
    throw new LabError("usage", `${option}: "${text}" isn't a port`, "write 0 (any free one) to 65535");
  };
  if (isIP(flags.metricsAddress) === 0) {
    throw new LabError("usage", `--metrics-address: "${flags.metricsAddress}" isn't an address`, "write 127.0.0.1");
  }
  return {
    page: read(flags.port, "--port"),
    metrics: flags.metricsPort === undefined ? null : read(flags.metricsPort, "--metrics-port"),
    metricsAddress: flags.metricsAddress,
  };
}

function scenarioFolder(): string {
  return join(projectRoot(), "compose", "scenarios");
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
