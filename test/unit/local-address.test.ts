import { describe, expect, test } from "vitest";
import {
  addressOfInterface,
  chooseAddress,
  describeChoice,
  type Interfaces,
  type Routes,
  readGateways,
} from "../../node/runtime/local-address.ts";
import { createMulticastWatch } from "../../node/runtime/multicast-watch.ts";

const LAN = "255.255.255.0";

function interfaces(...rows: readonly (readonly [name: string, address: string, netmask?: string, mac?: string])[]) {
  const lo = { address: "127.0.0.1", family: "IPv4" as const, internal: true, netmask: "255.0.0.0" };
  const made: Interfaces = { lo: [{ ...lo, mac: "00:00:00:00:00:00", cidr: null }] };
  for (const [name, address, netmask = LAN, mac = "3c:22:fb:01:02:03"] of rows)
    made[name] = [{ address, family: "IPv4", internal: false, netmask, mac, cidr: null }];
  return made;
}

const NO_ROUTE: Routes = { toGroup: null, toOutside: null, gateways: [] };
const via = (address: string): Routes => ({ toGroup: address, toOutside: address, gateways: [] });

describe("the local address", () => {
  test.each<[what: string, Interfaces, Routes, address: string]>([
    [
      "the routed one, whatever the system lists first",
      interfaces(["enx0", "10.42.0.5"], ["wlan0", "192.168.1.10"]),
      via("192.168.1.10"),
      "192.168.1.10",
    ],
    [
      "the local network, where a VPN owns the default route",
      interfaces(["nordlynx", "10.5.0.2", "255.255.255.255"], ["wlan0", "192.168.1.10"]),
      via("10.5.0.2"),
      "192.168.1.10",
    ],
    [
      "the local network, where a tunnel with a mask owns the default route",
      interfaces(["tun0", "10.8.0.2", "255.255.255.0"], ["eth0", "192.168.1.10"]),
      via("10.8.0.2"),
      "192.168.1.10",
    ],
    [
      "of two networks beside a VPN the one that has a default route too",
      interfaces(["enx0", "10.42.0.5"], ["wlan0", "192.168.1.10"], ["tun0", "10.8.0.2"]),
      { ...via("10.8.0.2"), gateways: ["tun0", "wlan0"] },
      "192.168.1.10",
    ],
    [
      "the way to the outside, where the group's route leads into a virtual switch (Windows)",
      interfaces(["VirtualBox Host-Only Network", "192.168.56.1"], ["Wi-Fi", "192.168.1.10"]),
      { toGroup: "192.168.56.1", toOutside: "192.168.1.10", gateways: [] },
      "192.168.1.10",
    ],
    [
      "the way to the outside, where VirtualBox's adapter is known by its hardware address alone",
      interfaces(["Ethernet 3", "192.168.56.1", LAN, "0a:00:27:00:00:0b"], ["Ethernet", "192.168.1.10"]),
      { toGroup: "192.168.56.1", toOutside: "192.168.1.10", gateways: [] },
      "192.168.1.10",
    ],
    [
      "a bridge that owns the way to the outside",
      interfaces(["br-lan", "192.168.1.1"], ["docker0", "172.17.0.1"]),
      via("192.168.1.1"),
      "192.168.1.1",
    ],
    [
      "the external switch of Hyper-V",
      interfaces(["vEthernet (External)", "192.168.1.10"], ["vEthernet (WSL)", "172.20.0.1"]),
      via("192.168.1.10"),
      "192.168.1.10",
    ],
    [
      "a network without a way to the outside, before interfaces to guests and phones",
      interfaces(
        ["docker0", "172.17.0.1"],
        ["podman0", "10.88.0.1"],
        ["lxcbr0", "10.0.3.1"],
        ["bridge100", "192.168.64.1"],
        ["awdl0", "169.254.7.7"],
        ["vmnet8", "172.16.2.1"],
        ["ppp0", "10.64.64.64", "255.255.255.255"],
        ["en0", "192.168.1.10"],
      ),
      NO_ROUTE,
      "192.168.1.10",
    ],
    [
      "a guest network before none",
      interfaces(["eth1", "169.254.1.1"], ["docker0", "172.17.0.1"]),
      NO_ROUTE,
      "172.17.0.1",
    ],
    ["a tunnel before none", interfaces(["wg0", "10.5.0.2", "255.255.255.255"]), via("10.5.0.2"), "10.5.0.2"],
    ["a self-given address before none", interfaces(["eth1", "169.254.1.1"]), NO_ROUTE, "169.254.1.1"],
    ["loopback when nothing is up", interfaces(), NO_ROUTE, "127.0.0.1"],
    [
      "not what the routing table names and no interface has",
      interfaces(["eth0", "10.0.0.1"]),
      via("10.9.9.9"),
      "10.0.0.1",
    ],
  ])("must be %s", (_what, rows, routes, address) => {
    expect(chooseAddress(rows, routes).address).toBe(address);
  });

  test("must be said with its reason, and with the others that could be meant", () => {
    const rows = interfaces(["enx0", "10.42.0.5"], ["wlan0", "192.168.1.10"], ["docker0", "172.17.0.1"]);
    expect(describeChoice(chooseAddress(rows, via("192.168.1.10")))).toBe(
      "Auto-detected local IP: 192.168.1.10 (wlan0: the routing table's way to the group); if the group is elsewhere, choose with --host: 10.42.0.5 (enx0)",
    );
    expect(describeChoice(chooseAddress(interfaces(["eth0", "10.0.0.1"]), NO_ROUTE))).toBe(
      "Auto-detected local IP: 10.0.0.1 (eth0: no route leads to the group)",
    );
  });

  test("must know default routes by their metrics", () => {
    const table = `Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
enx0\t00000000\t0100A8C0\t0003\t0\t0\t700\t00000000\t0\t0\t0
enx0\t0000A8C0\t00000000\t0001\t0\t0\t700\t00FFFFFF\t0\t0\t0
wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0
`;
    expect(readGateways(table)).toEqual(["wlan0", "enx0"]);
    expect(readGateways("")).toEqual([]);
  });

  test("must be found by the name of an interface", () => {
    const rows = interfaces(["wlan0", "192.168.1.10"]);
    expect(addressOfInterface("wlan0", rows)).toBe("192.168.1.10");
    expect(addressOfInterface("wlan1", rows)).toBeNull();
  });
});

describe("multicast that doesn't work", () => {
  function watch(sent: number) {
    const made = createMulticastWatch(0, () => "224.1.1.1:5007 from 10.0.0.1");
    for (let i = 0; i < sent; i++) made.onSent();
    return made;
  }

  test("must be said once, with --peers as the cure, when nothing of the own comes back", () => {
    const blocked = watch(4);
    expect(blocked.report(3_000)).toBeNull();
    expect(blocked.report(6_000)).toMatchObject({
      kind: "blocked",
      text: expect.stringContaining("--peers 2:ADDRESS"),
    });
    expect(blocked.report(20_000)).toBeNull();
  });

  test("must be mentioned when the own comes back and nobody else is heard for long", () => {
    const alone = watch(8);
    alone.onHeard("self");
    expect(alone.report(10_000)).toBeNull();
    expect(alone.report(16_000)).toMatchObject({ kind: "alone", text: expect.stringContaining("--peers") });
    expect(alone.report(30_000)).toBeNull();
  });

  test("must not be claimed before anything was sent, nor after anybody was heard", () => {
    expect(watch(0).report(60_000)).toBeNull();
    const heard = watch(8);
    heard.onHeard("other");
    expect(heard.report(60_000)).toBeNull();
  });
});
