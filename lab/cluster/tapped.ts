/** The journal of nodes whose messages are recorded: what they wrote, and what the tap saw at each end, in one order. */
import type { NodeId } from "../../node/wire/ids.ts";
import type { LogLine } from "../engine/engine.ts";
import type { Entry } from "../journal/entry.ts";
import { readPcap } from "../kind/pcap.ts";
import type { Program } from "../kind/program-spec.ts";
import { matchDatagrams } from "../kind/tap.ts";
import type { LabHandle } from "./lab-handle.ts";
import { openLines } from "./program-facts.ts";
import { programHost } from "./program-lab.ts";

/**
 * @param output what the nodes wrote
 * @returns also which messages it doesn't know of, in words
 */
export async function readTapped(
  lab: LabHandle,
  program: Program,
  output: readonly LogLine[],
): Promise<{ readonly entries: readonly Entry[]; readonly unseen: string }> {
  const host = programHost(lab.engine);
  const { files, lost, overwritten } = await host.captures(lab.name);
  const captures = files.map(({ file, ...of }) => ({ ...of, datagrams: readPcap(file) }));
  const addresses = new Map(
    lab.info.nodes.flatMap(({ id, ip }): [string, NodeId][] => (ip === null ? [] : [[ip, id]])),
  );
  const events = matchDatagrams(captures, addresses);
  const decoded = await host.decode(
    events.map(({ datagram }) => datagram.payload),
    program,
  );
  const lines = await openLines(lab);
  // A message has its sender's life in its name, at each end.
  const lives = new Map(
    events.flatMap((event) =>
      event.kind === "send" ? [[event.send, lines.lifeAt(event.node, event.atMs)] as const] : [],
    ),
  );
  const all = [
    ...output.map((line) => ({ atMs: line.atMs ?? 0, write: () => lines.read(line) })),
    ...events.map((event, at) => ({
      atMs: event.atMs,
      write: () => lines.message(event, decoded[at] ?? { type: "datagram", summary: "" }, lives.get(event.send) ?? 1),
    })),
  ];
  const unseen = [
    ...(lost > 0 ? [`${lost} datagrams came too fast for the tap`] : []),
    ...(overwritten > 0 ? [`the tap's oldest ${overwritten} datagrams were overwritten`] : []),
  ];
  return {
    entries: all.sort((a, b) => a.atMs - b.atMs).map(({ write }) => write()),
    unseen: unseen.join("; "),
  };
}
