// What nft 1.0.6 and tc 6.1 printed on real kernels (6.18 without netem, 6.12 with it), compared with what was asked for.
import { describe, expect, test } from "vitest";
import { CLEAR_STATE, type KernelState } from "../../lab/faults/compile.ts";
import { NO_IMPAIRMENT } from "../../lab/faults/fault.ts";
import { findDifferences, parseReadBack } from "../../lab/faults/verify.ts";
import type { Impairment } from "../../node/wire/control.ts";

const kernel = { nft: true, netem: true, htb: true, ifb: true };
const noNetem = { ...kernel, netem: false };

const NFT = `@nft
{"nftables": [{"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}}, {"table": {"family": "inet", "name": "energy_lab_faults", "handle": 2}}, {"set": {"family": "inet", "name": "cut", "table": "energy_lab_faults", "type": "ipv4_addr", "handle": 2, "elem": ["172.17.0.11"]}}, {"chain": {"family": "inet", "table": "energy_lab_faults", "name": "input", "handle": 1, "type": "filter", "hook": "input", "prio": -300, "policy": "accept"}}, {"rule": {"family": "inet", "table": "energy_lab_faults", "chain": "input", "handle": 3, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "@cut"}}, {"counter": {"packets": 0, "bytes": 0}}, {"drop": null}]}}, {"rule": {"family": "inet", "table": "energy_lab_faults", "chain": "input", "handle": 4, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "172.17.0.12"}}, {"match": {"op": "<", "left": {"numgen": {"mode": "random", "mod": 1000000, "offset": 0}}, "right": 200000}}, {"counter": {"packets": 0, "bytes": 0}}, {"drop": null}]}}]}
`;
const TREE = (qdisc: string, classLine: string) => `@qdisc
[{"kind":"htb","handle":"e1ab:","root":true,"refcnt":2,"options":{"r2q":10,"default":"0","direct_packets_stat":1005,"direct_qlen":10000}},${qdisc}]

@class
${classLine}
@filter
filter protocol ip pref 1803 u32 chain 0 
filter protocol ip pref 1803 u32 chain 0 fh 800: ht divisor 1 
filter protocol ip pref 1803 u32 chain 0 fh 800::800 order 2048 key ht 800 bkt 0 *flowid e1ab:70b not_in_hw 
  match 0acb070b/ffffffff at 12
@redirect
filter protocol ip pref 60001 u32 chain 0 
filter protocol ip pref 60001 u32 chain 0 fh 800: ht divisor 1 
filter protocol ip pref 60001 u32 chain 0 fh 800::800 order 2048 key ht 800 bkt 0 terminal flowid not_in_hw 
  match 00000000/00000000 at 0
\taction order 1: mirred (Egress Redirect to device labifb) stolen
\tindex 1 ref 1 bind 1

`;
const NETEM = TREE(
  '{"kind":"netem","handle":"8001:","parent":"e1ab:70b","options":{"limit":20,"reorder":{"reorder":0.3,"correlation":0},"rate":{"rate":8000,"packetoverhead":0,"cellsize":0,"celloverhead":0},"ecn":false,"gap":0}}',
  "class htb e1ab:70b root leaf 8001: prio 0 rate 10Gbit ceil 10Gbit burst 0b cburst 0b ",
);
const DELAY = TREE(
  '{"kind":"netem","handle":"8001:","parent":"e1ab:70b","options":{"limit":10000,"delay":{"delay":0.1,"jitter":0,"correlation":0},"ecn":false,"gap":0}}',
  "class htb e1ab:70b root leaf 8001: prio 0 rate 10Gbit ceil 10Gbit burst 0b cburst 0b ",
);
const HTB = TREE(
  '{"kind":"bfifo","handle":"8003:","parent":"e1ab:70b","options":{"limit":4000}}',
  "class htb e1ab:70b root leaf 8003: prio 0 rate 64Kbit ceil 64Kbit burst 2000b cburst 2000b ",
);

function differences(state: KernelState, printed: string, has = kernel): readonly string[] {
  const readBack = parseReadBack(`@device eth0\n${printed}@draining 0\n@clock 1795415203857\n@end\n`);
  if (readBack === null) throw new Error("not a whole report");
  return findDifferences(state, readBack, has);
}

function leaf(impairment: Partial<Impairment>): KernelState {
  return { ...CLEAR_STATE, leaves: [{ ip: "10.203.7.11", impairment: { ...NO_IMPAIRMENT, ...impairment } }] };
}

