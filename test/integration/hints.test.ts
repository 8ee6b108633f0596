// Every hint does what it says: each is brought about, read from what `lab` printed, and run as it stands there.
//
// The lab has a name of its own and the runtime comes from the command line, so a hint that forgets one of them meets no lab. The
// steps are one story of one lab, because each start costs seconds.
import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NEXT } from "../../lab/base/next.ts";
import { type CliResult, type LabHome, openLabHome, pressUntilDone } from "../support/cli.ts";
import { splitCommand } from "../support/hint-samples.ts";

const LAB = ["--name", "a", "--runtime", "local"];

/** Why a hint isn't brought about here. Each of them parses with the real program (test/unit/hints.test.ts). */
const ELSEWHERE: Partial<Record<keyof typeof NEXT, string>> = {
  removeUnneededLabs: "needs a machine without free ports",
  removeStartedNodes: "needs an engine that is lost during chaos",
  useLocalLab: "needs Docker",
  restartNode: "needs a kernel that refuses a fault",
  removeNode: "needs a container that runs as another user",
  readAllStatus: "needs a node of another version",
  repeatKeyRotation: "needs a node with keys of its own",
  readOrders: "needs a load of which much is refused",
  plug: "needs a network cable: Docker",
  playRun: "opens a browser; test/integration/sim-command.test.ts runs it without",
  listHosts: "needs a swarm",
};

const done = new Set<string>();
let home: LabHome;
let folder: string;

beforeAll(async () => {
  home = await openLabHome({ LAB_RUNTIME: "" });
  folder = join(home.path, "work folder");
  await mkdir(folder);
  await ok("up", "--nodes", "5", "--profile", "fast", ...LAB);
}, 60_000);

afterAll(async () => {
  expect(new Set([...done, ...Object.keys(ELSEWHERE)])).toEqual(new Set(Object.keys(NEXT)));
  for (const name of ["a", "extra", "detailed", "wire", "one"]) await home.lab("down", name);
  await home[Symbol.asyncDispose]();
}, 60_000);

describe("a hint about labs", () => {
  test("that aren't there must list labs, or start that one", { timeout: 60_000 }, async () => {
    const missing = await run("ps", "--name", "extra", "--runtime", "local");
    expect((await follow("listLabs", missing, "lab ls")).stdout).toMatch(/^a +local/m);
    await follow("startLab", missing, "lab up --name extra --runtime local");
    expect(await statusOf("extra")).toEqual(["running", "running", "running", "running", "running"]);
  });

  test("of another size must change or remove that one", { timeout: 60_000 }, async () => {
    const other = await run("up", "--nodes", "3", "--name", "extra", "--runtime", "local");
    await follow("scaleTo", other, "lab scale 3 --name extra --runtime local");
    expect(await statusOf("extra")).toHaveLength(3);
    const journal = await run("up", "--nodes", "3", "--name", "extra", "--runtime", "local", "--journal", "wire");
    await follow("removeLabFirst", journal, "lab down --name extra --runtime local");
    await ok("up", "--nodes", "1", "--name", "extra", "--runtime", "local");
    const again = await run("up", "--nodes", "2", "--name", "extra", "--runtime", "local");
    await follow("removeLab", again, "lab down --name extra --runtime local");
    expect((await ok("ls")).stdout).not.toContain("extra");
    expect(await statusOf("a")).toHaveLength(5);
  });

  test("must start the first one, and add a node to a lab of one", { timeout: 60_000 }, async () => {
    await ok("up", "--nodes", "1", "--profile", "fast", "--name", "one", "--runtime", "local");
    const alone = await run("isolate", "1", "--name", "one", "--runtime", "local");
    await follow("addNode", alone, "lab scale 2 --name one --runtime local");
    expect(await statusOf("one")).toHaveLength(2);
    const untouched = await run("history", "1", "--name", "one", "--runtime", "local");
    await follow("trade", untouched, "lab sell 1 2 30 --name one --runtime local");
    const wrong = await run("scale", "many", "--name", "one", "--runtime", "local");
    await follow("scaleExample", wrong, "lab scale 7 --name one --runtime local");
    expect(await statusOf("one")).toHaveLength(7);
    await ok("down", "one");
  });

  test("that record more must start another one beside it", { timeout: 60_000 }, async () => {
    const check = await run("check", ...LAB);
    await follow("journalDetailed", check, "lab up --journal detailed --name detailed --runtime local");
    await ok("down", "detailed");
    const drawn = await run("export", "mermaid", ...LAB);
    await follow("journalWire", drawn, "lab up --journal wire --name wire --runtime local");
    await ok("down", "wire");
  });
});

