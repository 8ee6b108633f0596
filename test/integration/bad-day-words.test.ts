// A bad day: words that don't exist, values without units. Each is refused with exit code 2, and with what was probably meant. The next case
// is a row.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LabHome, openLabHome } from "../support/cli.ts";

let home: LabHome;
beforeAll(async () => {
  home = await openLabHome();
});
afterAll(async () => {
  await home[Symbol.asyncDispose]();
});

test.each([
  ["help kil", 'did you mean "kill"?'],
  ["help zzzz", "list the commands: lab --help"],
  ["kil 3", 'did you mean "kill"?'],
  ["export mermaidd", 'did you mean "mermaid"?'],
  ["export pdf", "allowed are: svg, mermaid"],
  ["ps -o jsn", 'did you mean "json"?'],
  ["--runtime dockr ps", 'did you mean "docker"?'],
  ["kill", "see what it takes: lab help kill"],
  ["kill 1 2", "see what it takes: lab help kill"],
  ["up --profile defualt", 'did you mean "default"?'],
  ["run compose/scenarios/20-ring.yaml --runtime sim --bug no-causal-chek", 'did you mean "no-causal-check"?'],
  ["sim --bugs no-causal-chek", 'did you mean "no-causal-check"?'],
  ["check --only conservatoin", 'did you mean "conservation"?'],
  ["completion bsh", 'did you mean "bash"?'],
  ["words vter", 'did you mean "voter"?'],
  ["netem 1 --delay 100", "write 100ms"],
  ["netem 1 --jitter 5", "write 5ms"],
  ["netem 1 --rate 64", "write 64kbit (bits a second)"],
  ["netem 1 --loss 10", "write it as 10% or 0.1"],
  ["netem 1 --loss 0.00000001", "write it as 10% or 0.1"],
  ["netem 1 --delay 1s --for 10", "write 10s"],
  ["chaos --for 10", "write 10s"],
  ["chaos --rate 2", "write 2/s"],
  ["chaos --load 20", "write 20/s"],
  ["chaos --kinds kil", 'did you mean "kill"?'],
  ["sim --moves strangr", 'did you mean "stranger"?'],
  ["sim --without nack", 'did you mean "nak"?'],
  ["sim --workers 0x3", "write a whole number from 1 to 256"],
  ["sim --shrink --shrink-for 5", "write 5s"],
  ["up --nodes 1e1", "write a whole number from 1 to"],
  ["history 1 --tail 0", "write a whole number from 1 to"],
  ["export svg --from 5", "write 5s"],
  ["pause 1 --for 10", "write 10s"],
  ["stop 1 --grace 10", "write 10s"],
  ["wait agree --timeout 5", "write 5s"],
  ["events --since 5", "write 5s"],
  ["up --memory 256", "write 256MB"],
  ["up --memory much", "write 256MB or 1GB"],
  ["up --memory 6MB", "write 64MB to 1024GB"],
  ["grade compose/scenarios/20-ring.yaml --node . --memory 256", "write 256MB"],
  ["grade compose/scenarios/20-ring.yaml --node . --processes 1e2", "write a whole number from 6 to"],
  ["scale 1e1", "write for example: lab scale 7"],
  ["play /nonexistent.yaml", "name a scenario, a report's folder, or a link"],
  ["keys show", "allowed are: rotate"],
  [`up --name ${"9".repeat(5_000)}`, "use 1 to 40 of"],
  ["up --pids 3", "write a number from 32 to"],
])("`lab %s` must be refused, and say %j", async (args, hint) => {
  const { code, stdout, stderr } = await home.lab(...args.split(" "));
  expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: "", stderr: expect.stringContaining(`\n  ${hint}`) });
  expect(stderr.startsWith("lab: ")).toBe(true);
  expect(stderr.length).toBeLessThan(1_000);
});