describe("reading back", () => {
  test("a report that ended early must not count", () => {
    expect(parseReadBack("@device eth0\n@nft\n")).toBeNull();
    expect(parseReadBack("")).toBeNull();
    expect(parseReadBack("@device eth0\n@draining 1\n@clock 5\n@end\n")).toMatchObject({
      device: "eth0",
      draining: true,
      clockMs: 5,
    });
  });

  test("rules as asked for must verify; each missing or further one must be named", () => {
    const state = { ...CLEAR_STATE, cut: ["172.17.0.11"], loss: [{ ip: "172.17.0.12", chance: 0.2 }] };
    expect(differences(state, NFT)).toEqual([]);
    expect(differences({ ...state, cut: ["172.17.0.11", "172.17.0.19"] }, NFT)).toEqual([
      'nftables lacks "cut 172.17.0.19"',
    ]);
    expect(differences({ ...state, loss: [] }, NFT)).toEqual(['nftables has "loss 172.17.0.12 200000" too']);
    expect(differences(CLEAR_STATE, NFT)).toEqual(["nftables still has the table energy_lab_faults"]);
    expect(differences(state, "@nft\n")).toEqual(["nftables has no table energy_lab_faults"]);
    expect(differences(state, "@nft\ngarbage\n")).toEqual(["nft printed rules that can't be read"]);
    expect(differences(CLEAR_STATE, "@nft\n")).toEqual([]);
  });

  test("netem's parameters must be those asked for, all of them", () => {
    expect(differences(leaf({ delayMs: 100 }), DELAY)).toEqual([]);
    expect(differences(leaf({ delayMs: 120 }), DELAY)).toEqual([
      "netem has delayMs 100 instead of 120 for 10.203.7.11",
    ]);
    // tc keeps what a change doesn't name: this was seen.
    expect(differences(leaf({ rateBps: 64_000 }), NETEM)).toEqual([
      "netem has reorder 0.3 instead of 0 for 10.203.7.11",
    ]);
    expect(differences(leaf({ rateBps: 64_000, reorder: 0.3 }), NETEM)).toEqual([]);
  });

  test("the kernel's rounding must not count as a difference, and more than it must", () => {
    const delayed = (seconds: number): string => DELAY.replace('"delay":0.1,', `"delay":${seconds},`);
    // tc keeps ticks of 64 ns and prints floats.
    expect(differences(leaf({ delayMs: 100 }), delayed(0.099999952))).toEqual([]);
    expect(differences(leaf({ delayMs: 100 }), delayed(0.1009))).toEqual([]);
    expect(differences(leaf({ delayMs: 100 }), delayed(0.0991))).toEqual([]);
    expect(differences(leaf({ delayMs: 100 }), delayed(0.102))).toHaveLength(1);
    expect(differences(leaf({ delayMs: 100 }), delayed(0.098))).toHaveLength(1);
    expect(differences(leaf({ rateBps: 64_000, reorder: 0.3 }), NETEM.replace("0.3,", "0.29999998,"))).toEqual([]);
    expect(differences(leaf({ rateBps: 64_000 }), NETEM.replace('"reorder":0.3,', '"reorder":0.00005,'))).toEqual([]);
    expect(differences(leaf({ rateBps: 64_000 }), NETEM.replace('"reorder":0.3,', '"reorder":0.0003,'))).toHaveLength(
      1,
    );
  });

  test("a rate without netem must be the class's", () => {
    expect(differences(leaf({ rateBps: 64_000 }), HTB, noNetem)).toEqual([]);
    expect(differences(leaf({ rateBps: 128_000 }), HTB, noNetem)).toEqual(["tc has rate 64K for 10.203.7.11"]);
  });

  test("a missing filter, redirect, leaf or device must be named", () => {
    const state = leaf({ delayMs: 100 });
    expect(differences(state, DELAY.replace("0acb070b", "0acb070c"))).toEqual(["tc has no filter for 10.203.7.11"]);
    expect(differences(state, DELAY.replace("labifb)", "ifb0)"))).toEqual(["tc doesn't redirect arriving packets"]);
    expect(differences(state, DELAY.replace('"e1ab:70b"', '"e1ab:70c"'))).toEqual([
      "tc has no queue for 10.203.7.11",
      "tc still impairs class e1ab:70c",
    ]);
    expect(differences(state, "@nft\n")).toEqual(["there is no device labifb"]);
    expect(differences(CLEAR_STATE, DELAY)).toEqual(["tc still redirects arriving packets"]);
  });

  test("an unplugged node has no device to impair: only its rules are compared", () => {
    const readBack = parseReadBack("@device \n@nft\n@draining 0\n@clock 1\n@end\n");
    expect(readBack && findDifferences(leaf({ delayMs: 100 }), readBack, kernel)).toEqual([]);
  });
});
