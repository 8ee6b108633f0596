import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { LabError } from "../../lab/base/lab-error.ts";
import { parseLabConfig } from "../../lab/cluster/lab-file.ts";

const failure = (text: string): LabError => {
  try {
    parseLabConfig(text, "lab.yaml");
  } catch (error) {
    return error as LabError;
  }
  throw new Error("was accepted");
};

describe("lab.yaml must be read", () => {
  test("with a count of nodes", () => {
    expect(parseLabConfig("name: shop\nnodes: 3\nprofile: fast\nruntime: local\n", "f")).toEqual({
      name: "shop",
      nodes: 3,
      profile: "fast",
      runtime: "local",
      env: {},
      limits: {},
    });
  });

  test("with latencies between groups of nodes, and the hosts of a swarm", () => {
    const text =
      'latency: { "zone:eu": { "zone:us": 50ms, "host:h3": 80ms }, "1-2": { 3: 5ms } }\nswarm: { hosts: [h1], multicast: unicast }\n';
    const { latencies, swarm } = parseLabConfig(text, "f");
    expect(latencies).toHaveLength(3);
    expect(latencies).toContainEqual({ between: ["zone:eu", "host:h3"], delayMs: 80 });
    expect(swarm).toEqual({ hosts: ["h1"], multicast: "unicast" });
    expect(failure('latency: { "zone:eu": { "zone:us": 50 } }').message).toContain("50");
    expect(failure("latency: { nobody: { 1: 50ms } }").message).toContain("nobody");
  });

  test("with limits of containers", () => {
    expect(parseLabConfig("memory: 0.5g\npids: 64\n", "f").limits).toEqual({ memoryBytes: 2 ** 29, pids: 64 });
  });

  test("with nodes by number, and credits and preemption as variables", () => {
    const text =
      "credits: 50\npreempt: false\nnodes:\n  7: { credits: 500 }\n  2:\n  3: { env: { DS_LOG_LEVEL: DEBUG } }\n";
    expect(parseLabConfig(text, "f")).toEqual({
      nodes: [
        { id: 2, env: {} },
        { id: 3, env: { DS_LOG_LEVEL: "DEBUG" } },
        { id: 7, env: { DS_INITIAL_CREDITS: "500" } },
      ],
      env: { DS_INITIAL_CREDITS: "50", DS_PREEMPT: "0" },
      limits: {},
    });
  });

  test("with anchors and merge keys", () => {
    const text = "x-rich: &rich { credits: 900 }\nnodes:\n  1: *rich\n  2: { <<: *rich, env: { DS_JOURNAL: wire } }\n";
    expect(parseLabConfig(text, "f").nodes).toEqual([
      { id: 1, env: { DS_INITIAL_CREDITS: "900" } },
      { id: 2, env: { DS_INITIAL_CREDITS: "900", DS_JOURNAL: "wire" } },
    ]);
  });

  test("when it is empty", () => {
    expect(parseLabConfig("", "f")).toEqual({ env: {}, limits: {} });
  });

  test("as the project ships it", () => {
    const path = join(import.meta.dirname, "../../compose/lab.yaml");
    expect(parseLabConfig(readFileSync(path, "utf8"), path)).toMatchObject({ nodes: 5, profile: "default" });
  });
});

describe("a mistake in lab.yaml must be shown with line, column and a cure", () => {
  test.each([
    ["memory of a program without a unit", "node: { image: x, memory: 256 }\n", "lab.yaml:1:", "write 256MB"],
    ["memory without a unit", "memory: 256\n", "lab.yaml:1:1: ", "write 256MB"],
    ["an unknown field", "name: a\nnoeds: 3\n", "lab.yaml:2:1: ", 'did you mean "nodes"?'],
    ["an unknown field of a node", "nodes:\n  1: { credit: 5 }\n", "lab.yaml:2:8: ", 'did you mean "credits"?'],
    ["an unknown profile", "nodes: 3\nprofile: fats\n", "lab.yaml:2:1: ", 'did you mean "fast"?'],
    ["too many nodes", "nodes: 9999\n", "lab.yaml:1:1: nodes", ""],
    ["a node that isn't a number", "nodes:\n  one: {}\n", "lab.yaml:2:3: ", ""],
    ["negative credits", "nodes:\n  1: { credits: -5 }\n", "lab.yaml:2:8: ", ""],
    ["a variable that isn't DS_", "env: { HOME: /tmp }\n", "lab.yaml:1:8: ", ""],
    ["a voter that isn't a number", "voters: [1, x]\n", "lab.yaml:1:13: ", ""],
    ["broken YAML", "nodes: [1\nname: x\n", "lab.yaml:2:", ""],
    ["a list instead of fields", "- 1\n", "lab.yaml:1:1: ", ""],
  ])("%s", (_what, text, where, hint) => {
    const error = failure(text);
    expect(error.exit).toBe("usage");
    expect(error.message).toContain(where);
    expect(error.hint).toContain(hint);
  });
});
