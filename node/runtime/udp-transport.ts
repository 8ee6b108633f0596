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
import { isControlDatagram } from "../wire/envelope.ts";
import type { JournalLevel } from "../wire/journal.ts";
import type { NetworkConfig } from "./config.ts";
import { codeOf, messageOf, OperatorError } from "./errors.ts";
import { detectLocalAddress, hasNetwork, isOwnAddress, type LocalAddress } from "./local-address.ts";
import { createMulticastWatch, type MulticastWatch } from "./multicast-watch.ts";
import { platformOf } from "./platform.ts";
import type { DatagramPort } from "./ports.ts";

const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
const CHECK_INTERVAL_MS = 2_000;
const HOST_HINT = "check --host (or leave it away: the address is found by itself)";

export interface TransportEvents {
  /** Something failed; the transport goes on. `kind` is a counter's name. */
  readonly onTrouble: (kind: string, message: string) => void;
  /** Something worth a line happened. */
  readonly onNotice: (message: string, level: JournalLevel) => void;
}

export interface UdpTransport extends DatagramPort {
  /** `via`: on which of the two sockets. */
  listen(receive: (datagram: Uint8Array, address: string, via: "unicast" | "multicast") => void): void;
  /** Address of the interface in use. */
  readonly host: string;
  /** How the address was found at the start; null: it was given. */
  readonly chosen: LocalAddress | null;
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
  const chosen = network.host === null ? await detectLocalAddress(network.group) : null;
  const link: Link = {
    network,
    events,
    host: chosen?.address ?? network.host ?? "127.0.0.1",
    isClosed: false,
    watch: createMulticastWatch(performance.now(), () => `${network.group}:${network.groupPort} from ${link.host}`),
    receive: () => {},
  };
  const unicast = await openLasting(link, "unicast", openUnicast);
  const multicast = await openLasting(link, "multicast", openMulticast);
  const receiveBufferBytes = unicast.socket.getRecvBufferSize();
  if (receiveBufferBytes < RECEIVE_BUFFER_BYTES)
    events.onNotice(
      `Receive buffer: ${Math.round(receiveBufferBytes / 1024)} KiB of ${RECEIVE_BUFFER_BYTES / 1024} KiB granted`,
      "debug",
    );
  const check = (): void => void checkInterface(link, unicast.socket, multicast.socket);
  const checkTimer = setInterval(check, CHECK_INTERVAL_MS);
  checkTimer.unref();
  const send = (datagram: Uint8Array, ip: string, port: number): void => {
    // The route may be gone with its interface: look at once instead of at the next check.
    sendNow(link, unicast.socket, { datagram, ip, port }, check);
  };

  return {
    get host() {
      return link.host;
    },
    chosen,
    receiveBufferBytes,
    listen(receive) {
      link.receive = receive;
    },
    sendGroup(datagram) {
      link.watch.onSent();
      send(datagram, network.group, network.groupPort);
    },
    sendTo(datagram, address) {
      const colon = address.lastIndexOf(":");
      send(datagram, address.slice(0, colon), Number(address.slice(colon + 1)));
    },
    async close() {
      link.isClosed = true;
      clearInterval(checkTimer);
      await Promise.all([unicast.socket, multicast.socket].map(closeSocket));
    },
  };
}

type Via = "unicast" | "multicast";

/** The common part of both sockets. */
interface Link {
  readonly network: NetworkConfig;
  readonly events: TransportEvents;
  /** Changes when the detected address does. */
  host: string;
  isClosed: boolean;
  readonly watch: MulticastWatch;
  receive: (datagram: Uint8Array, address: string, via: Via) => void;
}

/** A socket in use; another one takes its place when it dies. */
interface Lasting {
  readonly socket: Socket;
}

async function openLasting(link: Link, via: Via, open: (link: Link) => Promise<Socket>): Promise<Lasting> {
  const { events } = link;
  const watch = (socket: Socket): Socket => {
    socket.on("message", (datagram: Buffer, from: RemoteInfo) => {
      if (link.isClosed) return;
      noteWhoSpeaks(link, datagram, from);
      link.receive(datagram, `${from.address}:${from.port}`, via);
    });
    socket.on("error", (error) => events.onTrouble("socket_error", `Socket error (continuing): ${messageOf(error)}`));
    socket.on("close", () => {
      if (link.isClosed) return;
      events.onTrouble("socket_reopened", `The ${via} socket was closed, opening it again`);
      reopen();
    });
    return socket;
  };
  const reopen = (): void => {
    if (link.isClosed) return;
    open(link).then(
      (socket) => {
        lasting.socket = watch(socket);
      },
      (error: unknown) => {
        events.onTrouble("socket_error", `Can't reopen the ${via} socket: ${messageOf(error)}`);
        setTimeout(reopen, CHECK_INTERVAL_MS).unref();
      },
    );
  };
  const lasting = { socket: watch(await open(link)) };
  return lasting;
}

