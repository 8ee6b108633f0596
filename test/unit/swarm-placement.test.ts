// What the swarm engine decides by itself: which host a node goes to, how a host's engine is reached, and what a lab looks like when hosts are away.
import { describe, expect, test } from "vitest";
import type { LabInfo, NodeInfo } from "../../lab/engine/engine.ts";
import { type Placement, place } from "../../lab/engine/swarm/placement.ts";
import { chooseHosts, describeHost, parseEndpoints, type SwarmHost } from "../../lab/engine/swarm/swarm-hosts.ts";
import { describeSwarmLab, type Parts } from "../../lab/engine/swarm/swarm-labs.ts";

const swarmNode = (name: string, labels: Record<string, string> = {}, address = "10.0.0.9") =>
  ({
    ID: `id-${name}`,
    Spec: { Labels: labels, Availability: "active" },
    Description: {
      Hostname: name,
      Resources: { NanoCPUs: 2e9, MemoryBytes: 2 ** 30 },
      Engine: { EngineVersion: "20.10" },
    },
    Status: { State: "ready", Addr: address },
    ManagerStatus: { Addr: "10.0.0.1:2377" },
  }) as never;
const host = (name: string, labels: Record<string, string> = {}): SwarmHost =>
  describeHost(swarmNode(name, labels), new Map());

describe("a node must go to the host", () => {
  const rooms = [
    { name: "h1", cpus: 2 },
    { name: "h2", cpus: 4 },
  ];

  test("that has the fewest nodes a CPU, and to the first of equals", () => {
    expect([...place([1, 2, 3, 4, 5, 6], rooms, []).values()]).toEqual(["h1", "h2", "h2", "h1", "h2", "h2"]);
  });

  test("that is emptier because of the nodes that are there", () => {
    expect([...place([7], rooms, ["h2", "h2", "h2"]).values()]).toEqual(["h1"]);
  });

  test("of none, with an error, when no host is there", () => {
    expect(() => place([1], [], [])).toThrow("no host of the swarm can take nodes");
  });
});

describe("the engine of a host must be reached by", () => {
  const labelled = swarmNode("h1", { "energy-lab.endpoint": "tcp://h1:2376" });

  test.each([
    ["the user's word first", "h1=ssh://me@h1", labelled, "ssh://me@h1"],
    ["its label otherwise", "h2=ssh://me@h2", labelled, "tcp://h1:2376"],
    ["ssh to its address at last", "", swarmNode("h1"), "ssh://10.0.0.9"],
    [
      "ssh to the address by which others join, where it listens everywhere",
      "",
      swarmNode("h1", {}, "0.0.0.0"),
      "ssh://10.0.0.1",
    ],
  ])("%s", (_what, text, node, endpoint) => {
    expect(describeHost(node, parseEndpoints(text)).endpoint).toBe(endpoint);
  });

  test("no endpoint that isn't one", () => {
    expect(() => parseEndpoints("h1")).toThrow("isn't HOST=ENDPOINT");
  });
});

test("--hosts must take names, zones and labels, and refuse a label that no host has", () => {
  const hosts = [
    host("h1", { "energy-lab.zone": "eu", disk: "ssd" }),
    host("h2", { "energy-lab.zone": "eu" }),
    host("h3"),
  ];
  expect(chooseHosts(["zone:eu"], hosts)).toEqual(["h1", "h2"]);
  expect(chooseHosts(["h3", "disk=ssd", "h1"], hosts)).toEqual(["h3", "h1"]);
  expect(() => chooseHosts(["zone:us"], hosts)).toThrow("energy-lab.zone=us");
});

describe("a lab on a swarm must show", () => {
  const placement: Placement = {
    version: 3,
    lab: "shop",
    run: "shop-1",
    profile: "fast",
    voters: [1],
    createdAtMs: 5,
    network: { id: "n", name: "energy-lab-shop-1", subnet: "10.213.4.0/22" },
    wishes: { hosts: null, multicast: "helper", encrypted: false },
    nodes: { 1: "h1", 2: "h2" },
    isGone: false,
  };
  const node = { lab: "shop", id: 1, status: "running" } as NodeInfo;
  const info = { name: "shop", run: "shop-1", token: "t", nodes: [node] } as unknown as LabInfo;
  const [h1, h2] = [host("h1", { "energy-lab.zone": "eu" }), host("h2")];
  const parts = (over: Partial<Parts> = {}): Parts => ({
    ...{ placements: [placement], overlays: [], hosts: [h1, h2], byHost: new Map([[h1, [info]]]) },
    ...over,
  });

  test("the nodes of a host that is away as unreachable, with their addresses", () => {
    const lab = describeSwarmLab("shop", parts());
    expect(lab?.nodes.map(({ id, status, host: on, zone, ip }) => ({ id, status, on, zone, ip }))).toEqual([
      { id: 1, status: "running", on: "h1", zone: "eu", ip: undefined },
      { id: 2, status: "unreachable", on: "h2", zone: undefined, ip: "10.213.4.3" },
    ]);
  });

  test("no node that is in the placement, and that its host doesn't have", () => {
    const byHost = new Map<SwarmHost, readonly LabInfo[]>([
      [h1, [info]],
      [h2, []],
    ]);
    expect(describeSwarmLab("shop", parts({ byHost }))?.nodes.map(({ id }) => id)).toEqual([1]);
  });

  test("nothing of an earlier lab of its name that was taken down", () => {
    const gone = { ...placement, isGone: true };
    expect(describeSwarmLab("shop", parts({ placements: [gone] }))).toBeNull();
    const next = { ...placement, run: "shop-2", nodes: {}, createdAtMs: 6 };
    expect(describeSwarmLab("shop", parts({ placements: [gone, next] }))?.nodes).toEqual([]);
  });
});