describe("a hint about nodes", () => {
  test("must list, start, stop and resume them in that lab", { timeout: 60_000 }, async () => {
    const missing = await run("kill", "9", ...LAB);
    expect((await follow("listNodes", missing, `lab ps ${LAB.join(" ")}`)).stdout).toContain("COORDINATOR");
    const killed = await run("kill", "2", ...LAB);
    await follow("startNodes", killed, `lab start 2 ${LAB.join(" ")}`);
    expect(await statusOf("a")).not.toContain("exited");
    const runs = await run("wipe", "2", ...LAB);
    await follow("stopNode", runs, `lab stop 2 ${LAB.join(" ")}`);
    const wiped = await run("wipe", "2", ...LAB);
    const started = await follow("seeRecovery", wiped, `lab start 2 ${LAB.join(" ")}`);
    await follow("waitForAgreement", started, `lab wait agree ${LAB.join(" ")}`);
    const paused = await run("pause", "3", ...LAB);
    await follow("resumeNodes", paused, `lab resume 3 ${LAB.join(" ")}`);
    expect(await statusOf("a")).not.toContain("paused");
  });

  test("must kill the leader of that lab, and wait for what is asked of it", { timeout: 60_000 }, async () => {
    await ok("wait", "agree", ...LAB);
    const follower = await run("kill", "1", ...LAB);
    const killed = await follow("killLeader", follower, `lab kill leader ${LAB.join(" ")}`);
    expect(killed.stdout).toContain("(coordinator)");
    const asserted = await run("assert", "status:1=running", ...LAB);
    await ok("start", "all", ...LAB);
    await follow("waitFor", asserted, `lab wait status:1=running ${LAB.join(" ")}`);
    await ok("wait", "agree", ...LAB);
  });

  test("must start all of them when none runs", { timeout: 60_000 }, async () => {
    await ok("kill", "all", "--no-wait", ...LAB);
    const none = await run("status", ...LAB);
    await follow("startAllNodes", none, `lab start all ${LAB.join(" ")}`);
    expect(await statusOf("a")).not.toContain("exited");
    await ok("wait", "agree", ...LAB);
  });

  test("must ask one of them", { timeout: 60_000 }, async () => {
    await follow("readStatus", await run("recover", "1", ...LAB), `lab status 1 ${LAB.join(" ")}`);
    await follow("readBalance", await run("sell", "1", "2", "99999", ...LAB), `lab balance 1 ${LAB.join(" ")}`);
    await follow("readMembers", await run("sell", "1", "99", "5", ...LAB), `lab nodes 1 ${LAB.join(" ")}`);
    const taken = await run("sell", "1", "2", "5", "--no-wait", ...LAB);
    expect((await follow("readHistory", taken, `lab history 1 ${LAB.join(" ")}`)).stdout).toContain("AMOUNT");
    const late = await run("wait", "leader=9", "--timeout", "200ms", ...LAB);
    expect((await follow("readAllLogs", late, `lab logs ${LAB.join(" ")}`)).stdout).toContain("node 1 |");
  });

  test("must read what a node wrote that exited while it was waited for", { timeout: 60_000 }, async () => {
    await ok("kill", "3,4", "--no-wait", ...LAB);
    // Without its disk, it isn't ready before all others have answered.
    await ok("wipe", "4", ...LAB);
    const waiting = home.start(["start", "4", "--wait", "--timeout", "30s", ...LAB]);
    await waiting.saw("started 4");
    await ok("kill", "4", "--no-wait", ...LAB);
    const exited = await waiting.done;
    await follow("readLogs", exited, `lab logs 4 ${LAB.join(" ")}`);
    await ok("start", "3,4", "--wait", ...LAB);
  });

  test("must take the next step of a key rotation", { timeout: 60_000 }, async () => {
    const early = await run("keys", "use", ...LAB);
    await follow("takeKeyStep", early, `lab keys add ${LAB.join(" ")}`);
    await ok("keys", "rotate", ...LAB);
  });

  test("must save a disk, and put it back when its node has ended", { timeout: 60_000 }, async () => {
    await ok("wait", "agree", ...LAB);
    const missing = await run("disk", "restore", "1", join(folder, "no-such.disk"), ...LAB);
    const saved = await follow("saveDisk", missing, null);
    await ok("stop", "1", ...LAB);
    await follow("restoreDisk", saved, null);
    await ok("start", "1", ...LAB);
    await ok("wait", "agree", ...LAB);
  });

  test("must give up what absent nodes may hold", { timeout: 60_000 }, async () => {
    await ok("kill", "2,3", "--no-wait", ...LAB);
    await ok("wipe", "2", ...LAB);
    await ok("start", "2", ...LAB);
    await ok("wait", "status:2=running", ...LAB);
    const waiting = await eventuallyOk("recover", "2", ...LAB);
    await follow("acceptLoss", waiting, `lab recover 2 --accept-loss ${LAB.join(" ")}`);
    await ok("start", "3", ...LAB);
    await ok("wait", "agree", ...LAB);
  });
});

