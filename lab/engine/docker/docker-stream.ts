/**
 * The engine's multiplexed stream of logs and execs: frames of 8 bytes of head (kind, three zeros, length) and a payload.
 *
 * One frame is one message, which matters: the engine cuts log lines over 16 KiB into several messages and stamps each. A stream
 * that doesn't begin with such a head comes from a container with a terminal and is passed on as it is.
 */
export interface Frame {
  readonly stream: "stdout" | "stderr";
  readonly payload: Buffer;
}

const HEAD_BYTES = 8;

export async function* readFrames(source: AsyncIterable<Buffer | string>): AsyncGenerator<Frame> {
  let pending: Buffer = Buffer.alloc(0);
  let raw = false;
  for await (const chunk of source) {
    const data = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    pending = pending.length === 0 ? data : Buffer.concat([pending, data]);
    let offset = 0;
    while (!raw && pending.length - offset >= HEAD_BYTES) {
      const kind = pending.readUInt8(offset);
      if (kind > 2 || pending.readUIntBE(offset + 1, 3) !== 0) {
        raw = true;
        break;
      }
      const end = offset + HEAD_BYTES + pending.readUInt32BE(offset + 4);
      if (end > pending.length) break;
      yield { stream: kind === 2 ? "stderr" : "stdout", payload: pending.subarray(offset + HEAD_BYTES, end) };
      offset = end;
    }
    pending = pending.subarray(offset);
    if (raw && pending.length > 0) {
      yield { stream: "stdout", payload: pending };
      pending = Buffer.alloc(0);
    }
  }
}

/** Objects of a stream of JSON lines (events, build output). Lines that are not JSON are passed over. */
export async function* readJsonLines(source: AsyncIterable<Buffer | string>): AsyncGenerator<Record<string, unknown>> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of source) {
    rest += typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const value = parseObject(line);
      if (value !== null) yield value;
    }
  }
  const last = parseObject(rest);
  if (last !== null) yield last;
}

function parseObject(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
