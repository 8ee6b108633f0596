/**
 * Does multicast work between containers here? Two of them on a throw-away bridge, made as a lab's is, call out to a group and
 * end when they hear each other.
 */
import type Docker from "dockerode";
import { sentenceOf } from "./docker-errors.ts";
import { DOCKER_LABELS, maker } from "./docker-labels.ts";
import { createBridge, removeNetwork } from "./docker-network.ts";
import { runProbe } from "./docker-probe.ts";

/** Administratively scoped (RFC 2365), not the nodes' own group. */
const GROUP = "239.255.71.1";
const PORT = 5071;
const PATIENCE_MS = 6_000;

/** Each goes on calling for a while after it heard the other, who may be slower. */
const SCRIPT = `
const me = String(process.pid) + Math.random();
const begun = Date.now();
const socket = require("node:dgram").createSocket({ type: "udp4", reuseAddr: true });
let heard = null;
socket.on("message", (data) => { if (String(data) !== me && heard === null) { heard = Date.now() - begun; setTimeout(end, 400); } });
const end = () => { console.log(heard === null ? "silence" : "heard " + heard); process.exit(0); };
socket.bind(${PORT}, () => {
  socket.addMembership("${GROUP}");
  setInterval(() => socket.send(me, ${PORT}, "${GROUP}", (error) => { if (error) { console.log(error.message); process.exit(1); } }), 40);
});
setTimeout(end, ${PATIENCE_MS});
`;

export async function tryMulticast(
  docker: Docker,
  image: string,
): Promise<{ heard: boolean; afterMs: number; detail: string }> {
  const name = `energy-lab-probe-${process.pid}-${Date.now().toString(36)}`;
  const labels = { [DOCKER_LABELS.probe]: "multicast", [DOCKER_LABELS.maker]: maker() };
  const bridge = await createBridge(docker, { name, labels, seed: name });
  try {
    const run = () => runProbe(docker, { image, probe: "multicast", command: ["node", "-e", SCRIPT], network: name });
    const results = await Promise.all([run(), run()]);
    const times = results.map((result) => Number(/heard (\d+)/.exec(result.output)?.[1] ?? Number.NaN));
    const heard = times.every((time) => Number.isFinite(time));
    const detail = results.map((result) => result.output.trim() || `exit code ${result.exitCode}`).join("; ");
    return { heard, afterMs: heard ? Math.max(...times) : 0, detail };
  } catch (error) {
    return { heard: false, afterMs: 0, detail: sentenceOf(error) };
  } finally {
    await removeNetwork(docker, bridge.id);
  }
}
