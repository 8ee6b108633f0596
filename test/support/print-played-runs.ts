// Prints the journals' names of all runs that every engine must play alike, a line each: for the version of Node that runs it, bundled.
import { openPlayHost } from "../../lab/play/play-host.ts";
import { drawLogs, hashRuns, listLessons } from "./played-runs.ts";

declare const SHIPPED_SCENARIOS: Readonly<Record<string, string>>;

const ask = openPlayHost(SHIPPED_SCENARIOS);
process.stdout.write(`${(await hashRuns([...drawLogs(), ...(await listLessons(ask))], ask)).join("\n")}\n`);
