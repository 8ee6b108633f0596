/**
 * Ports for a local lab: a block of 300 on loopback, free now and not promised to another lab.
 *
 * Idea: a command that wants a block binds its last port first and keeps it until the nodes have bound theirs, so two `up`s at the same
 * time see each other. Blocks lie below the range that kernels hand out for outgoing traffic.
 */
import { randomBytes, randomInt } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { setTimeout as sleep } from "node:timers/promises";
import { LabError } from "../../base/lab-error.ts";
import { NEXT } from "../../base/next.ts";

export const BLOCK = 300;
export const FIRST_PORT = 10_000;
const BLOCKS = 74;
const LOOPBACK = "127.0.0.1";

export interface PortBlock extends AsyncDisposable {
  /** Node N gets base + N, the multicast group base itself. */
  readonly base: number;
}

/**
 * @param ids of the nodes, all below BLOCK - 1
 * @param isTaken blocks that belong to labs whose nodes may be down at the moment; asked while the block is held
 * @throws LabError("failed") when no block is free
 */
export async function reservePorts(
  ids: readonly number[],
  isTaken: (base: number) => Promise<boolean>,
): Promise<PortBlock> {
  const start = randomInt(BLOCKS);
  for (let i = 0; i < BLOCKS; i++) {
    const base = FIRST_PORT + ((start + i) % BLOCKS) * BLOCK;
    const guard = await tryBind(base + BLOCK - 1);
    if (guard === null) continue;
    const free = !(await isTaken(base)) && (await areFree([base, ...ids.map((id) => base + id)]));
    if (free) return { base, [Symbol.asyncDispose]: () => close(guard) };
    await close(guard);
  }
  throw new LabError("failed", `no ${BLOCK} consecutive UDP ports are free on loopback`, NEXT.removeUnneededLabs());
}

/** Does a multicast sent over loopback arrive? Tried once with a datagram of our own. */
export async function hasLoopbackMulticast(group: string): Promise<boolean> {
  const receiver = createSocket({ type: "udp4", reuseAddr: true });
  const sender = createSocket("udp4");
  const word = randomBytes(16);
  try {
    await new Promise<void>((resolve, reject) => {
      receiver.once("error", reject);
      receiver.bind(0, () => resolve());
    });
    receiver.addMembership(group, LOOPBACK);
    await new Promise<void>((resolve, reject) => {
      sender.once("error", reject);
      sender.bind(0, LOOPBACK, () => resolve());
    });
    sender.setMulticastInterface(LOOPBACK);
    sender.setMulticastTTL(1);
    const { port } = receiver.address();
    const heard = new Promise<boolean>((resolve) => {
      receiver.on("message", (datagram) => {
        if (datagram.equals(word)) resolve(true);
      });
    });
    // Again after a moment: one lost datagram isn't a verdict.
    for (const waitMs of [60, 250]) {
      sender.send(word, port, group, () => {});
      const deadline = new AbortController();
      const silence = sleep(waitMs, false, { signal: deadline.signal }).catch(() => false);
      const isHeard = await Promise.race([heard, silence]);
      deadline.abort();
      if (isHeard) return true;
    }
    return false;
  } catch {
    return false;
  } finally {
    await Promise.all([close(receiver), close(sender)]);
  }
}

async function areFree(ports: readonly number[]): Promise<boolean> {
  const sockets = await Promise.all(ports.map((port) => tryBind(port)));
  await Promise.all(sockets.map((socket) => (socket === null ? Promise.resolve() : close(socket))));
  return sockets.every((socket) => socket !== null);
}

function tryBind(port: number): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = createSocket({ type: "udp4", reuseAddr: false });
    socket.once("error", () => {
      close(socket).then(
        () => resolve(null),
        () => resolve(null),
      );
    });
    socket.bind({ port, address: LOOPBACK, exclusive: true }, () => resolve(socket));
  });
}

function close(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    try {
      socket.close(() => resolve());
    } catch {
      resolve();
    }
  });
}
