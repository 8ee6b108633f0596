// The pure parts of the docker engine: ranges and addresses, the multiplexed stream, the build context.
import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Frame, readFrames, readJsonLines } from "../../lab/engine/docker/docker-stream.ts";
import {
  addressOf,
  freeSubnets,
  overlaps,
  parseRange,
  type Range,
  splitSubnet,
} from "../../lab/engine/docker/docker-subnet.ts";
import { packTar } from "../../lab/engine/tar.ts";

function range(cidr: string): Range {
  const parsed = parseRange(cidr);
  if (parsed === null) throw new Error(cidr);
  return parsed;
}

describe("the subnet of a lab", () => {
  it("must be private, free, and not what docker-compose.yml uses", () => {
    const taken = ["10.213.0.0/17", "172.16.0.0/12", "10.214.3.0/24"].map(range);
    const all = [...freeSubnets(taken, "seed")];
    expect(all.length).toBeGreaterThan(2_000);
    expect(new Set(all).size).toBe(all.length);
    for (const subnet of all) {
      expect(subnet).toMatch(/^(10\.2(1[3-9]|2[0-3])|192\.168)\.\d+\.0\/24$/);
      expect([...taken, range("10.213.77.0/24")].some((other) => overlaps(other, range(subnet)))).toBe(false);
    }
  });

  it("must be none when all is taken, and begin elsewhere for another name", () => {
    expect([...freeSubnets([range("0.0.0.0/1"), range("128.0.0.0/1")], "x")]).toEqual([]);
    const firsts = Array.from({ length: 20 }, (_, i) => freeSubnets([], `lab-${i}`).next().value);
    expect(new Set(firsts).size).toBeGreaterThan(15);
  });

  it("must keep what the engine gives away by itself apart from gateway and nodes", () => {
    expect(splitSubnet("10.213.4.0/24")).toEqual({ Gateway: "10.213.4.1", IPRange: "10.213.4.252/30" });
  });

  it("must have room for nodes 1 to 250", () => {
    expect([1, 250].map((id) => addressOf("10.213.4.0/24", id))).toEqual(["10.213.4.2", "10.213.4.251"]);
    expect(() => addressOf("10.213.4.0/24", 251)).toThrow("1 to 250");
  });

  it.each(["10.0.0.0/33", "10.0.0.256/8", "fe80::1/64", "", "10.0.0/8"])("must not be read from %j", (text) => {
    expect(parseRange(text)).toBeNull();
  });
});

function* chop(data: Buffer, sizes: readonly number[]): Generator<Buffer> {
  let at = 0;
  for (let i = 0; at < data.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    yield data.subarray(at, at + size);
    at += size;
  }
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

async function* later<T>(items: Iterable<T>): AsyncGenerator<T> {
  for (const item of items) yield await Promise.resolve(item);
}

describe("the engine's multiplexed stream", () => {
  const frame = fc.record({ stream: fc.constantFrom("stdout" as const, "stderr" as const), text: fc.string() });

  it("must give the same frames however it is cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(frame),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        async (frames, sizes) => {
          const data = Buffer.concat(
            frames.map(({ stream, text }) => {
              const payload = Buffer.from(text);
              const head = Buffer.alloc(8);
              head.writeUInt8(stream === "stdout" ? 1 : 2);
              head.writeUInt32BE(payload.length, 4);
              return Buffer.concat([head, payload]);
            }),
          );
          const read: Frame[] = await collect(readFrames(later(chop(data, sizes))));
          expect(read.map(({ stream, payload }) => ({ stream, text: payload.toString() }))).toEqual(
            frames.map(({ stream, text }) => ({ stream, text: Buffer.from(text).toString() })),
          );
        },
      ),
    );
  });

  it("must pass on what a terminal wrote as it is", async () => {
    const read = await collect(readFrames(later([Buffer.from("plain tex"), Buffer.from("t\n")])));
    expect(read.map((each) => each.payload.toString()).join("")).toBe("plain text\n");
  });

  it("must give JSON objects line by line and pass over the rest", async () => {
    const text = '{"a":1}\nnonsense\n\n[1]\n{"b":"ä"}';
    const read = await collect(readJsonLines(later(chop(Buffer.from(text), [3, 1, 2]))));
    expect(read).toEqual([{ a: 1 }, [1], { b: "ä" }]);
  });
});

describe("the build context", () => {
  it("must be an archive that tar reads, the same bytes each time", async () => {
    const files = [
      { path: "Dockerfile", content: Buffer.from("FROM x\n"), mode: 0o644 },
      { path: "compose/entrypoint.sh", content: Buffer.alloc(1025, "x"), mode: 0o755 },
      { path: "empty", content: Buffer.alloc(0), mode: 0o600 },
    ];
    const packed = await packTar(files);
    expect((await packTar(files)).equals(packed)).toBe(true);
    const listing = execFileSync("tar", ["-tvf", "-"], { input: packed, encoding: "utf8" }).trim().split("\n");
    expect(listing.map((line) => line.split(/\s+/)).map((words) => [words[0], words[2], words.at(-1)])).toEqual([
      ["-rw-r--r--", "7", "Dockerfile"],
      ["-rwxr-xr-x", "1025", "compose/entrypoint.sh"],
      ["-rw-------", "0", "empty"],
    ]);
  });
});
