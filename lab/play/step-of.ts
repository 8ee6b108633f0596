/** The step of a scenario that a command of the page equals. */
import type { LabCommand } from "../dash/page-command.ts";
import type { Step } from "../scenario/scenario-schema.ts";

export function stepOf(command: LabCommand): Step {
  switch (command.verb) {
    case "kill":
    case "stop":
    case "start":
    case "restart":
    case "resume":
    case "leave":
    case "unplug":
    case "plug":
      return { [command.verb]: { nodes: command.nodes } } as unknown as Step;
    case "pause":
    case "isolate":
      return { [command.verb]: { nodes: command.nodes, ...spanOf("for", command.forMs) } } as unknown as Step;
    case "partition": {
      const { groups, oneWay, forMs } = command;
      return { partition: { groups: [...groups], ...(oneWay === true && { oneWay }), ...spanOf("for", forMs) } };
    }
    case "netem":
      return { netem: netemOf(command) };
    case "heal": {
      const [fault] = command.what ?? [];
      return { heal: fault === undefined ? {} : { fault } };
    }
    case "sell":
    case "buy": {
      const { from, peer, amount } = command;
      return { [command.verb]: { node: from, peer, amount } } as unknown as Step;
    }
    case "scale":
      return { scale: { to: command.count } };
    case "election":
      return { election: command.node === undefined ? {} : { node: command.node } };
  }
}

function netemOf(command: Extract<LabCommand, { readonly verb: "netem" }>): Extract<Step, { netem: unknown }>["netem"] {
  const { nodes, delayMs, jitterMs, loss, duplicate, reorder, rateBps, from, to, both, forMs } = command;
  return {
    nodes,
    ...spanOf("delay", delayMs),
    ...spanOf("jitter", jitterMs),
    ...shareOf("loss", loss),
    ...shareOf("dup", duplicate),
    ...shareOf("reorder", reorder),
    ...(rateBps !== undefined && { rate: `${rateBps / 1_000}kbit` }),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(both === true && { both }),
    ...spanOf("for", forMs),
  };
}

function spanOf<Name extends string>(name: Name, ms: number | undefined): Partial<Record<Name, string>> {
  return (ms === undefined || ms === 0 ? {} : { [name]: `${ms}ms` }) as Partial<Record<Name, string>>;
}

function shareOf<Name extends string>(name: Name, share: number | undefined): Partial<Record<Name, string>> {
  const percent = `${Number(((share ?? 0) * 100).toFixed(3))}%`;
  return (share === undefined || share === 0 ? {} : { [name]: percent }) as Partial<Record<Name, string>>;
}
