/** `lab sim` as a user runs it: its words, its data, its exit codes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openPlayHost } from "../../lab/play/play-host.ts";
import { type LabHome, openLabHome } from "../support/cli.ts";

let home: LabHome;
beforeAll(async () => {
  home = await openLabHome();
});
afterAll(() => home[Symbol.asyncDispose]());

it("one schedule must say what happened and that every promise held", async () => {
  const { code, stdout } = await home.lab("sim", "--seed", "13");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^ +0\.0 ms {2}lab +\d+ nodes, /);
  expect(stdout).toContain("seed 13: every promise held");
});

it("--trace must print every message, and -o json nothing but JSON lines", async () => {
  const { stdout } = await home.lab("sim", "--seed", "13", "--trace");
  expect(stdout).toMatch(/node \d +-> all {2}HEARTBEAT credits=/);
  // The same bytes each time: what the wall clock says goes to stderr.
  const again = await home.lab("sim", "--seed", "13", "--trace");
  expect(again.stdout === stdout).toBe(true);
  expect(again.stderr).toMatch(/^played in /m);
  const json = await home.lab("sim", "--seed", "13", "--trace", "-o", "json");
  const lines = json.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { kind?: string; verdict?: string });
  expect(lines.filter(({ kind }) => kind === "send").length).toBeGreaterThan(100);
  expect(lines.at(-1)?.verdict).toBe("held");
});

it("a broken promise must be exit code 5, with the command that plays it again", async () => {
  const many = await home.lab("sim", "--seeds", "1-400", "--without", "causalDelivery");
  expect(many.code).toBe(5);
  const replay = /play it again: lab (sim --seed \d+ --without causalDelivery)/.exec(many.stderr)?.[1] ?? "";
  const again = await home.lab(...replay.split(" "));
  expect(again.code).toBe(5);
  const first = many.stderr.split("\n").find((line) => line.startsWith("lab: "));
  expect(first).toBeDefined();
  expect(again.stderr).toContain(first);
});

it("Ctrl-C must end it with what ran until then", async () => {
  const run = home.start(["sim", "--seeds", "1-1000000", "-o", "json"]);
  await run.saw("swarm");
  run.child.kill("SIGINT");
  const { code, stdout } = await run.done;
  expect(code).toBe(130);
  expect(JSON.parse(stdout)).toMatchObject({ range: { to: 1_000_000 }, failures: [] });
});

it.each([
  ["--seed", "x"],
  ["--seeds", "5-1"],
  ["--seeds", "1-5", "--trace"],
  ["--seed", "1", "--seeds", "1-5"],
  ["--nodes", "1"],
  ["--without", "gravity"],
])("%s %s must be a usage error", async (...args) => {
  expect((await home.lab("sim", ...args)).code).toBe(2);
});

const SESSION = `up --nodes 5
sell 1 2 30
kill leader
start 5 --wait
partition 1,2 3-5
wait agree
heal
wait converged
sleep 1m
balance
down
`;

it("a shell in virtual time must take the lab's commands, answer the same each time, and leave nothing", async () => {
  const play = () => home.start(["shell", "--runtime", "sim", "--seed", "3"], { input: SESSION }).done;
  const first = await play();
  expect(first.code).toBe(0);
  expect(first.stdout).toContain("SELL 30 credits to Node 2 [100 -> 70]");
  expect(first.stdout).toMatch(/coordinator is now 4 \(elected, term 2\) after /);
  expect(first.stdout).toMatch(/backend shim, verified/);
  expect(first.stdout).toMatch(/converged after /);
  expect(first.stdout).toMatch(/ 1 +70\n +2 +130\n/);
  expect((await play()).stdout).toBe(first.stdout);
  expect(await home.leftovers()).toEqual([]);
});

it("run --link must print a link that opens the run in the playground, and its report must have the same one", async () => {
  const file = "compose/scenarios/02-leader-failure.yaml";
  const out = join(home.path, "out");
  const { code, stderr } = await home.lab("run", file, "--runtime", "sim", "--link", "--report", out);
  expect(code).toBe(0);
  expect(stderr).toMatch(/hold its time in the playground: lab play \/.*leader-failure[\w-]*$/m);
  const ask = openPlayHost();
  const link = /^link: #run=(\S+)$/m.exec(stderr)?.[1] ?? "";
  const { entries, spec, notice } = await ask({ ask: "open-link", link });
  expect(notice).toBeNull();
  expect(spec.scenario).toContain("kill");
  expect(entries.some(({ action, signal }) => action === "kill" && signal === "SIGKILL")).toBe(true);
  expect(readFileSync(join(out, "latest/report.html"), "utf8")).toContain(`"link":"${link}"`);
  const played = await home.lab("play", out, "--no-open");
  expect(played.stdout).toContain(`playground.html#run=${link}`);
  const byFile = await home.lab("play", file, "--no-open");
  const fileLink = /#run=(\S+)/.exec(byFile.stdout)?.[1] ?? "";
  expect((await ask({ ask: "open-link", link: fileLink })).script).toMatchObject({ state: "running", step: 0 });
});

it.each([
  ["damaged link", "#run=damaged", 2, "this link is damaged"],
  ["script", "dist/node.js", 2, "dist/node.js:1:1"],
  ["binary file", process.execPath, 2, "can't be read"],
  ["folder without a run", "test", 2, "test"],
])("play of a %s must be refused with a sentence", async (_what, run, code, sentence) => {
  expect(await home.lab("play", run, "--no-open")).toMatchObject({
    code,
    stdout: "",
    stderr: expect.stringContaining(sentence),
  });
});

it("a script for the shell must end with the exit code of what failed first, and do the rest", async () => {
  const input = "up --nodes 3\nstatus 9\nwait leader=1 --timeout 5s\nbalance 1\nquit\n";
  const { code, stdout } = await home.start(["shell", "--runtime", "sim"], { input }).done;
  expect(code).toBe(3);
  expect(stdout.trimEnd().split("\n").at(-1)).toMatch(/100/);
});

it("a shell in virtual time must list what is under way, let it be treated, and go back", async () => {
  const input = [
    ...["up --nodes 3", "sell 1 2 30", "flight", "step", "flight", "drop 1", "drop 9", "delay 1 --by 50ms", "flight"],
    ...["sleep 2s", "kill leader", "sleep 3s", "back 6s", "ps", "balance 2", "back 1h", "ls"],
  ];
  const { code, stdout, stderr } = await home.start(["shell", "--runtime", "sim"], { input: `${input.join("\n")}\n` })
    .done;
  expect(code).toBe(1);
  expect(stdout).toMatch(/nothing is on its way\n\ntimer +of node +about +is due\n/);
  expect(stdout).toMatch(/ms since the beginning\n {2}[A-Z_ +]+ \d-1\.\d+>\d is on its way/);
  const [first = "", second = ""] = [...stdout.matchAll(/^[12] +(\d-1\.\d+>\d) /gm)].map(([, name]) => name ?? "");
  expect(stdout).toMatch(new RegExp(`^dropped [A-Z_ +]+ ${first}$`, "m"));
  expect(stdout).toMatch(new RegExp(`^delayed [A-Z_ +]+ ${second} by 0.05 s$`, "m"));
  expect(stdout).toMatch(new RegExp(`^1 +${second} .* in 0.05 s`, "m"));
  expect(stderr).toMatch(/there is no message 9: the list has 1\n +list what is on its way: .*flight/);
  // One second and a bit after the sale and before the kill: the coordinator is there, and the sale is done.
  expect(stdout).toMatch(/ 3 +COORDINATOR [\s\S]*130/);
  expect(stderr).toMatch(/forgotten: kill, sleep\n/);
  expect(stderr.trimEnd()).toMatch(/forgotten: up, sell, .*\n?[\s\S]*$/);
  expect(await home.leftovers()).toEqual([]);
});

it.each([
  ["up"],
  ["ps"],
  ["flight"],
  ["step"],
  ["back", "2s"],
  ["drop", "1"],
  ["sell", "1", "2", "5"],
  ["down"],
  ["ls"],
])("a single command can't have simulated nodes: %s must say so with exit code 6", async (...args) => {
  const { code, stderr } = await home.lab(...args, "--runtime", "sim");
  expect(code).toBe(6);
  expect(stderr).toContain("lab shell --runtime sim");
  expect(await home.leftovers()).toEqual([]);
});
