// The highest node that is heard of leads. Each node sends a heartbeat to a multicast group.
import { createSocket } from "node:dgram";

const GROUP = "239.7.7.7";
const PORT = 7400;
const HEARTBEAT_MS = 300;
const SILENCE_MS = 1500;
const own = Number(process.env.NODE_ID);

const seen = new Map();
let leader = null;

function alive() {
  const since = performance.now() - SILENCE_MS;
  return [own, ...[...seen].filter(([, at]) => at >= since).map(([peer]) => peer)];
}

const socket = createSocket({ type: "udp4", reuseAddr: true });
socket.on("message", (data, { address, port }) => {
  if (data.toString() === "status") {
    socket.send(JSON.stringify({ leader, alive: alive().sort() }), port, address);
    return;
  }
  try {
    const { from } = JSON.parse(data.toString());
    if (from !== own) seen.set(from, performance.now());
  } catch {
    console.log("ignored a datagram that is no message");
  }
});
socket.bind(PORT, () => {
  socket.addMembership(GROUP, process.env.NODE_IP);
  socket.setMulticastInterface(process.env.NODE_IP);
  console.log("ready");
  setInterval(() => {
    socket.send(JSON.stringify({ type: "HEARTBEAT", from: own }), PORT, GROUP);
    const highest = Math.max(...alive());
    if (highest !== leader) console.log(`leader ${highest}`);
    leader = highest;
  }, HEARTBEAT_MS);
});
process.on("SIGTERM", () => process.exit(0));
