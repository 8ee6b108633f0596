/**
 * A whole group in testcontainers' own style: `await using cluster = await new EnergyCluster().withNodes(5).start()`.
 *
 * A network of its own, a key of its own, and nodes that know of each other by multicast. `start` resolves when they agree. What Ryuk,
 * testcontainers' reaper, does for every container it does for these.
 */

import { randomBytes } from "node:crypto";
import { Network, type StartedNetwork } from "testcontainers";
import type { NodeId } from "../../node/wire/ids.ts";
import type { ProfileName } from "../../node/wire/profile.ts";
import { REAL_CLOCK, sleep } from "../base/lab-clock.ts";
import { LabError } from "../base/lab-error.ts";
import { type Agreement, judgeAgreement, judgeConvergence } from "../cluster/judge-agreement.ts";
import { chooseVoters } from "../cluster/plan-lab.ts";
import type { JournalDetail } from "../journal/detail.ts";
import { assembleJournal, type Journal } from "../journal/journal.ts";
import { EnergyNodeContainer, type StartedEnergyNode } from "./energy-node.ts";
import { judge } from "./judge-run.ts";
import type { CheckReport } from "./public-types.ts";

const AGREE_MS = 60_000;
const ASK_EVERY_MS = 50;

export class EnergyCluster {
  readonly #image: string | undefined;
  #ids: readonly NodeId[] = [1, 2, 3];
  #profile: ProfileName = "fast";
  #journal: JournalDetail = "wire";
  #environment: Readonly<Record<string, string>> = {};
  #withinMs = AGREE_MS;
  #configure: (node: EnergyNodeContainer, id: NodeId) => void = () => {};

  /** @param image one that was built already; default: the package's own */
  constructor(image?: string) {
    this.#image = image;
  }

  /** How many (ids 1 to N), or which ids. Default: 3. */
  withNodes(nodes: number | readonly NodeId[]): this {
    this.#ids = typeof nodes === "number" ? Array.from({ length: nodes }, (_, i) => i + 1) : nodes;
    return this;
  }

  withProfile(profile: ProfileName): this {
    this.#profile = profile;
    return this;
  }

  withJournal(detail: JournalDetail): this {
    this.#journal = detail;
    return this;
  }

  /** `DS_…` variables of every node. */
  withEnvironment(environment: Readonly<Record<string, string>>): this {
    this.#environment = { ...this.#environment, ...environment };
    return this;
  }

  /** How long they may take to start and agree. Default: 60,000. */
  withStartupTimeout(startupTimeoutMs: number): this {
    this.#withinMs = startupTimeoutMs;
    return this;
  }

  /** Called for each node before it starts, for settings of single nodes, or settings that aren't offered here. */
  withEach(configure: (node: EnergyNodeContainer, id: NodeId) => void): this {
    this.#configure = configure;
    return this;
  }

