/**
 * Moves that take several steps to lead where single faults seldom lead: a debit that is given up and comes back, a queue that overflows, a
 * group without room. Each returns how often it was made.
 */
import { HELD_PER_ORIGIN_MAX } from "../../../node/core/causal/holdback.ts";
import type { Origin } from "../../../node/core/kernel/types.ts";
import { MEMBERS_MAX } from "../../../node/wire/ids.ts";
import type { Message, Payload } from "../../../node/wire/message.ts";
import type { SimCluster } from "../cluster/sim-cluster.ts";
import type { Premises } from "./premises.ts";

/** Slots of second processes, beyond all ids. */
const TWINS_FROM = 10_000;
const PATIENCE_MS = 3_000;
const TOLD_PER_CHUNK = 32;

/** A second process with that id. endFaults (play-schedule.ts) removes it. */
export function startTwin(sim: SimCluster, premises: Premises, id: number, isCopy: boolean): number {
  premises.onTwin(id);
  const twin = sim.add(id, TWINS_FROM + id, sim.node(id).config);
  if (isCopy) twin.store.restore(sim.saveDisk(id));
  sim.start(twin.slot);
  return 1;
}

/** The payer's disk and its payee, which alone knows of the last debit, are away at once; the loss is accepted, and the payee comes back. */
export function loseTail(sim: SimCluster, premises: Premises, payer: number, payee: number): number {
  sim.partition(
    [payer, payee],
    sim.ids.filter((id) => id !== payer && id !== payee),
  );
  const sale = sim.sell(payer, payee, 1);
  wait(sim, () => sale.final !== null);
  sim.kill(payee);
  premises.onDisksLost([payer]);
  sim.loseDisk(payer);
  sim.heal();
  sim.start(payer);
  const phase = () => sim.node(payer).state?.phase;
  wait(sim, () => phase() === "RECOVERING");
  premises.onLossAccepted([payer]);
  wait(sim, () => sim.command(payer, { op: "recover", acceptLoss: true }).final?.ok === true || phase() === "READY");
  sim.start(payee);
  return 1;
}

/** The witness alone knows of the payer's last payment and process when an older copy of the payer's disk is put back. */
export function spendTwice(
  sim: SimCluster,
  premises: Premises,
  { payer, witness, paysAgain }: { readonly payer: number; readonly witness: number; readonly paysAgain: boolean },
): number {
  const others = sim.ids.filter((id) => id !== payer && id !== witness);
  const [other] = others;
  if (other === undefined) return 0;
  const isReady = () => sim.node(payer).state?.phase === "READY";
  const pay = (to: number): void => {
    const sale = sim.sell(payer, to, 1);
    wait(sim, () => sale.final !== null);
  };
  const image = sim.saveDisk(payer);
  sim.partition([payer, witness], others);
  sim.restart(payer);
  wait(sim, isReady);
  pay(witness);
  sim.kill(witness);
  premises.onOldDisk(payer, image);
  sim.restoreDisk(payer, image);
  sim.heal();
  sim.start(payer);
  wait(sim, isReady);
  // The second debit is one that the witness can't put behind its own last one.
  for (let n = paysAgain ? 2 : 0; n > 0; n--) pay(other);
  sim.start(witness);
  wait(sim, () => sim.node(witness).state?.phase === "READY");
  if (paysAgain) sim.sell(other, payer, 1);
  return 1;
}

/** Promises about the log of a node that is READY, and of one that will be in a moment. */
export function askInName(sim: SimCluster, id: number): number {
  const ask = (): void => {
    const { state } = sim.node(id);
    if (state === null) return;
    const { bootId, incarnation, address } = state.self;
    const payload = { stage: "promise", at: state.ledger.clock.get(id) ?? 0, accept_loss: false } as const;
    const message: Message = { ...headOf(id), message_type: "FENCE_REQUEST", payload };
    for (const { slot } of sim.running())
      if (slot !== id) sim.inject(slot, message, { sender: id, incarnation, bootId, address: address ?? "" });
  };
  ask();
  sim.restart(id);
  const { incarnation } = sim.node(id);
  const knows = () => sim.running().some(({ state }) => state?.members.get(id)?.incarnation === incarnation);
  wait(sim, knows, 1);
  ask();
  return 1;
}

