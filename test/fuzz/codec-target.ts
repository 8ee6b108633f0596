/**
 * Everything that reads bytes of strangers: none of it may throw, and what is taken for a message means the same when it is written
 * and read again.
 */
import { deepStrictEqual } from "node:assert/strict";
import { checksum, SIM_KEYS } from "../../lab/sim/world/seal.ts";
import { decodeClock, encodeClock } from "../../node/wire/clock.ts";
import { decodeMessage, encodeMessage } from "../../node/wire/codec.ts";
import { joinPages, openControlReply, openControlRequest } from "../../node/wire/control-frame.ts";
import { type Header, isControlDatagram, openDatagram, peekHeader, sealDatagram } from "../../node/wire/envelope.ts";

const RECEIVER = { id: 1, bootId: "00000000000000aa" };

export function fuzzCodec(bytes: Uint8Array): void {
  fuzzBody(bytes);
  fuzzDatagram(bytes);
  // The same behind a right tag: beyond the authentication too.
  const header: Header = {
    control: false,
    keyId: 1,
    sender: 2,
    incarnation: 1,
    bootId: "00000000000000bb",
    packetSeq: 1,
  };
  for (const to of [null, RECEIVER, { ...RECEIVER, bootId: null }])
    fuzzDatagram(sealDatagram(header, bytes, SIM_KEYS, to));
  fuzzDatagram(sealDatagram({ ...header, control: true }, bytes, SIM_KEYS));
  const text = new TextDecoder().decode(bytes);
  joinPages([text]);
  const clock = decodeClock(text);
  if (clock !== null) deepStrictEqual(decodeClock(encodeClock(clock)), clock);
}

function fuzzBody(bytes: Uint8Array): void {
  const decoded = decodeMessage(bytes);
  if (!decoded.ok) return;
  const again = decodeMessage(encodeMessage(decoded.message));
  deepStrictEqual(again, decoded);
}

function fuzzDatagram(bytes: Uint8Array): void {
  peekHeader(bytes);
  isControlDatagram(bytes);
  openControlRequest(bytes, SIM_KEYS);
  openControlReply(bytes, SIM_KEYS);
  const opened = openDatagram(bytes, SIM_KEYS, RECEIVER);
  if (opened.ok && opened.audience === "group")
    deepStrictEqual(checksum(bytes.subarray(0, -16), new Uint8Array(10)), bytes.slice(-16));
}
