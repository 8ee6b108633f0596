/**
 * Reads UDP datagrams from what `tcpdump -w` wrote: of an interface (LINKTYPE_LINUX_SLL2) or of rules that log (LINKTYPE_NFLOG). IPv4. Pure.
 * The formats: draft-ietf-opsawg-pcap, and https://www.tcpdump.org/linktypes.html. By hand: the parts that are needed are sixty lines.
 */
export interface Datagram {
  /** Wall clock of the host, milliseconds with a fraction. */
  readonly atMs: number;
  readonly isOutgoing: boolean;
  readonly source: string;
  readonly sourcePort: number;
  readonly target: string;
  readonly targetPort: number;
  readonly ipId: number;
  /** As much as was captured. */
  readonly payload: Uint8Array;
  /** Of the payload as it was sent. */
  readonly bytes: number;
}

const SLL2 = 276;
const NFLOG = 239;
const MAGIC_US = 0xa1b2c3d4;
const MAGIC_NS = 0xa1b23c4d;
const OUTGOING = 4;
const NFULA_PAYLOAD = 9;
const NFULA_TIMESTAMP = 3;

interface PcapRecord {
  readonly atMs: number;
  readonly frame: Uint8Array;
}

/** A file that is cut off gives what is whole. */
export function readPcap(file: Uint8Array): readonly Datagram[] {
  const { link, records } = openPcap(file);
  const unwrap = link === SLL2 ? unwrapSll2 : link === NFLOG ? unwrapNflog : () => NOTHING;
  return [...records].flatMap(({ atMs, frame }) => {
    const { ip, isOutgoing, stampMs = atMs } = unwrap(frame);
    const datagram = ip === null ? null : readDatagram(ip, { atMs: stampMs, isOutgoing });
    return datagram === null ? [] : [datagram];
  });
}

/** How many packets of any kind the file has. */
export function countRecords(file: Uint8Array): number {
  let count = 0;
  for (const _ of openPcap(file).records) count++;
  return count;
}

function openPcap(file: Uint8Array): { readonly link: number; readonly records: Iterable<PcapRecord> } {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < 24) return { link: -1, records: [] };
  const isLittle = [MAGIC_US, MAGIC_NS].includes(view.getUint32(0, true));
  const magic = view.getUint32(0, isLittle);
  if (magic !== MAGIC_US && magic !== MAGIC_NS) return { link: -1, records: [] };
  const perMs = magic === MAGIC_NS ? 1e6 : 1e3;
  return { link: view.getUint32(20, isLittle) & 0xffff, records: recordsOf(file, isLittle, perMs) };
}

function* recordsOf(file: Uint8Array, isLittle: boolean, perMs: number): Generator<PcapRecord> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let at = 24; at + 16 <= file.length; ) {
    const atMs = view.getUint32(at, isLittle) * 1_000 + view.getUint32(at + 4, isLittle) / perMs;
    const length = view.getUint32(at + 8, isLittle);
    const frame = file.subarray(at + 16, at + 16 + length);
    if (frame.length < length) return;
    yield { atMs, frame };
    at += 16 + length;
  }
}

interface Unwrapped {
  readonly ip: Uint8Array | null;
  readonly isOutgoing: boolean;
  /** Absent: the file's own. */
  readonly stampMs?: number;
}

const NOTHING: Unwrapped = { ip: null, isOutgoing: false };

function unwrapSll2(frame: Uint8Array): Unwrapped {
  if (frame.length < 20 || frame[0] !== 0x08 || frame[1] !== 0x00) return NOTHING;
  return { ip: frame.subarray(20), isOutgoing: frame[10] === OUTGOING };
}

/**
 * A header of four bytes, then fields of length, type and value, in the byte order of the host that captured. The kernel hands them over
 * in batches, so the file's stamp is too late: the field has the instant of arrival.
 */
function unwrapNflog(frame: Uint8Array): Unwrapped {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  let found: Unwrapped = NOTHING;
  for (let at = 4; at + 4 <= frame.length; ) {
    const length = view.getUint16(at, true);
    const type = view.getUint16(at + 2, true) & 0x7fff;
    if (length < 4 || at + length > frame.length) break;
    if (type === NFULA_PAYLOAD) found = { ...found, ip: frame.subarray(at + 4, at + length) };
    if (type === NFULA_TIMESTAMP && length >= 20) {
      const [seconds, micros] = [view.getBigUint64(at + 4), view.getBigUint64(at + 12)];
      found = { ...found, stampMs: Number(seconds) * 1_000 + Number(micros) / 1_000 };
    }
    at += (length + 3) & ~3;
  }
  return found;
}

function readDatagram(ip: Uint8Array, how: Pick<Datagram, "atMs" | "isOutgoing">): Datagram | null {
  const view = new DataView(ip.buffer, ip.byteOffset, ip.byteLength);
  if (ip.length < 20 || (ip[0] ?? 0) >> 4 !== 4 || ip[9] !== 17) return null;
  // Later fragments have no ports.
  if ((view.getUint16(6) & 0x1fff) !== 0) return null;
  const header = ((ip[0] ?? 0) & 0xf) * 4;
  if (ip.length < header + 8) return null;
  const bytes = view.getUint16(header + 4) - 8;
  return {
    ...how,
    source: ip.subarray(12, 16).join("."),
    target: ip.subarray(16, 20).join("."),
    ipId: view.getUint16(4),
    sourcePort: view.getUint16(header),
    targetPort: view.getUint16(header + 2),
    payload: ip.subarray(header + 8, header + 8 + bytes),
    bytes,
  };
}
