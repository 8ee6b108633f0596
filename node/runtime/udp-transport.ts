/**
 * The two sockets of a node.
 *
 * One unicast socket, without reuseAddr (so that a second node with this number can't start on this host), sends EVERYTHING,
 * multicast included: a datagram's source address is then its sender's unicast address, and peers learn each other from packets.
 * One multicast socket only receives. A socket error never ends receiving: it is counted, told, and a dead socket is replaced.
 * The group is joined on one interface, named by its address, and again when that interface went and came back: the kernel
 * forgets memberships with the interface (a re-plugged container sends but hears nobody).
 */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { networkInterfaces } from "node:os";
import type { NetworkConfig } from "./config.ts";
import { codeOf, messageOf, OperatorError } from "./errors.ts";
import { detectLocalAddress, hasNetwork, isOwnAddress } from "./local-address.ts";
import type { DatagramPort } from "./ports.ts";

const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
const CHECK_INTERVAL_MS = 2_000;
const HOST_HINT = "check --host (or leave it away: the address is found by itself)";

export interface TransportEvents {
  /** Something failed; the transport goes on. `kind` is a counter's name. */
  readonly onTrouble: (kind: string, message: string) => void;
  /** Something worth a line happened. */
  readonly onNotice: (message: string) => void;
}

export interface UdpTransport extends DatagramPort {
  /** `via`: on which of the two sockets. */
  listen(receive: (datagram: Uint8Array, address: string, via: "unicast" | "multicast") => void): void;
  /** Address of the interface in use. */
  readonly host: string;
  /** Bytes of the unicast socket's receive buffer that the kernel granted. */
  readonly receiveBufferBytes: number;
  /** Closes both sockets. */
  close(): Promise<void>;
}

/** Resolves when both sockets are bound. Throws OperatorError when the unicast port or the address can't be had. */
export async function openUdpTransport(network: NetworkConfig, events: TransportEvents): Promise<UdpTransport> {
  // Without any network the address may still come (a container whose cable is pulled); with one it is a mistake.
  if (network.host !== null && !isOwnAddress(network.host) && hasNetwork())
    throw new OperatorError(`${network.host} isn't an address of this machine`, HOST_HINT);
  let host = network.host ?? detectLocalAddress();
  let isClosed = false;
  let receive: Parameters<UdpTransport["listen"]>[0] = () => {};
  let unicast = await openUnicast();
  let multicast = await openMulticast();
  const receiveBufferBytes = unicast.getRecvBufferSize();
  if (receiveBufferBytes < RECEIVE_BUFFER_BYTES)
    events.onNotice(
      `Receive buffer: ${Math.round(receiveBufferBytes / 1024)} KiB of ${RECEIVE_BUFFER_BYTES / 1024} KiB granted`,
    );
  const checkTimer = setInterval(checkInterface, CHECK_INTERVAL_MS);
  checkTimer.unref();

  return {
    get host() {
      return host;
    },
    receiveBufferBytes,
    listen(next) {
      receive = next;
    },
    sendGroup: (datagram) => send(datagram, network.group, network.groupPort),
    sendTo(datagram, address) {
      const colon = address.lastIndexOf(":");
      send(datagram, address.slice(0, colon), Number(address.slice(colon + 1)));
    },
    async close() {
      isClosed = true;
      clearInterval(checkTimer);
      await Promise.all([unicast, multicast].map(closeSocket));
    },
  };

  function send(datagram: Uint8Array, ip: string, port: number): void {
    const onSent = (error: Error | null): void => {
      if (error === null || isClosed) return;
      events.onTrouble("send_error", `Send error (continuing): ${messageOf(error)}`);
      // The route may be gone with its interface: look at once instead of at the next check.
      if (/ENETUNREACH|ENODEV|EADDRNOTAVAIL|EINVAL/.test(codeOf(error))) checkInterface();
    };
    try {
      unicast.send(datagram, port, ip, onSent);
    } catch (error) {
      onSent(error as Error);
    }
  }

  async function openUnicast(): Promise<Socket> {
    const socket = createSocket({ type: "udp4", reuseAddr: false, lookup: answerIp });
    // On loopback alone a lab must stay private; everywhere else all addresses listen, so that a cable pull doesn't take
    // the socket's own address (and with it the control channel over loopback) away.
    const bindAddress = network.host?.startsWith("127.") === true ? network.host : "0.0.0.0";
    try {
      await bindSocket(socket, network.unicastPort, bindAddress);
    } catch (error) {
      throw explainBind(error, network, bindAddress);
    }
    enlargeBuffer(socket);
    socket.setMulticastTTL(1);
    socket.setMulticastLoopback(true);
    useInterface(socket);
    socket.on("message", (datagram, from) => deliver(datagram, from, "unicast"));
    keepAlive(socket, "unicast", async () => {
      unicast = await openUnicast();
    });
    return socket;
  }

  async function openMulticast(): Promise<Socket> {
    const socket = createSocket({ type: "udp4", reuseAddr: true, lookup: answerIp });
    // Bound to the group, unicast to this port can't get in; Windows and macOS can't do that.
    const bindAddress = process.platform === "linux" ? network.group : "0.0.0.0";
    await bindSocket(socket, network.groupPort, bindAddress);
    enlargeBuffer(socket);
    socket.on("message", (datagram, from) => deliver(datagram, from, "multicast"));
    keepAlive(socket, "multicast", async () => {
      multicast = await openMulticast();
    });
    try {
      socket.addMembership(network.group, host);
    } catch (error) {
      // Without multicast the node still works on --peers and on unicast; the checks below go on trying.
      events.onTrouble("multicast_join_error", `Can't join ${network.group} on ${host}: ${messageOf(error)}`);
    }
    return socket;
  }

  function deliver(datagram: Uint8Array, from: RemoteInfo, via: "unicast" | "multicast"): void {
    if (!isClosed) receive(datagram, `${from.address}:${from.port}`, via);
  }

  function keepAlive(socket: Socket, name: string, reopen: () => Promise<void>): void {
    socket.on("error", (error) => events.onTrouble("socket_error", `Socket error (continuing): ${messageOf(error)}`));
    socket.on("close", () => {
      if (isClosed) return;
      events.onTrouble("socket_reopened", `The ${name} socket was closed, opening it again`);
      const retry = (): void => {
        if (isClosed) return;
        reopen().catch((error: unknown) => {
          events.onTrouble("socket_error", `Can't reopen the ${name} socket: ${messageOf(error)}`);
          setTimeout(retry, CHECK_INTERVAL_MS).unref();
        });
      };
      retry();
    });
  }

  /** Follows the interface: a new address when the detected one is gone, a new membership when the kernel dropped ours. */
  function checkInterface(): void {
    if (isClosed) return;
    followAddress();
    useInterface(unicast);
    try {
      multicast.addMembership(network.group, host);
      events.onNotice(`Joined ${network.group} again on ${host}`);
    } catch (error) {
      const code = codeOf(error);
      // EADDRINUSE: still a member, which is the rule.
      if (code === "EADDRINUSE") return;
      events.onTrouble("multicast_join_error", `Can't join ${network.group} on ${host}: ${messageOf(error)}`);
      // A socket holds 20 memberships, dead ones included: a new socket begins afresh.
      if (code === "ENOBUFS") multicast.close();
    }
  }

  /** A detected address stays as long as its interface has it; nothing better than it is no reason to change. */
  function followAddress(): void {
    if (network.host !== null) return;
    const interfaces = networkInterfaces();
    if (!hasNetwork(interfaces) || (isOwnAddress(host, interfaces) && !host.startsWith("127."))) return;
    const detected = detectLocalAddress(interfaces);
    if (detected === host) return;
    events.onNotice(`Network changed: now using ${detected} instead of ${host}`);
    host = detected;
  }

  function useInterface(socket: Socket): void {
    try {
      socket.setMulticastInterface(host);
    } catch (error) {
      events.onTrouble("interface_error", `Can't send multicast from ${host}: ${messageOf(error)}`);
    }
  }
}

