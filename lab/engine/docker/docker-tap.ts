/**
 * The tap of a node: tcpdump in its helper, one on the interfaces and one on what rules drop. The files lie in a volume of the lab, so they
 * outlive the helper, and go with the lab.
 */
import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import type Docker from "dockerode";
import type { NodeId } from "../../../node/wire/ids.ts";
import { LabError } from "../../base/lab-error.ts";
import { countRecords } from "../../kind/pcap.ts";
import { PROGRAM_REPOSITORY } from "../../kind/read-program.ts";
import { type Captures, type Progress, TAP_GROUP } from "../engine.ts";
import { unpackTar } from "../tar.ts";
import { LOCAL_INSTEAD } from "./docker-errors.ts";
import { execInHelper } from "./docker-exec.ts";
import { hasImage, runBuild } from "./docker-image.ts";
import { DOCKER_LABELS, labelled } from "./docker-labels.ts";

const FOLDER = "/tap";
/** A node's last four files of 8 MB are kept. */
const FILES = "-C 8 -W 4";
const BYTES_OF_DATAGRAM = 2_048;

/** The node image with tcpdump, built when a lab wants its messages. @throws LabError("failed") with the builder's own words */
export async function ensureTapImage(docker: Docker, tools: string, progress: Progress): Promise<string> {
  const dockerfile = `FROM ${tools}\nRUN command -v tcpdump || { apt-get update -qq && apt-get install -y -qq --no-install-recommends tcpdump && rm -rf /var/lib/apt/lists/*; }\n`;
  const tag = `${PROGRAM_REPOSITORY}:tap-${createHash("sha256").update(dockerfile).digest("hex").slice(0, 12)}`;
  if (await hasImage(docker, tag)) return tag;
  progress({ step: "tap", state: "start", detail: `build ${tag}, once` });
  const files = [{ path: "Dockerfile", content: Buffer.from(dockerfile), mode: 0o644 }];
  const labels = { [DOCKER_LABELS.image]: "program" };
  const failure = await runBuild(
    docker,
    { tag, base: null, files, labels },
    "1",
    [],
    () => {},
    new AbortController().signal,
  );
  if (failure !== null)
    throw new LabError("failed", `the image with tcpdump can't be built: ${failure}`, [
      "leave --messages out",
      LOCAL_INSTEAD,
    ]);
  progress({ step: "tap", state: "done" });
  return tag;
}

/** How tcpdump says what it has seen and missed: on one line when it is asked, on two at its end. The last word counts. */
const CAPTURED = /(\d+) packets? captured/g;
const DROPPED = /(\d+) packets? dropped by kernel/g;
/** What earlier lives of the node said, a part each. */
const EARLIER = "lost";
const LIFE = "life\n";

/**
 * The helper's main process with a tap: it says when both listen. Names have the instant, so that no life overwrites another's. SIGUSR1 makes
 * both say what they missed. (In a trap, dash's `jobs -p` names none of them.)
 */
export function tapScript(id: NodeId): string {
  const start = (what: string, source: string, filter = "") =>
    `tcpdump -Z root -n -U --immediate-mode -s ${BYTES_OF_DATAGRAM} ${source} ${FILES} -w ${FOLDER}/${id}.${what}.$at ${filter} 2>${FOLDER}/${id}.${what}.err & all="$all $!"; `;
  return (
    `at=$(date +%s%3N); all=; for file in ${FOLDER}/${id}.*.err; do { echo life; grep -E 'captured|dropped by kernel' $file | tail -n 2; } >>${FOLDER}/${id}.${EARLIER}; rm -f $file; done 2>/dev/null; ` +
    start("seen", "-i any -y LINUX_SLL2", "'udp and not net 127.0.0.0/8'") +
    start("drop", `-i nflog:${TAP_GROUP}`) +
    "trap 'kill $all; wait; exit 0' TERM; trap 'kill -USR1 $all' USR1; while ! wait; do :; done"
  );
}

/** Waits in the helper until both listen; fails after five seconds. */
export function listeningScript(id: NodeId): string {
  return `n=0; until grep -q listening ${FOLDER}/${id}.seen.err && grep -q listening ${FOLDER}/${id}.drop.err; do n=$((n+1)); [ $n -lt 100 ] || { cat ${FOLDER}/${id}.*.err >&2; exit 1; }; sleep 0.05; done 2>/dev/null`;
}

export function tapMount(lab: string): Docker.MountSettings {
  const labels: Record<string, string> = { [DOCKER_LABELS.lab]: lab };
  const options = { NoCopy: true, Labels: labels } as NonNullable<Docker.MountSettings["VolumeOptions"]>;
  return { Type: "volume", Source: `energy-lab-${lab}-tap`, Target: FOLDER, VolumeOptions: options };
}

/** By any helper of the lab. Empty: there is none. */
export async function readCaptures(docker: Docker, lab: string): Promise<Captures> {
  const helpers = await docker.listContainers({ filters: labelled([DOCKER_LABELS.lab, lab], DOCKER_LABELS.helper) });
  const [helper] = helpers;
  if (helper === undefined) return { files: [], lost: 0, overwritten: 0 };
  const script = "kill -USR1 1; sleep 0.1";
  await Promise.all(helpers.map(({ Id }) => execInHelper(docker, Id, script, {}).catch(() => null)));
  const archive = await docker.getContainer(helper.Id).getArchive({ path: FOLDER });
  const files = await unpackTar(archive as Readable);
  const captures = files.flatMap(({ path, content }) => {
    const [, id, what] = /(?:^|\/)(\d+)\.(seen|drop)\.\d{13}\d+$/.exec(path) ?? [];
    return id === undefined ? [] : [{ node: Number(id), isDrop: what === "drop", file: content }];
  });
  const words = files
    .filter(({ path }) => path.endsWith(".err") || path.endsWith(`.${EARLIER}`))
    .flatMap(({ content }) => Buffer.from(content).toString().split(LIFE));
  const captured = sum(words.map((said) => lastCount(said, CAPTURED)));
  // Each life has a ring of files, and writes the first again when the last is full.
  const kept = sum(captures.map(({ file }) => countRecords(file)));
  return {
    files: captures,
    lost: sum(words.map((said) => lastCount(said, DROPPED))),
    overwritten: Math.max(0, captured - kept),
  };
}

function lastCount(said: string, counts: RegExp): number {
  return Number([...said.matchAll(counts)].at(-1)?.[1] ?? 0);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