/** All but the first of many debits reach the victim, which asks for that one over a slow link. */
export function payEarly(sim: SimCluster, payer: number, payee: number, victim: number): number {
  const others = sim.ids.filter((id) => id !== victim);
  const before = sim.network.base;
  for (const other of others) sim.shapeLink(other, victim, { loss: 1 });
  const first = sim.sell(payer, payee, 1);
  wait(sim, () => first.final !== null);
  for (const other of others) sim.shapeLink(victim, other, { delayMs: PATIENCE_MS });
  sim.shapeLink(payer, victim, { ...before, loss: 0, rateKbps: 0 });
  const sales = Array.from({ length: HELD_PER_ORIGIN_MAX + 8 }, () => sim.sell(payer, payee, 1));
  wait(sim, () => sales.every(({ final }) => final !== null));
  for (const other of others) {
    sim.shapeLink(victim, other, before);
    sim.shapeLink(other, victim, before);
  }
  return 1;
}

/** A member tells all others of accounts until there is no room, and a newcomer is turned away. */
export function fillGroup(sim: SimCluster, premises: Premises): number {
  const tell = (ids: readonly number[], sender: number): Message =>
    chunkOf(sender, {
      accounts: ids.map((id) => {
        const nonce = id.toString(16).padStart(16, "0");
        return { id, epoch: 1, nonce, initial: sim.config.initialCredits };
      }),
    });
  if (!tellOfMany(sim, premises, tell)) return 0;
  // It would take the place of a node that isn't known yet.
  if (!sim.running().every(({ state }) => sim.ids.every((id) => state?.ledger.accounts.has(id) === true))) return 1;
  const newcomer = sim.add(Math.max(...sim.ids) + 20);
  sim.start(newcomer.slot);
  wait(sim, () => newcomer.exit !== null);
  sim.remove(newcomer.slot);
  return 1;
}

/** A member tells all others of members that it made up, until there is no room: a newcomer that speaks takes the place of one. */
export function fillTable(sim: SimCluster, premises: Premises): number {
  const tell = (ids: readonly number[], sender: number): Message =>
    chunkOf(sender, { members: ids.map((id) => ({ id, state: "LEFT", inc: 1, rinc: 0, addr: null })) });
  if (!tellOfMany(sim, premises, tell)) return 0;
  const newcomer = sim.add(Math.max(...sim.ids) + 20);
  sim.start(newcomer.slot);
  wait(sim, () => newcomer.state?.phase === "READY");
  return 1;
}

/** Tells all but the teller of so many ids that there is no room for another one. False: nobody is there to be told. */
function tellOfMany(
  sim: SimCluster,
  premises: Premises,
  tell: (ids: readonly number[], sender: number) => Message,
): boolean {
  const [teller, ...others] = sim.running().flatMap(({ state }) => state?.self ?? []);
  if (teller === undefined || others.length === 0) return false;
  premises.onFullGroup();
  const from: Origin = { ...teller, sender: teller.id, address: teller.address ?? "" };
  const ids = Array.from({ length: MEMBERS_MAX - sim.ids.length }, (_, index) => Math.max(...sim.ids) + 100 + index);
  for (let at = 0; at < ids.length; at += TOLD_PER_CHUNK) {
    for (const { id } of others) sim.inject(id, tell(ids.slice(at, at + TOLD_PER_CHUNK), teller.id), from);
    sim.runFor(5);
  }
  return true;
}

function chunkOf(sender: number, part: Partial<Payload<"STATE_CHUNK">>): Message {
  const payload = { index: 0, next: null, last: true, members: [], accounts: [], records: [], ...part };
  return { ...headOf(sender), message_type: "STATE_CHUNK", payload };
}

function headOf(sender: number) {
  return { sender_id: sender, sender_priority: sender, vector_clock: null, timestamp: 0 };
}

/** Goes on after a while without it, too. */
function wait(sim: SimCluster, condition: () => boolean, lookMs = 50): void {
  const endsAtMs = sim.nowMs + PATIENCE_MS;
  while (!condition() && sim.nowMs < endsAtMs) sim.runFor(lookMs);
}