describe("a hint about faults", () => {
  test("must set, list and end them in that lab", { timeout: 60_000 }, async () => {
    const cut = await run("partition", "1", ...LAB);
    const [, id = ""] = /fault (f\d+) stays/.exec(cut.stderr) ?? [];
    await follow("heal", cut, `lab heal ${id} ${LAB.join(" ")}`);
    await follow("partition", await run("faults", ...LAB), `lab partition minority majority ${LAB.join(" ")}`);
    const none = await run("heal", "f99", ...LAB);
    expect((await follow("listFaults", none, `lab faults ${LAB.join(" ")}`)).stdout).toContain("partition");
    await ok("heal", ...LAB);
    await follow("isolate", await run("unplug", "2", ...LAB), `lab isolate 2 ${LAB.join(" ")}`);
    await ok("heal", ...LAB);
  });

  test("must be examples that work", { timeout: 60_000 }, async () => {
    await follow("impair", await run("netem", "2", ...LAB), `lab netem 2 --delay 100ms --loss 10% ${LAB.join(" ")}`);
    await follow("impairTo", await run("netem", "2", "--to", "2", "--delay", "5ms", ...LAB), null);
    const oneWay = await run("partition", "1", "2", "3", "--one-way", ...LAB);
    await follow("partitionOneWay", oneWay, `lab partition minority majority --one-way ${LAB.join(" ")}`);
    await ok("heal", ...LAB);
    const shapes = await run("partition", "ring", "3", "4", ...LAB);
    await follow("partitionRing", shapes, `lab partition ring ${LAB.join(" ")}`);
    await ok("heal", ...LAB);
    await follow("partitionBridge", shapes, `lab partition bridge ${LAB.join(" ")}`);
    await ok("heal", ...LAB);
    await ok("wait", "agree", ...LAB);
  });
});

