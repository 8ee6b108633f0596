// The floor of `bench trades` must do the work of a node: what it sends and stores for a trade is held against a node's wire journal.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { JournalLine } from "../../node/wire/journal.ts";
import { startBarePeers } from "../bench/bare/peers.ts";
import { Load } from "../bench/load.ts";
import { openLabHome } from "../support/cli.ts";

const TRADES = 10;
const NODES = 3;

test("a bare peer must send as many datagrams and bytes for a trade as a node, and commit as often", async () => {
  const [bare, ours] = [await bareCounts(), await nodeCounts()];
  // A payee that gets the second copy of a debit after its commit acknowledges it once more.
  for (const { datagrams } of [bare, ours]) {
    expect(datagrams).toBeGreaterThanOrEqual(5 * TRADES);
    expect(datagrams).toBeLessThanOrEqual(6 * TRADES);
  }
  expect(bare.commits).toBe(NODES * TRADES);
  expect(ours.commits).toBe(bare.commits);
  // The second acknowledgement is a tenth of a trade's bytes.
  const share = bare.bytes / TRADES / ours.bytesOfTrade;
  expect(share).toBeGreaterThan(0.97);
  expect(share).toBeLessThan(1.15);
});

async function bareCounts() {
  await using bare = await startBarePeers(NODES, true);
  using load = await Load.open(bare.targets, bare.token);
  await load.oneByOne(TRADES);
  return await bare.stop();
}

/** What the nodes' own journals say of the same trades; a commit is the line of a debit that was made or delivered. */
async function nodeCounts() {
  await using home = await openLabHome();
  const file = join(home.path, "lab.yaml");
  await writeFile(file, `nodes: ${NODES}\nprofile: fast\nenv: { DS_JOURNAL: wire, DS_LOG_LEVEL: DEBUG }\n`);
  expect(await home.lab("up", "-f", file)).toMatchObject({ code: 0 });
  for (let i = 0; i < TRADES; i++)
    expect(await home.lab("sell", String((i % NODES) + 1), String(((i + 1) % NODES) + 1), "1")).toMatchObject({
      code: 0,
    });
  expect(await home.lab("wait", "converged", "--timeout", "20s")).toMatchObject({ code: 0 });
  const { stdout } = await home.lab("logs", "-o", "json");
  const lines = stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JournalLine.parse(JSON.parse(line)));
  const sent = lines.filter(({ kind, type = "" }) => kind === "send" && /^TRADE_|^ACK$/.test(String(type)));
  // Some share their datagram with a heartbeat.
  const bytesOf = (name: string) =>
    Math.min(...sent.filter(({ type }) => type === name).map(({ bytes }) => Number(bytes)));
  return {
    datagrams: sent.length,
    bytesOfTrade: ["TRADE_REQUEST", "TRADE_RESPONSE", "TRADE_CONFIRM", "TRADE_CONFIRM", "ACK"]
      .map(bytesOf)
      .reduce((sum, bytes) => sum + bytes),
    commits: lines.filter((line) => line.kind === "deliver" || (line.kind === "trade" && line.outcome === "committed"))
      .length,
  };
}
