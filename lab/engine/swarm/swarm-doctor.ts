/** Whether this swarm can carry a lab: each host's version and clock, the way to its engine, and what that engine's own doctor finds. */
import { LabError } from "../../base/lab-error.ts";
import { NEXT } from "../../base/next.ts";
import { sentenceOf } from "../docker/docker-errors.ts";
import type { Finding } from "../engine.ts";
import { hostsWithoutIpsec, type OverlayReport, tryOverlay } from "./overlay-probe.ts";
import { hostsWithout } from "./spread-image.ts";
import { type HostPool, isPlainTcp, type Reached, type SwarmHost } from "./swarm-hosts.ts";

/** Journals of nodes are ordered by wall clocks where nothing else orders them. */
const SKEW_MS_MAX = 500;

const FINE = { level: "ok", consequence: "", cure: "" } as const;

/** @param image of the nodes; where it isn't there yet, less can be tried */
export async function examineSwarm(pool: HostPool, image: string): Promise<readonly Finding[]> {
  const [hosts, answers] = await Promise.all([
    pool.list(),
    pool.ask(async (reached, host) => [await examineHost(reached, host), ...(await reached.engine.doctor())]),
  ]);
  const between = await examineBetween(pool, image);
  const away = await Promise.all(
    hosts
      .filter((host) => ![...answers.keys()].some(({ id }) => id === host.id))
      .map(async (host) => ({
        ...{ check: host.name, level: "fail" as const, found: (await pool.awayness(host))?.message ?? "it went away" },
        consequence: "its nodes are unreachable, and no new ones are placed there",
        cure: ["start it, or name its engine in the label energy-lab.endpoint", NEXT.listHosts()],
      })),
  );
  const found = [...answers].flatMap(([host, findings]) =>
    findings.map((finding) => ({ ...finding, check: `${host.name}, ${finding.check}` })),
  );
  return [...away, ...found, ...between];
}

/** What the hosts are to each other: whether packets, groups and secrets get across. */
async function examineBetween(pool: HostPool, image: string): Promise<readonly Finding[]> {
  const all = await pool.ask((reached) => Promise.resolve(reached));
  const without = await hostsWithout(image, all);
  const hosts = new Map(
    [...all].filter(([host]) => host.isActive && host.state === "ready" && !without.includes(host)),
  );
  if (hosts.size < 2) {
    const found = "tried once the node image is on two hosts";
    return [{ check: "between hosts", level: "info", found, consequence: "", cure: NEXT.startLab() }];
  }
  const names = [...hosts.keys()].map(({ name }) => name).join(", ");
  try {
    const [report, plain] = await Promise.all([tryOverlay(pool, hosts, image), hostsWithoutIpsec(hosts, image)]);
    return [...judgeOverlay(report, names), judgeIpsec(plain, names)];
  } catch (error) {
    const why = error instanceof LabError ? error : new LabError("failed", sentenceOf(error), NEXT.listHosts());
    const consequence = "no lab can be started on the swarm";
    return [{ check: "overlay", level: "fail", found: why.message, consequence, cure: why.hints }];
  }
}

/** @param names of all hosts that were tried, for people */
export function judgeOverlay({ deaf, mtu, helperTrouble }: OverlayReport, names: string): readonly Finding[] {
  if (deaf.address.length > 0) {
    return [
      {
        ...{ check: "overlay", level: "fail", found: `nothing arrives: ${deaf.address.join(", ")}` },
        consequence: "nodes on these hosts don't hear each other",
        cure: "open 4789/udp, 7946/tcp and 7946/udp between the hosts, and 2377/tcp to the managers",
      },
    ];
  }
  const overlay = { ...FINE, check: "overlay", found: `each of ${names} hears all others, MTU ${mtu}` };
  // The largest datagram of a node, with the headers of UDP and IP.
  const least = 1_400 + 28;
  const size: readonly Finding[] =
    mtu >= least
      ? []
      : [
          {
            ...{ check: "MTU", level: "info", found: `${mtu} on the overlay` },
            consequence: `datagrams above ${mtu - 28} bytes are cut in pieces (DS_MAX_DATAGRAM; 1200 unless you set it)`,
            cure: "",
          },
        ];
  if (helperTrouble === null && deaf.group.length === 0)
    return [overlay, ...size, { ...FINE, check: "multicast across hosts", found: "each pair hears each other" }];
  return [
    overlay,
    ...size,
    {
      ...{ check: "multicast across hosts", level: "warn" },
      found: helperTrouble ?? `it doesn't arrive: ${deaf.group.join(", ")}`,
      consequence: "nodes on different hosts don't find each other by multicast",
      cure: "do without it: --multicast unicast",
    },
  ];
}

function judgeIpsec(without: readonly string[], names: string): Finding {
  if (without.length === 0) return { ...FINE, check: "encryption", found: `the kernels of ${names} have IPsec` };
  return {
    ...{ check: "encryption", level: "info", found: `the kernel of ${without.join(", ")} has no IPsec` },
    consequence: "--encrypted is refused; the nodes' datagrams are sealed with the lab's key either way",
    cure: "",
  };
}

async function examineHost({ docker }: Reached, host: SwarmHost): Promise<Finding> {
  const beganMs = Date.now();
  const { SystemTime: time } = (await docker.info()) as { SystemTime?: string };
  const midMs = (beganMs + Date.now()) / 2;
  const skewMs = Math.round(Date.parse(time ?? "") - midMs);
  const found = `${host.endpoint}, engine ${host.engineVersion}, clock ${skewMs} ms from here`;
  if (Math.abs(skewMs) > SKEW_MS_MAX) {
    return {
      ...{ check: "host", level: "warn", found },
      consequence: "events of its nodes stand at the wrong place in the journal",
      cure: "synchronise the clocks of the hosts (chrony, systemd-timesyncd)",
    };
  }
  if (!isPlainTcp(host)) return { ...FINE, check: "host", found };
  return {
    ...{ check: "host", level: "warn", found },
    consequence: "everybody who reaches this tcp:// address is root on that host",
    cure: "use ssh:// or TLS",
  };
}