  /** @throws LabError("timeout") when they don't agree in time; what was made is gone again then */
  async start(): Promise<StartedEnergyCluster> {
    const network = await new Network().start();
    const keys = `1:${randomBytes(32).toString("base64")}`;
    const voters = chooseVoters(this.#ids);
    const starting = this.#ids.map(async (id) => {
      const node = new EnergyNodeContainer(this.#image)
        .withNodeId(id)
        .withNetwork(network)
        .withPeers(...this.#ids)
        .withVoters(...voters)
        .withProfile(this.#profile)
        .withJournal(this.#journal)
        .withKeys(keys)
        .withStartupTimeout(this.#withinMs)
        .withEnvironment({ DS_DISCOVERY: discoverySeconds(this.#ids.length), ...this.#environment });
      this.#configure(node, id);
      return await node.start();
    });
    const results = await Promise.allSettled(starting);
    const nodes = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    const facts = { profile: this.#profile, voters, journal: this.#journal };
    const cluster = new StartedEnergyCluster(network, nodes, facts);
    try {
      const failed = results.find((result) => result.status === "rejected");
      if (failed !== undefined) throw failed.reason;
      await cluster.agree({ withinMs: this.#withinMs });
      return cluster;
    } catch (error) {
      await cluster.stop().catch(() => {});
      throw error;
    }
  }
}

interface ClusterFacts {
  readonly profile: string;
  readonly voters: readonly NodeId[];
  readonly journal: JournalDetail;
}

export class StartedEnergyCluster implements AsyncDisposable {
  /** Ascending by id. */
  readonly nodes: readonly StartedEnergyNode[];
  readonly network: StartedNetwork;
  readonly #facts: ClusterFacts;

  /** @internal */
  constructor(network: StartedNetwork, nodes: readonly StartedEnergyNode[], facts: ClusterFacts) {
    this.network = network;
    this.nodes = nodes.toSorted((a, b) => a.id - b.id);
    this.#facts = facts;
  }

  /** @throws LabError("notFound") */
  node(id: NodeId): StartedEnergyNode {
    const found = this.nodes.find((node) => node.id === id);
    if (found !== undefined) return found;
    const known = this.nodes.map((node) => node.id).join(", ");
    throw new LabError("notFound", `there is no node ${id} (there is ${known})`, "name one of these");
  }

  /**
   * Waits until all nodes follow the same coordinator, who is the highest of them.
   * @param options.nodes who must agree; default: all. Name the survivors after a kill.
   * @throws LabError("timeout") with what is missing
   */
  async agree(options: ClusterWait = {}): Promise<Agreement> {
    return await this.#until(judgeAgreement, "agreement", options);
  }

  /** Waits until they agree, have equal ledgers, and nothing is under way between them. */
  async converge(options: ClusterWait = {}): Promise<Agreement> {
    return await this.#until(judgeConvergence, "convergence", options);
  }

  /** The journal of all nodes until now, in causal order. */
  async journal(): Promise<Journal> {
    const entries = (await Promise.all(this.nodes.map((node) => node.journal()))).flat();
    const { profile, voters, journal } = this.#facts;
    const facts = {
      lab: this.network.getName(),
      run: null,
      runtime: "docker",
      profile,
      nodes: this.nodes.map((node) => node.id),
      voters,
      seed: null,
      isDetailed: journal !== "events",
      hasWire: journal === "wire",
    } as const;
    return assembleJournal(facts, entries);
  }

  /** Judges what happened until now by the journal. @param names only these checkers; default: all */
  async check(...names: readonly string[]): Promise<CheckReport> {
    return judge(await this.journal(), names);
  }

  /** Removes all containers and their network. */
  async stop(): Promise<void> {
    const ends = await Promise.allSettled(this.nodes.map((node) => node.stop({ timeout: 0 })));
    await this.network.stop();
    const failed = ends.find((end) => end.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #until(judge: typeof judgeConvergence, what: string, options: ClusterWait): Promise<Agreement> {
    const withinMs = options.withinMs ?? AGREE_MS;
    const nodes = options.nodes?.map((id) => this.node(id)) ?? this.nodes;
    const deadlineMs = REAL_CLOCK.nowMs() + withinMs;
    for (;;) {
      const answers = await Promise.all(nodes.map(async (node) => [node.id, await node.control().ping()] as const));
      const agreement = judge(new Map(answers));
      if (agreement.agreed) return agreement;
      if (REAL_CLOCK.nowMs() > deadlineMs) {
        const message = `no ${what} after ${withinMs / 1_000} s: ${agreement.reason}`;
        throw new LabError("timeout", message, "read what the nodes wrote: cluster.node(1).logLines()");
      }
      await sleep(REAL_CLOCK, ASK_EVERY_MS);
    }
  }
}

export interface ClusterWait {
  /** Default: 60,000. */
  readonly withinMs?: number;
  readonly nodes?: readonly NodeId[];
}

/** The last of many containers starts long after the first. */
function discoverySeconds(count: number): string {
  return (2 + 0.2 * count).toFixed(1);
}
