/** The incarnation of a process without a disk, which can't count its boots. */
import { INCARNATION_CLOCK_MAX } from "../wire/ids.ts";

/** 2020-01-01, UTC. */
const EPOCH_MS = 1_577_836_800_000;

/** Boots that must fit between the highest incarnation that a clock gives and the highest that is believed of a stranger. */
const BOOTS_AFTER_CLOCK = 2 ** 20;

/**
 * Without a disk the wall clock is what makes the next incarnation greater, in seconds since 2020. A clock that is decades ahead gives no
 * more than others believe; a clock that went back gives too little, and those who know better say so (STALE_INC).
 */
export function clockIncarnation(wallNowMs: number): number {
  const seconds = Math.floor((wallNowMs - EPOCH_MS) / 1000);
  return Math.min(Math.max(1, seconds), INCARNATION_CLOCK_MAX - BOOTS_AFTER_CLOCK);
}
