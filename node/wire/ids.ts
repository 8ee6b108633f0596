/**
 * The primitive values that every datagram, journal line and control request is built from, with their bounds.
 *
 * Idea: a limit on everything. A value that passes one of these schemas can be stored, added and compared without further checks.
 */
import * as z from "zod";

/** A node's number, which is also its Bully priority: 1 to 65535 (the envelope has 16 bits for it). */
export const NodeId = z.int().min(1).max(65_535);
export type NodeId = number;

/** Boot counter of a node, raised and made durable before its first datagram. 32 bits in the envelope. */
export const INCARNATION_MAX = 0xffff_ffff;
/** Up to here incarnations may jump: a node without a disk takes its from the clock (seconds since 2020, so until 2054). */
export const INCARNATION_CLOCK_MAX = 2 ** 30;
export const Incarnation = z.int().min(0).max(INCARNATION_MAX);

/** Election term. Bounded far below 2^53 so that `term + 1` is always exact. */
export const TERM_MAX = 2 ** 48;
export const Term = z.int().min(0).max(TERM_MAX);

/** Position of a record in its owner's log: 0 is the genesis, debits start at 1. */
export const Seq = z
  .int()
  .min(0)
  .max(2 ** 48);

/** The largest amount of one trade and the largest initial balance, in credits: sums of 1,000 accounts stay exact. */
export const AMOUNT_MAX = 2 ** 40;
export const Amount = z.int().min(1).max(AMOUNT_MAX);
/** The initial credits of an account. Balances and their sums may be larger. */
export const InitialCredits = z.int().min(0).max(AMOUNT_MAX);
export const Credits = z
  .int()
  .min(0)
  .max(2 ** 52);

/** A random 64-bit number as 16 hex digits: boot ids, nonces, hashes. */
export const Hex64 = z.string().regex(/^[0-9a-f]{16}$/);

/** Names of trades (`<from>-<to>-<incarnation>.<seq>`) and of control requests. */
export const TradeId = z.string().min(1).max(64);
export const RequestId = z.string().min(1).max(48);

/** How often a node has refuted its death within one incarnation. */
export const RINC_MAX = 2 ** 31;
export const Rinc = z.int().min(0).max(RINC_MAX);

/** `host:port` of a peer's unicast socket (IPv4). */
export const Address = z.string().regex(/^\d{1,3}(\.\d{1,3}){3}:\d{1,5}$/);

/** Most accounts (and so clock entries) of one cluster (node/protocol/limits.md). */
export const MEMBERS_MAX = 1_000;