/** Addresses are IPs already: no resolver, and no turn of the event loop lost in it. */
function answerIp(
  hostname: string,
  _options: unknown,
  callback: (error: NodeJS.ErrnoException | null, address: string, family: number) => void,
): void {
  callback(null, hostname, 4);
}

async function bindSocket(socket: Socket, port: number, address: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once("error", reject);
  socket.bind({ port, address, exclusive: true }, resolve);
  try {
    await promise;
  } catch (error) {
    socket.close();
    throw error;
  }
  socket.off("error", reject);
}

async function closeSocket(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  try {
    socket.close(resolve);
  } catch {
    // Closed already.
    resolve();
  }
  await promise;
}

/** Linux grants what net.core.rmem_max allows without saying so; others refuse what is too much. */
function enlargeBuffer(socket: Socket): void {
  for (let bytes = RECEIVE_BUFFER_BYTES; bytes >= 256 * 1024; bytes /= 2) {
    try {
      socket.setRecvBufferSize(bytes);
      return;
    } catch {
      // Half of it, then.
    }
  }
}

function explainBind(error: unknown, network: NetworkConfig, address: string): OperatorError {
  const port = network.unicastPort;
  switch (codeOf(error)) {
    case "EADDRINUSE":
      return new OperatorError(
        `another node with this number already runs here: UDP port ${port} is taken`,
        "stop it, use another number, or another DS_UNICAST_PORT_BASE",
      );
    case "EADDRNOTAVAIL":
      return new OperatorError(`${address} isn't an address of this machine`, HOST_HINT);
    case "EACCES":
      return new OperatorError(`UDP port ${port} needs privileges`, "use a DS_UNICAST_PORT_BASE of 1024 or more");
    default:
      return new OperatorError(`can't open UDP port ${port} on ${address}: ${messageOf(error)}`, "check --host");
  }
}
