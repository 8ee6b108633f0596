// The first byte of a datagram of memberlist, serf's library, is its type; a packet with a checksum has five bytes before it.
const TYPES =
  "ping indirectPing ack suspect alive dead pushPull compound user compress encrypt nack checksum error".split(" ");

// biome-ignore lint/style/noDefaultExport: the lab calls what a decoder exports so
export default (bytes) => {
  const type = TYPES[bytes[0]] === "checksum" ? TYPES[bytes[5]] : TYPES[bytes[0]];
  return { type: type ?? "datagram", summary: `${bytes.length} bytes` };
};
