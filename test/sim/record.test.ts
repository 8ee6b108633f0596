// What was done to a lab as a scenario: played again, it does the same to the nodes, at about the same times.
import { expect, test } from "vitest";
import type { Journal } from "../../lab/journal/journal.ts";
import { formatScenario } from "../../lab/scenario/format-scenario.ts";
import { parseScenario } from "../../lab/scenario/parse-scenario.ts";
import { recordLab } from "../../lab/scenario/record-lab.ts";
import { runScenario } from "../../lab/scenario/run-scenario.ts";
import type { Scenario } from "../../lab/scenario/scenario-schema.ts";
import { spanMs } from "../../lab/scenario/step-context.ts";

const DAY = `
nodes: 5
profile: fast
steps:
  - sell 1 2 30
  - sleep 200ms
  - partition 1,2 3-5
  - netem 3 delay 40ms loss 10%
  - sleep 1s
  - heal: { fault: f1 }
  - kill leader
  - sleep 3s
  - partition ring
  - buy 1 2 5
  - sleep 500ms
  - partition: { groups: ["1", "2,3"], oneWay: true, for: 700ms }
  - heal
  - start 5
  - pause 2 for 600ms
  - sleep 2s
  - scale 4
  - wait converged
  - wipe: 5
    runtimes: [docker]
    otherwise: skip
`;

async function play(scenario: Scenario): Promise<Journal> {
  const { journal, verdict, reason } = await runScenario(scenario, { runtime: "sim" });
  expect(`${verdict} ${reason}`.trim()).toBe("valid");
  return journal;
}

test("a recorded day must be the same day when it is played, whatever words made its cuts", async () => {
  const first = recordLab(await play(parseScenario(DAY, "day.yaml")), "day");
  const verbs = first.steps.map((step) => Object.keys(step).find((name) => name !== "at" && name !== "background"));
  expect(verbs).toEqual(
    expect.arrayContaining(["wait", "sell", "partition", "netem", "heal", "kill", "start", "pause", "scale"]),
  );
  const written = formatScenario(first);
  const second = recordLab(await play(parseScenario(written, "day.yaml")), "day");
  const undated = ({ steps }: Scenario) => steps.map(({ at: _at, ...step }) => step);
  expect(undated(second)).toEqual(undated(first));
  for (const [n, { at = "1ms" }] of second.steps.entries())
    expect(Math.abs(spanMs(at) - spanMs(first.steps[n]?.at ?? "1ms"))).toBeLessThan(300);
});
