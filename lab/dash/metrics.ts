/**
 * A lab's metrics for Prometheus: one snapshot as families of metrics. Pure.
 *
 * Names follow Prometheus' conventions: `energy_lab_` in front, the unit behind, `_total` for what only grows. What only grows begins
 * from zero when a node restarts, as counters of a process do. Everything that nodes count and that has no name of its own here is in
 * `energy_lab_node_events_total`.
 */
import type { NodeId } from "../../node/wire/ids.ts";
import type { Family, Sample } from "./metrics-text.ts";
import type { NodeView, NodeWords, Snapshot } from "./protocol.ts";

export interface MetricsFacts {
  readonly lab: string;
  readonly runtime: string;
  readonly profile: string;
}

const ROLES = ["FOLLOWER", "CANDIDATE", "COORDINATOR"] as const;
const PEER_STATES = ["UNKNOWN", "ALIVE", "SUSPECTED", "FAILED", "LEFT"] as const;

/** The nodes' counters that have names of their own here. */
const COUNTERS: readonly { readonly name: string; readonly counter: string; readonly help: string }[] = [
  { name: "datagrams_sent", counter: "datagrams_sent", help: "Datagrams sent to peers." },
  { name: "datagrams_received", counter: "datagrams_received", help: "Datagrams of peers that were accepted." },
  { name: "elections_started", counter: "elections_started", help: "Times that the node stood for coordinator." },
  { name: "suspicions", counter: "suspicions", help: "Times that the node suspected a peer." },
  { name: "failures_noticed", counter: "failures_noticed", help: "Times that the node took a peer for failed." },
  { name: "control_requests", counter: "control_requests", help: "Requests on the control channel." },
  { name: "journal_lines_lost", counter: "journal_lines_lost", help: "Journal lines that couldn't be written." },
];

/** Reasons of drops, as nodes count them: `drop_replay`. The node's own multicast comes back to it: that is none. */
const DROP = /^drop_(?!own$)/;

export function describeMetrics(facts: MetricsFacts, snapshot: Snapshot): readonly Family[] {
  return [
    ...describeLab(facts, snapshot),
    ...describeNodes(facts.lab, snapshot.nodes),
    ...describeViews(facts.lab, snapshot.nodes),
    ...describeCounters(facts.lab, snapshot.nodes),
  ];
}

function describeLab({ lab, runtime, profile }: MetricsFacts, { nodes, faults, agreement }: Snapshot): Family[] {
  const one = (name: string, help: string, value: number): Family => gauge(name, help, [{ labels: { lab }, value }]);
  const kinds = ["partition", "isolate", "netem", "unplug"] as const;
  return [
    gauge("energy_lab_info", "The lab; always 1.", [{ labels: { lab, runtime, profile }, value: 1 }]),
    one("energy_lab_nodes", "Nodes that the lab has, running or not.", nodes.length),
    one(
      "energy_lab_agreed",
      "Whether all nodes that run agree on a coordinator, each side of a partition for itself.",
      Number(agreement.agreed),
    ),
    gauge(
      "energy_lab_faults_active",
      "Network faults in force, by kind; a command that hits several pairs is one.",
      kinds.map((kind) => ({ labels: { lab, kind }, value: faults.filter((fault) => fault.kind === kind).length })),
    ),
  ];
}

