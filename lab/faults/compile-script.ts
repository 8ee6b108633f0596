/**
 * From a compiled node to the shell script that its container keeps at /run/lab/faults/apply.
 *
 * Idea: the script is the whole of the node's kernel faults, now and later: one function per step, the instants at which steps
 * begin, and the code that brings one about. So it serves three callers alike: the lab, when the list changed (`now`); the
 * container's entrypoint, after a restart (no argument); and its own timer, which ends faults at their instants though the lab's
 * process may be long dead (`timer`). A stamp tells a timer that it has been replaced.
 *
 * The parts that don't depend on the list are in compile-library.ts.
 */
import type { Impairment } from "../../node/wire/control.ts";
import { FAULTS_DIR, FAULTS_VERSION, type KernelFaults, TAP_GROUP } from "../engine/engine.ts";
import { type CompiledNode, type KernelState, type Leaf, minorOf, perMillion } from "./compile.ts";
import { SCRIPT_EXIT, SCRIPT_LIBRARY, TABLE } from "./compile-library.ts";

/** The longest queue of a delayed source: packets when there is no rate, else about half a second of it. */
const QUEUE_PACKETS = 10_000;
const RATE_QUEUE_S = 0.5;
const PACKET_BYTES = 400;
/** A class that limits nothing: netem's leaf does the work. */
const OPEN_CLASS = "rate 10gbit ceil 10gbit quantum 60000";

export interface Application {
  readonly compiled: CompiledNode;
  readonly kernel: KernelFaults;
  /** Raised with every change of the list. */
  readonly generation: number;
  /** Generations that the container may have, beside none and this one; null: any. A container that has another one refuses. */
  readonly known: readonly number[] | null;
  /** The lab's clock when it sends this: a host whose clock differs shifts the instants by the difference. */
  readonly nowMs: number;
  /** The node's tap wants to see what rules drop. */
  readonly isTapped?: boolean;
}

/** Names one application; a timer that finds another one in the container ends itself. */
function stampOf(application: Application): string {
  return `${application.generation}-${application.nowMs}`;
}

/** Does something have to happen in the container later on? */
export function needsTimer(compiled: CompiledNode): boolean {
  return compiled.steps.length > 1;
}

/** The script that stays in the container. */
export function compileApplyScript(application: Application): string {
  const { compiled, kernel } = application;
  const ends = compiled.steps.slice(1).flatMap((step) => step.fromMs ?? []);
  const lastMs = ends.at(-1) ?? 0;
  const isOverAtLast = compiled.faults.every((fault) => fault.untilMs !== null && fault.untilMs <= lastMs);
  return `#!/bin/sh
# The network faults of node ${compiled.node}, as energy-lab compiled them; see its lab/faults/compile-script.ts.
set -u
dir=${FAULTS_DIR} stamp=${stampOf(application)} sent=${application.nowMs} ip=${compiled.ip ?? "none"}
ends="${ends.join(" ")}" over=${flag(isOverAtLast)} keep=${flag(compiled.faults.length > 0)}
has_nft=${flag(kernel.nft)} has_netem=${flag(kernel.netem)}
${compiled.steps.map(({ state }, index) => compileStep(state, index, application)).join("\n")}
${SCRIPT_LIBRARY}`;
}

/**
 * What the lab runs: puts the script and the list's copy in place, applies, and prints what is there then. When no fault is left it
 * runs the same script without keeping it, which clears everything.
 */
export function compileInstallScript(application: Application, stateJson: string): string {
  const keeps = application.compiled.faults.length > 0;
  // Builtins of the shell where they will do: fifty containers run this at once on two cores.
  return `set -u
umask 022
[ -d ${FAULTS_DIR} ] || mkdir -p ${FAULTS_DIR}
# The former holder of the lock may have removed the file with the rest: then it is no lock any more.
until
  exec 9>${FAULTS_DIR}/lock
  flock -w 10 9 || { echo "another change of this node's faults doesn't end" >&2; exit ${SCRIPT_EXIT.busy}; }
  [ ${FAULTS_DIR}/lock -ef /proc/self/fd/9 ]
do :; done
${compileVersionCheck(application)}: >${FAULTS_DIR}/stamp
${keeps ? `printf '%s\\n' ${quote(stateJson)} >${FAULTS_DIR}/state.json` : ""}
printf %s ${quote(compileApplyScript(application))} >${FAULTS_DIR}/apply.new
chmod 755 ${FAULTS_DIR}/apply.new
mv ${FAULTS_DIR}/apply.new ${FAULTS_DIR}/apply
set -- ${keeps ? "now" : "clear"}
. ${FAULTS_DIR}/apply
`;
}

/** In the exec that applies, under its lock: of two people who change the faults at one time, the second is told. */
function compileVersionCheck({ generation, known }: Application): string {
  const check =
    known === null
      ? ""
      : `has=none
[ ! -e ${FAULTS_VERSION} ] || read -r has <${FAULTS_VERSION}
case " none ${[generation, ...known].join(" ")} " in *" $has "*) ;; *) echo "$has" >&2; exit ${SCRIPT_EXIT.foreignList} ;; esac
`;
  return `${check}echo ${generation} >${FAULTS_VERSION}\n`;
}

