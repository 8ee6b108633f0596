/**
 * Records the run that the exporters' tests read, in virtual time: node test/testdata/record-run.ts. Three nodes trade, lose their leader,
 * get it back, trade over a bad network, and one of them is frozen. Recorded once: the exporters are judged, not the nodes.
 */
import { join } from "node:path";
import { start } from "../../lab/cluster/change.ts";
import { sleep } from "../../lab/base/lab-clock.ts";
import { lookAtAll, parseCondition } from "../../lab/cluster/lab-conditions.ts";
import { openSimSession } from "../../lab/engine/sim/sim-session.ts";
import { killNodes, waitForSurvivors } from "../../lab/cluster/failover.ts";
import { NO_IMPAIRMENT } from "../../lab/faults/fault.ts";
import { resolveFault } from "../../lab/faults/request.ts";
import { heal, setFault } from "../../lab/faults/service.ts";
import { collectJournal } from "../../lab/cluster/collect.ts";
import { writeRun } from "../../lab/journal/stored-run.ts";
import { isAlive } from "../../lab/engine/node-status.ts";
import { trade } from "../../lab/cluster/trade.ts";
import { bringUp } from "../../lab/cluster/up.ts";
import { waitUntil } from "../../lab/cluster/wait-for.ts";

await using _session = await openSimSession(7);
const request = { name: "testdata", profile: "fast", nodes: 3, env: { DS_JOURNAL: "wire", DS_LOG_LEVEL: "DEBUG" }, voters: null };
const quiet = { progress: () => {}, onNotice: () => {}, signal: new AbortController().signal };
const { lab } = await bringUp(request, { runtime: "sim", wait: true, timeoutMs: 10_000, ...quiet });
const sell = (from: number, peer: number, amount: number) =>
  trade(lab, "sell", { from, peer, amount }, { until: "settled", timeoutMs: 10_000 });
const until = (...texts: string[]) => waitUntil(lab, { timeoutMs: 10_000 }, (answers) => lookAtAll(texts.map(parseCondition), lab, answers));

await sell(1, 2, 30);
await lab.locked("kill", () => killNodes(lab, "leader", "SIGKILL", isAlive));
await waitForSurvivors(lab, lab.running, { timeoutMs: 10_000 });
await lab.locked("start", () => start(lab, [3]));
await until("converged");
const impairment = { ...NO_IMPAIRMENT, delayMs: 40, jitterMs: 30, loss: 0.25, duplicate: 0.25 };
await setFault(lab, await resolveFault(lab, { verb: "netem", nodes: "2", impairment, forMs: null }));
await sell(2, 1, 5);
await sell(1, 3, 2);
await sleep(lab.clock, 150);
await heal(lab, { all: true });
await until("converged");
await writeRun(join(import.meta.dirname, "runs/leader-killed"), await collectJournal(lab, { seed: 7 }));