describe("a hint about runs", () => {
  test("of what was done must play it in virtual time", { timeout: 60_000 }, async () => {
    await ok("up", "--nodes", "2", "--profile", "fast", "--name", "one", "--runtime", "local");
    await ok("sell", "1", "2", "5", "--name", "one", "--runtime", "local");
    const file = join(folder, "what was done.yaml");
    const recorded = await run("record", "--to", file, "--name", "one", "--runtime", "local");
    await ok("down", "one");
    await follow("playInVirtualTime", recorded, null);
  });

  test("that was interrupted must end its faults", { timeout: 60_000 }, async () => {
    const chaos = home.start(["chaos", "--on", "a", "--runtime", "local", "--for", "60s"], { cwd: folder });
    await chaos.saw("load");
    chaos.child.kill("SIGINT");
    await chaos.saw("ending early");
    await follow("healAll", await pressUntilDone(chaos), `lab heal ${LAB.join(" ")}`);
    await ok("resume", "all", ...LAB);
    await ok("start", "all", ...LAB);
    await ok("wait", "agree", ...LAB);
  });

  test("in virtual time must play them again, smaller, and with every message", { timeout: 120_000 }, async () => {
    const many = await run("sim", "--seeds", "1-3", "--without", "causalDelivery");
    const again = await follow("playAgain", many, null, 5);
    await follow("seeMessages", again, null, 5);
    await follow("makeSmaller", many, null, 5);
  });

  test("that failed must keep the lab, and put everything in a folder", { timeout: 120_000 }, async () => {
    const file = join(folder, "fails.yaml");
    await writeFile(file, 'name: fails\nnodes: 2\nprofile: fast\nsteps:\n  - expect: { that: ["leader=1"] }\n');
    const failed = await home.start(["run", "fails.yaml", "--runtime", "local"], { cwd: folder }).done;
    const kept = await follow("keepLab", failed, null, 1);
    const [look = ""] = commandsIn(kept).filter((line) => line.startsWith("lab ps"));
    expect((await ok(...splitCommand(look).slice(1))).stdout).toContain("COORDINATOR");
    await ok("down", "scenario-fails");
    const sim = await home.start(["run", "fails.yaml", "--runtime", "sim"], { cwd: folder }).done;
    expect((await follow("reportOn", sim, null, 1)).stderr).toContain("report: ");
  });

  test("that broke a promise must show what happened, and open it", { timeout: 120_000 }, async () => {
    const bugs = join(import.meta.dirname, "../../compose/scenarios/bugs/split-brain.yaml");
    await cp(bugs, join(folder, "split brain.yaml"));
    const args = ["run", "split brain.yaml", "--runtime", "sim", "--bug", "split-brain", "--report", "out"];
    const { stderr } = await home.start(args, { cwd: folder }).done;
    const [, path = ""] = /report: (.+)/.exec(stderr) ?? [];
    const checked = await home.start(["check", path], { cwd: folder }).done;
    expect(checked.code).toBe(5);
    expect((await follow("readEvents", checked, `lab events --run ${path}`)).stdout).not.toBe("");
    const summed = await home.start(["report", path], { cwd: folder }).done;
    const [open = ""] = commandsIn(summed).filter((line) => line.startsWith("lab dash"));
    const page = home.start([...splitCommand(open).slice(1), "--port", "0"], { cwd: folder });
    await page.saw("http://127.0.0.1");
    page.child.kill("SIGINT");
    await page.done;
    done.add("openRun");
  });
});

describe("a hint about this machine", () => {
  test("must list what there is", { timeout: 60_000 }, async () => {
    const unknown = await run("check", "--only", "nonsense", ...LAB);
    expect((await follow("listChecks", unknown, `lab check --list ${LAB.join(" ")}`)).stdout).toContain("conservation");
    expect((await follow("listCommands", await run("nonsense"), "lab --help")).stdout).toContain("Examples:");
    expect((await follow("showHelp", await run("kill"), "lab help kill")).stdout).toContain("Usage: lab kill");
    const sim = await run("ps", "--runtime", "sim");
    await follow("openSimShell", sim, "lab shell --runtime sim");
    const input = "up --nodes 2\ndrop 999\nflight\nquit\n";
    const shell = await home.start(["shell", "--runtime", "sim"], { cwd: folder, input }).done;
    expect(shell).toMatchObject({
      stdout: expect.stringContaining("is due"),
      stderr: expect.stringContaining("list what is on its way: lab flight\n"),
    });
    done.add("listTraffic");
    await follow("playSchedules", sim, "lab sim");
  });

  test("must examine it, and remove what interrupted commands left", { timeout: 60_000 }, async () => {
    await using elsewhere = await openLabHome({ LAB_RUNTIME: "", DOCKER_HOST: "unix:///nowhere.sock" });
    const none = await elsewhere.lab("ps", "--name", "nowhere");
    const doctor = commandsIn(none).find((line) => line === "lab doctor");
    expect(doctor, none.stderr).toBeDefined();
    const interrupted = elsewhere.start(["up", "--nodes", "2", "--name", "half", "--runtime", "local"]);
    await interrupted.saw("agree");
    interrupted.child.kill("SIGKILL");
    await interrupted.done;
    const examined = await elsewhere.lab("doctor");
    done.add("runDoctor");
    expect(commandsIn(examined), examined.stdout).toContain("lab gc");
    expect((await elsewhere.lab("gc")).stdout).toContain('lab "half"');
    done.add("collectGarbage");
    const empty = await elsewhere.lab("ls", "--runtime", "local");
    expect(commandsIn(empty)).toEqual(["lab up --runtime local"]);
    done.add("startFirstLab");
  });
});

