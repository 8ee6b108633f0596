import { createSocket } from "node:dgram";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import type { NetworkConfig } from "../../node/runtime/config.ts";
import { OperatorError } from "../../node/runtime/errors.ts";
import { PROCESS_SCHEDULE } from "../../node/runtime/process-ports.ts";
import { createSendQueue } from "../../node/runtime/send-queue.ts";
import { openUdpTransport, type UdpTransport } from "../../node/runtime/udp-transport.ts";
import { until } from "../support/eventually.ts";
import { findPorts } from "../support/node-process.ts";

interface Arrival {
  readonly text: string;
  readonly address: string;
  readonly via: string;
}

class Station implements AsyncDisposable {
  readonly arrivals: Arrival[] = [];
  readonly troubles: string[] = [];
  transport!: UdpTransport;

  static async open(network: NetworkConfig): Promise<Station> {
    const station = new Station();
    station.transport = await openUdpTransport(network, {
      onTrouble: (kind) => void station.troubles.push(kind),
      onNotice: () => {},
    });
    station.transport.listen(
      (datagram, address, via) => void station.arrivals.push({ text: Buffer.from(datagram).toString(), address, via }),
    );
    return station;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.transport.close();
  }
}

const network = (ports: { base: number; group: number }, id: number): NetworkConfig => ({
  group: "224.1.1.1",
  groupPort: ports.group,
  unicastPort: ports.base + id,
  host: "127.0.0.1",
  datagramBytesMax: 1200,
});

describe("the UDP transport on loopback", () => {
  test("must send multicast from the unicast port, so that its source is the peer's address", async () => {
    const ports = await findPorts(2);
    await using one = await Station.open(network(ports, 1));
    await using two = await Station.open(network(ports, 2));
    one.transport.sendGroup(Buffer.from("hello"));
    const arrival = await until("the multicast arrives", () => two.arrivals[0]);
    expect(arrival).toEqual({ text: "hello", address: `127.0.0.1:${ports.base + 1}`, via: "multicast" });
    await until("it loops back to its sender", () => one.arrivals[0]);
  });

  test("must tell on which way the same bytes came", async () => {
    const ports = await findPorts(2);
    await using one = await Station.open(network(ports, 1));
    await using two = await Station.open(network(ports, 2));
    one.transport.sendGroup(Buffer.from("both"));
    one.transport.sendTo(Buffer.from("both"), `127.0.0.1:${ports.base + 2}`);
    await until("both copies arrive", () => two.arrivals.length === 2);
    expect(two.arrivals.map((arrival) => arrival.via).sort()).toEqual(["multicast", "unicast"]);
    expect(new Set(two.arrivals.map((arrival) => arrival.text))).toEqual(new Set(["both"]));
  });

  test("must refuse a second node with the same number on this host, in words", async () => {
    const ports = await findPorts(1);
    await using one = await Station.open(network(ports, 1));
    const error = await openUdpTransport(network(ports, 1), one as never).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(OperatorError);
    expect((error as OperatorError).message).toContain("another node with this number already runs here");
  });

  test("must say so when the address isn't one of this machine", async () => {
    const ports = await findPorts(1);
    const events = { onTrouble: () => {}, onNotice: () => {} };
    const error = await openUdpTransport({ ...network(ports, 1), host: "203.0.113.7" }, events).catch(
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(OperatorError);
    expect((error as OperatorError).message).toContain("203.0.113.7 isn't an address of this machine");
  });

  test("must go on receiving after errors of single datagrams", async () => {
    const ports = await findPorts(2);
    await using one = await Station.open(network(ports, 1));
    // Nobody listens there: the kernel reports it on the sending socket.
    for (let i = 0; i < 5; i++) one.transport.sendTo(Buffer.from("x"), `127.0.0.1:${ports.base + 2}`);
    one.transport.sendTo(Buffer.from("x"), "255.255.255.255:9");
    one.transport.sendTo(Buffer.alloc(70_000), `127.0.0.1:${ports.base + 2}`);
    await until("the failures are told", () => one.troubles.length > 0);
    const client = createSocket("udp4");
    client.bind(0, "127.0.0.1");
    await once(client, "listening");
    client.send("still there?", ports.base + 1, "127.0.0.1");
    await until("the next datagram arrives", () => one.arrivals.find((arrival) => arrival.text === "still there?"));
    client.close();
  });

  test("must deliver a burst of 4,000 datagrams between two nodes of this machine nearly whole", async () => {
    const ports = await findPorts(2);
    await using one = await Station.open(network(ports, 1));
    await using two = await Station.open(network(ports, 2));
    const queue = createSendQueue({
      socket: one.transport,
      schedule: PROCESS_SCHEDULE,
      onFull: () => expect.fail("full"),
    });
    for (let i = 0; i < 4000; i++) queue.sendTo(Buffer.from(`${i}`), `127.0.0.1:${ports.base + 2}`);
    await until("the last one arrives", () => two.arrivals.some((arrival) => arrival.text === "3999"));
    expect(two.arrivals.length).toBeGreaterThan(3900);
    expect(two.arrivals.map((arrival) => Number(arrival.text))).toEqual(
      two.arrivals.map((arrival) => Number(arrival.text)).sort((a, b) => a - b),
    );
  });
});
