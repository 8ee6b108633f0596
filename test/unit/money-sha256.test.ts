import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sha256Hex, sha256Hex64 } from "../../node/wire/sha256.ts";

describe("SHA-256 (FIPS 180-4)", () => {
  test("must give the standard's example digests", () => {
    expect(sha256Hex("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect(sha256Hex("")).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  });

  test("must agree with node:crypto on any bytes and any text, at every length around a block", () => {
    const reference = (input: string | Uint8Array) => createHash("sha256").update(input).digest("hex");
    for (let length = 0; length <= 200; length++) {
      const bytes = new Uint8Array(length).fill(length);
      expect(sha256Hex(bytes)).toBe(reference(bytes));
    }
    for (const length of [1_000, 1_023, 1_024, 1_025, 1_200, 4_095, 4_097, 66_000]) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 31 + length) & 255);
      expect(sha256Hex(bytes), `${length} bytes`).toBe(reference(bytes));
      const text = "ä€z".repeat(length);
      expect(sha256Hex(text), `${length} times three letters`).toBe(reference(text));
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => sha256Hex(bytes) === reference(bytes)));
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => sha256Hex64(text) === reference(text).slice(0, 16)),
    );
  });
});
