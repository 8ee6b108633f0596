/** Which code does which verb. */

import { redirectFlight } from "../faults/single-message.ts";
import type { Redirection } from "../sim/cluster/traffic.ts";
import type { ActionFields, ActionVerb } from "./actions.ts";
import { electionStep, expectStep, recoverStep, sleepStep, waitStep } from "./look-steps.ts";
import { healStep, isolateStep, netemStep, partitionStep, plugStep, unplugStep } from "./network-steps.ts";
import {
  freezeStep,
  joinStep,
  killStep,
  leaveStep,
  pauseStep,
  removeStep,
  restartStep,
  restoreDiskStep,
  resumeStep,
  saveDiskStep,
  scaleStep,
  startStep,
  stopStep,
  wipeStep,
} from "./node-steps.ts";
import { type Outcome, type StepContext, spanMs } from "./step-context.ts";
import { loadStep, tradeStep } from "./trade-steps.ts";

type Act<V extends ActionVerb> = (context: StepContext, fields: ActionFields<V>, path: string) => Promise<Outcome>;

const ACTS: { readonly [V in ActionVerb]: Act<V> } = {
  sell: (context, fields) => tradeStep(context, "sell", fields),
  buy: (context, fields) => tradeStep(context, "buy", fields),
  load: (context, fields, path) => loadStep(context, path, fields),
  kill: killStep,
  stop: stopStep,
  start: startStep,
  restart: restartStep,
  wipe: wipeStep,
  "save-disk": saveDiskStep,
  "restore-disk": restoreDiskStep,
  pause: pauseStep,
  resume: resumeStep,
  freeze: freezeStep,
  scale: scaleStep,
  join: joinStep,
  leave: leaveStep,
  remove: removeStep,
  netem: netemStep,
  partition: partitionStep,
  isolate: isolateStep,
  unplug: unplugStep,
  plug: plugStep,
  heal: healStep,
  deliver: (context, { message, before }) => trafficStep(context, message, { do: "deliver", before }),
  drop: (context, { message }) => trafficStep(context, message, { do: "drop" }),
  duplicate: (context, { message }) => trafficStep(context, message, { do: "duplicate" }),
  delay: (context, { message, by }) => trafficStep(context, message, { do: "delay", byMs: spanMs(by) }),
  election: electionStep,
  recover: recoverStep,
  wait: waitStep,
  expect: expectStep,
  sleep: sleepStep,
};

/** Does what the verb says. @throws LabError when it can't be done, or isn't as expected */
export async function act<V extends ActionVerb>(
  context: StepContext,
  verb: V,
  fields: ActionFields<V>,
  path: string,
): Promise<Outcome> {
  const run: Act<V> = ACTS[verb];
  return await run(context, fields, path);
}

async function trafficStep({ lab }: StepContext, message: string, how: Redirection): Promise<Outcome> {
  return { resolved: await redirectFlight(lab, message, how), seen: "" };
}