/**
 * What waits in the container for the script and becomes its timer. Started before the script is there: a lab that is killed
 * between the two leaves a timer without a fault, which gives up, and never a fault without a timer.
 */
export function compileTimerScript(application: Application): string {
  const waiting = `${FAULTS_DIR}/waiting.${stampOf(application)}`;
  return `[ -d ${FAULTS_DIR} ] || mkdir -p ${FAULTS_DIR}
echo $$ >${waiting}
tries=0
until read -r found 2>/dev/null <${FAULTS_DIR}/stamp && [ "$found" = ${stampOf(application)} ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 600 ] || { rm -f ${waiting}; exit 0; }
  sleep 0.05
done 2>/dev/null
echo $$ >${FAULTS_DIR}/timer.pid
rm -f ${waiting}
exec sh ${FAULTS_DIR}/apply timer
`;
}

/** The table's whole content in one transaction: it is never half there. */
export function compileRuleset(state: KernelState, isTapped = false): string {
  const clear = `table inet ${TABLE} {}\ndelete table inet ${TABLE}\n`;
  if (state.cut.length + state.loss.length === 0) return clear;
  // What is dropped goes to the tap first.
  const drop = isTapped ? `log group ${TAP_GROUP} drop` : "drop";
  const set = state.cut.length === 0 ? "" : `  set cut { type ipv4_addr; elements = { ${state.cut.join(", ")} }; }\n`;
  const rules = [
    ...(state.cut.length === 0 ? [] : [`    ip saddr @cut counter ${drop}`]),
    ...state.loss.map(
      ({ ip, chance }) => `    ip saddr ${ip} numgen random mod 1000000 < ${perMillion(chance)} counter ${drop}`,
    ),
  ];
  return `${clear}table inet ${TABLE} {
${set}  chain input {
    type filter hook input priority -300; policy accept;
${rules.join("\n")}
  }
}
`;
}

/** Every parameter is named, also those that are zero: tc leaves what isn't named as it was. */
export function describeNetem(impairment: Impairment): string {
  const { delayMs, jitterMs, loss, duplicate, reorder, rateBps } = impairment;
  const queue =
    rateBps === 0
      ? QUEUE_PACKETS
      : Math.max(20, Math.ceil(((rateBps / 8) * (RATE_QUEUE_S + (delayMs + jitterMs) / 1_000)) / PACKET_BYTES));
  return [
    `netem limit ${Math.min(queue, QUEUE_PACKETS)}`,
    `delay ${Math.round(delayMs * 1_000)}us ${Math.round(jitterMs * 1_000)}us`,
    `loss ${percent(loss)}`,
    `duplicate ${percent(duplicate)}`,
    `reorder ${percent(reorder)}`,
    `rate ${rateBps}bit`,
  ].join(" ");
}

function compileStep(
  state: KernelState,
  index: number,
  { compiled: { peers }, kernel, isTapped }: Application,
): string {
  const leaves = state.leaves.map((leaf) => describeLeaf(leaf, kernel));
  const egress = state.egress === null ? [] : [describeEgress(state.egress, peers, kernel)];
  return `rules_${index}() { nft -f - <<'END-OF-RULES'
${compileRuleset(state, isTapped)}END-OF-RULES
}
leaves_${index}() { :
${leaves.join("\n")}
}
egress_${index}() { :
${egress.join("\n")}
}
leaves_${index}_count=${leaves.length} egress_${index}_count=${egress.length}`;
}

/** `leaf MINOR PREFERENCE ADDRESS CLASS QDISC…`: see compile-library.ts. */
function describeLeaf({ ip, impairment }: Leaf, kernel: KernelFaults): string {
  const minor = minorOf(ip);
  return `leaf ${minor.toString(16)} ${minor} ${ip} ${describeClass(impairment, kernel)}`;
}

function describeEgress(impairment: Impairment, peers: readonly string[], kernel: KernelFaults): string {
  // Peers and their multicast group only: what the node answers to the lab goes elsewhere.
  const destinations = ["224.0.0.0/4", ...peers.map((ip) => `${ip}/32`)];
  return `egress "${destinations.join(" ")}" ${describeClass(impairment, kernel)}`;
}

/** On a kernel without netem nothing but a rate comes here, which the class itself can limit. */
function describeClass(impairment: Impairment, kernel: KernelFaults): string {
  const { rateBps } = impairment;
  if (kernel.netem) return `"${OPEN_CLASS}" ${describeNetem(impairment)}`;
  const burst = Math.max(2_000, Math.ceil(rateBps / 8 / 100));
  const queue = Math.max(3_000, Math.ceil((rateBps / 8) * RATE_QUEUE_S));
  return `"rate ${rateBps}bit ceil ${rateBps}bit burst ${burst} cburst ${burst} quantum 1514" bfifo limit ${queue}`;
}

/** One word for the shell, whatever is in it. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function percent(chance: number): string {
  return `${Number((chance * 100).toFixed(4))}%`;
}

function flag(value: boolean): 0 | 1 {
  return value ? 1 : 0;
}