function describeNodes(lab: string, nodes: readonly NodeView[]): Family[] {
  const up = (node: NodeView): number => Number(node.says !== null);
  return [
    gauge(
      "energy_lab_node_up",
      "Whether the node answers.",
      nodes.map((node) => sample(lab, node.id, up(node))),
    ),
    gauge(
      "energy_lab_node_paused",
      "Whether the node is frozen.",
      nodes.map((node) => sample(lab, node.id, Number(node.status === "paused"))),
    ),
    gauge(
      "energy_lab_node_unplugged",
      "Whether the node's cable is pulled.",
      nodes.map((node) => sample(lab, node.id, Number(node.unplugged))),
    ),
    gauge(
      "energy_lab_node_role",
      "1 for the role that the node has.",
      speakers(nodes).flatMap((says) =>
        ROLES.map((role) => sample(lab, says.id, Number(says.role === role), { role: role.toLowerCase() })),
      ),
    ),
    said(lab, nodes, "ready", "Whether the node takes part in full (phase READY).", (says) =>
      Number(says.phase === "READY"),
    ),
    said(lab, nodes, "term", "The term that the node is in.", (says) => says.term),
    said(lab, nodes, "elected", "Whether the coordinator that the node follows was elected by a majority.", (says) =>
      Number(says.elected),
    ),
    said(
      lab,
      nodes,
      "coordinator",
      "Id of the coordinator that the node follows; 0: none.",
      (says) => says.coordinator ?? 0,
    ),
    said(lab, nodes, "incarnation", "How often the node has started.", (says) => says.inc),
    said(lab, nodes, "balance_credits", "Credits in the node's own account.", (says) => says.balance),
    said(lab, nodes, "reserved_credits", "Credits promised to trades that aren't decided.", (says) => says.reserved),
    said(
      lab,
      nodes,
      "ledger_sum_credits",
      "Sum of all balances in the node's ledger: equal everywhere, and never changed by a trade.",
      (says) => says.sum,
    ),
    said(lab, nodes, "ledger_accounts", "Accounts in the node's ledger.", (says) => Object.keys(says.balances).length),
    said(
      lab,
      nodes,
      "holdback_messages",
      "Records held back until what they depend on is there.",
      (says) => says.holdback,
    ),
    said(lab, nodes, "pending_trades", "Trades that aren't settled.", (says) => says.pending),
    said(lab, nodes, "uptime_seconds", "Since the node's start.", (says) => says.uptime_ms / 1_000),
    said(lab, nodes, "resident_memory_bytes", "Memory of the node's process.", (says) => says.rss_bytes),
  ];
}

/** How each node sees each other one. */
function describeViews(lab: string, nodes: readonly NodeView[]): Family[] {
  const rows = speakers(nodes).flatMap((says) => says.members.map((member) => ({ says, member })));
  const counts = speakers(nodes).flatMap((says) =>
    PEER_STATES.map((state) => {
      const value = says.members.filter((member) => member.state === state).length;
      return sample(lab, says.id, value, { state: state.toLowerCase() });
    }),
  );
  return [
    gauge("energy_lab_node_peers", "Peers by the state in which the node sees them.", counts),
    gauge(
      "energy_lab_peer_round_trip_seconds",
      "Smoothed round trip to a peer, as the node measures it.",
      rows.flatMap(({ says, member }) =>
        member.srtt_ms === null ? [] : [sample(lab, says.id, member.srtt_ms / 1_000, { peer: String(member.id) })],
      ),
    ),
  ];
}

function describeCounters(lab: string, nodes: readonly NodeView[]): Family[] {
  const named = new Set(COUNTERS.map(({ counter }) => counter));
  const all = speakers(nodes).flatMap((says) =>
    Object.entries(says.counters).map(([name, value]) => ({ says, name, value })),
  );
  const drops = all.filter(({ name }) => DROP.test(name));
  const others = all.filter(({ name }) => !name.startsWith("drop_") && !named.has(name));
  return [
    ...COUNTERS.map(({ name, counter, help }): Family => {
      // What hasn't happened yet is 0, so that its rate is known when it does.
      const samples = speakers(nodes).map((says) => sample(lab, says.id, says.counters[counter] ?? 0));
      return { name: `energy_lab_node_${name}_total`, help, type: "counter", samples };
    }),
    {
      name: "energy_lab_node_datagrams_dropped_total",
      help: "Datagrams that were refused, by reason.",
      type: "counter",
      samples: drops.map(({ says, name, value }) =>
        sample(lab, says.id, value, { reason: name.slice("drop_".length) }),
      ),
    },
    {
      name: "energy_lab_node_events_total",
      help: "Everything else that a node counts, by its name there.",
      type: "counter",
      samples: others.map(({ says, name, value }) => sample(lab, says.id, value, { event: name })),
    },
  ];
}

function speakers(nodes: readonly NodeView[]): readonly NodeWords[] {
  return nodes.flatMap((node) => (node.says === null ? [] : [node.says]));
}

function said(
  lab: string,
  nodes: readonly NodeView[],
  name: string,
  help: string,
  value: (says: NodeWords) => number,
): Family {
  return gauge(
    `energy_lab_node_${name}`,
    help,
    speakers(nodes).map((says) => sample(lab, says.id, value(says))),
  );
}

function gauge(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, help, type: "gauge", samples };
}

function sample(lab: string, node: NodeId, value: number, more: Readonly<Record<string, string>> = {}): Sample {
  return { labels: { lab, node: String(node), ...more }, value };
}
