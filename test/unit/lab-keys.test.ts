import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { nextStep } from "../../lab/cluster/key-rotation.ts";
import { packTar, unpackTar } from "../../lab/engine/tar.ts";

describe("a rotation", () => {
  test.each([
    { ids: [1], step: "add" },
    { ids: [1, 2], step: "use" },
    { ids: [2, 1], step: "remove" },
    { ids: [255, 1], step: "use" },
    { ids: [1, 255], step: "remove" },
  ])("must go on where it stopped: after $ids with $step", ({ ids, step }) => {
    expect(nextStep(ids.map((id) => ({ id })))).toBe(step);
  });
});

describe("an archive", () => {
  test("must give back what was put in", async () => {
    const files = [
      { path: "secrets/keys", content: Buffer.from("1:abc\n"), mode: 0o440, group: 1000 },
      { path: "secrets/token", content: Buffer.alloc(1_024, 7), mode: 0o440 },
      { path: "empty", content: Buffer.alloc(0), mode: 0o644 },
    ];
    const unpacked = await unpackTar(Readable.from([await packTar(files)]));
    expect(unpacked.map(({ path, content, mode }) => ({ path, content, mode }))).toEqual(
      files.map(({ path, content, mode }) => ({ path, content, mode })),
    );
  });
});
