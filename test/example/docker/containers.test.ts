// Nodes in containers, in testcontainers' own style.
import { EnergyCluster, EnergyNodeContainer } from "energy-lab/testcontainers";
import { Network } from "testcontainers";
import { expect, test } from "vitest";

test("a cluster must survive its leader", { timeout: 120_000 }, async () => {
  await using cluster = await new EnergyCluster().withNodes(3).start();
  await cluster.node(1).control().sell({ to: 2, amount: 30 });
  await cluster.node(3).kill();
  const { coordinator } = await cluster.agree({ nodes: [1, 2] });
  expect(coordinator).toBe(2);
  await cluster.node(3).restart();
  await cluster.converge();
  expect((await cluster.node(3).control().status()).balances).toEqual({ 1: 70, 2: 130, 3: 100 });
  expect((await cluster.check("conservation", "exactly-once")).violations).toEqual([]);
});

test("a single node must take what a module of testcontainers takes", { timeout: 120_000 }, async () => {
  await using network = await new Network().start();
  await using node = await new EnergyNodeContainer()
    .withNodeId(7)
    .withNetwork(network)
    .withCredits(40)
    .withProfile("fast")
    .withEnvironment({ DS_HEARTBEAT_INTERVAL: "1" })
    .start();
  expect(await node.control().status()).toMatchObject({ id: 7, role: "COORDINATOR", balance: 40 });
  expect((await node.journal()).map(({ msg }) => msg)).toContain("Node 7 is READY");
});