test("what a new lab can be tried with must work, one after the other", { timeout: 60_000 }, async () => {
  const { stderr } = await run("up", "--nodes", "5", "--profile", "fast", ...LAB);
  const [, commands = ""] = /next: (.+)/.exec(stderr) ?? [];
  const lines = commands.split("    ");
  expect(lines.map((line) => splitCommand(line)[1])).toEqual(["sell", "kill", "ps", "down"]);
  for (const line of lines) {
    const words = splitCommand(line).slice(1);
    const command = home.start(words);
    if (words.includes("-w")) {
      await command.saw("COORDINATOR");
      command.child.kill("SIGINT");
      await command.done;
    } else expect(await command.done, line).toMatchObject({ code: 0 });
  }
  expect((await ok("ls")).stdout).not.toMatch(/^a /m);
  done.add("tryCommands");
});

function run(...args: string[]): Promise<CliResult> {
  return home.lab(...args);
}

async function ok(...args: string[]): Promise<CliResult> {
  const result = await run(...args);
  expect(result.code, `lab ${args.join(" ")}\n${result.stdout}${result.stderr}`).toBe(0);
  return result;
}

/** A node that has just started doesn't answer yet. */
async function eventuallyOk(...args: string[]): Promise<CliResult> {
  for (let attempt = 0; ; attempt++) {
    const result = await run(...args);
    if (result.code === 0 || attempt > 20) return result;
  }
}

/** The commands that `lab` printed for its user. */
function commandsIn({ stdout, stderr }: CliResult): string[] {
  return `${stdout}\n${stderr}`.split("\n").flatMap((line) => {
    const [, command] = /(?:^ *|: |-> )(lab (?:--help|[a-z-]+).*)$/.exec(line) ?? [];
    return command === undefined || / (?:failed|is|has)\b/.test(command) ? [] : [command];
  });
}

/**
 * Runs the command that hint `name` stands for, as it was printed.
 * @param line what must have been printed; null: whatever the hint's verb is
 */
async function follow(name: keyof typeof NEXT, printed: CliResult, line: string | null, code = 0): Promise<CliResult> {
  const commands = commandsIn(printed);
  const verb = (NEXT[name] as (...args: never[]) => { text: string })(...([["x"]] as never[])).text;
  const said = `${printed.stdout}${printed.stderr}`;
  const command =
    line === null || line === ""
      ? commandsIn({
          ...printed,
          stdout: "",
          stderr: said
            .split("\n")
            .filter((text) => text.includes(`${verb}: lab `))
            .join("\n"),
        })[0]
      : commands.find((candidate) => candidate === line);
  expect(command, `${name} in:\n${said}`).toBeDefined();
  const result = await home.start(splitCommand(command ?? "").slice(1), { cwd: folder }).done;
  expect(result.code, `${command}\n${result.stdout}${result.stderr}`).toBe(code);
  done.add(name);
  return result;
}

async function statusOf(lab: string): Promise<readonly string[]> {
  const { stdout } = await ok("ps", "--name", lab, "--runtime", "local", "-o", "json");
  return (JSON.parse(stdout) as { status: string }[]).map((node) => node.status);
}