function noteWhoSpeaks({ network, watch }: Link, datagram: Uint8Array, from: RemoteInfo): void {
  // Looking the interfaces up takes longer than all else that is done with a datagram here.
  if (watch.isOver || isControlDatagram(datagram)) return;
  const isSelf = from.port === network.unicastPort && isOwnAddress(from.address);
  watch.onHeard(isSelf ? "self" : "other");
}

async function openUnicast(link: Link): Promise<Socket> {
  const { network } = link;
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
  useInterface(link, socket);
  return socket;
}

async function openMulticast({ network, events, host }: Link): Promise<Socket> {
  const socket = createSocket({ type: "udp4", reuseAddr: true, lookup: answerIp });
  // Bound to the group, unicast to this port can't get in; Windows and macOS can't do that.
  const bindAddress = platformOf(process.platform).bindsToGroup ? network.group : "0.0.0.0";
  await bindSocket(socket, network.groupPort, bindAddress);
  enlargeBuffer(socket);
  try {
    socket.addMembership(network.group, host);
  } catch (error) {
    // Without multicast the node still works on --peers and on unicast; the checks go on trying.
    events.onTrouble("multicast_join_error", `Can't join ${network.group} on ${host}: ${messageOf(error)}`);
  }
  return socket;
}

interface Parcel {
  readonly datagram: Uint8Array;
  readonly ip: string;
  readonly port: number;
}

function sendNow(link: Link, socket: Socket, { datagram, ip, port }: Parcel, onNoRoute: () => void): void {
  const onSent = (error: Error | null): void => {
    if (error === null || link.isClosed) return;
    link.events.onTrouble("send_error", `Send error (continuing): ${messageOf(error)}`);
    if (/ENETUNREACH|ENODEV|EADDRNOTAVAIL|EINVAL/.test(codeOf(error))) onNoRoute();
  };
  try {
    socket.send(datagram, port, ip, onSent);
  } catch (error) {
    onSent(error as Error);
  }
}

/** Follows the interface: a new address when the detected one is gone, a new membership when the kernel dropped ours. */
async function checkInterface(link: Link, unicast: Socket, multicast: Socket): Promise<void> {
  if (link.isClosed) return;
  await followAddress(link);
  // It may have been closed meanwhile.
  if (link.isClosed) return;
  sayHowMulticastDoes(link);
  useInterface(link, unicast);
  const { network, events, host } = link;
  try {
    multicast.addMembership(network.group, host);
    events.onNotice(`Joined ${network.group} again on ${host}`, "debug");
  } catch (error) {
    const code = codeOf(error);
    // EADDRINUSE: still a member, which is the rule.
    if (code === "EADDRINUSE") return;
    events.onTrouble("multicast_join_error", `Can't join ${network.group} on ${host}: ${messageOf(error)}`);
    // A socket holds 20 memberships, dead ones included: a new socket has room again.
    if (code === "ENOBUFS") multicast.close();
  }
}

/** A detected address stays as long as its interface has it; nothing better than it is no reason to change. */
async function followAddress(link: Link): Promise<void> {
  if (link.network.host !== null) return;
  const interfaces = networkInterfaces();
  if (!hasNetwork(interfaces) || (isOwnAddress(link.host, interfaces) && !link.host.startsWith("127."))) return;
  const { address, name, why } = await detectLocalAddress(link.network.group);
  if (address === link.host) return;
  link.events.onNotice(`Network changed: now using ${address} (${name}: ${why}) instead of ${link.host}`, "info");
  link.host = address;
}

function sayHowMulticastDoes({ watch, events }: Link): void {
  const report = watch.report(performance.now());
  if (report?.kind === "blocked") events.onTrouble("multicast_blocked", report.text);
  else if (report !== null) events.onNotice(report.text, "info");
}

function useInterface({ events, host }: Link, socket: Socket): void {
  try {
    socket.setMulticastInterface(host);
  } catch (error) {
    events.onTrouble("interface_error", `Can't send multicast from ${host}: ${messageOf(error)}`);
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
