// A node's answers about itself: the control channel's shapes and the original's words (node/protocol/control.md).
import { expect, test } from "vitest";
import { describePing, describeState, nodesText, statusText } from "../../node/core/query/query.ts";
import { MemberData, PingData, StateData } from "../../node/wire/control.ts";
import { CoreNode } from "../support/core-node.ts";

test("ping must have the shape of the control channel", () => {
  const data = describePing(CoreNode.ready(1, {}, [2, 3]).state);
  expect(PingData.parse(data)).toEqual(data);
  expect(data).toMatchObject({ id: 1, phase: "READY", role: "FOLLOWER", coordinator: 3, term: 1, balance: 100 });
});

test("state must have the shape of the control channel, with what the shell adds", () => {
  const node = CoreNode.ready(1, {}, [2, 3]);
  const shell = {
    auth: "open",
    keys: [0],
    profile: "fast",
    uptime_ms: 1,
    impairments: [],
    impair_generation: 0,
    rss_bytes: 1,
  };
  const data = { ...describeState(node.state), ...shell };
  expect(StateData.parse(data)).toEqual(data);
  expect(data.members.map((member) => MemberData.parse(member).id)).toEqual([2, 3]);
});

test("status must be the original's block", () => {
  const node = CoreNode.ready(1, {}, [2, 3]);
  node.state.ledger.durable.set(1, 3).set(2, 2);
  expect(statusText(node.state).split("\n")).toEqual([
    "========================================",
    "  NODE STATUS - Node 1",
    "========================================",
    "  State: READY",
    "  Role: FOLLOWER",
    "  Coordinator: Node 3 (term 1)",
    "  Balance: 100 credits",
    "  Active Nodes: [1, 2, 3]",
    "  Vector Clock: [1:3, 2:2]",
    "  Buffered Messages: 0",
    "  Pending Trades: 0",
    "========================================",
  ]);
});

test("nodes must list everybody known with state and address", () => {
  const node = CoreNode.ready(2, {}, [1, 3]);
  node.receive(1, "LEAVE", { msg_id: "l" });
  expect(nodesText(node.state).split("\n")).toEqual([
    "Known Nodes:",
    "  Node 1 (left) at 10.0.0.1:6000, heard 0.0 s ago",
    "  Node 2 (self)",
    "  Node 3 (coordinator, active) at 10.0.0.3:6000, heard 0.0 s ago",
  ]);
});
