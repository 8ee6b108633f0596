// Tags between peers: what the keyring computes must be the HMAC of the standard, for a datagram of any length.
import { createHmac, hkdfSync } from "node:crypto";
import { expect, test } from "vitest";
import { createKeyring } from "../../node/runtime/keyring.ts";
import type { Header } from "../../node/wire/envelope.ts";

const secret = Uint8Array.from({ length: 32 }, (_, i) => i);
const header: Header = {
  control: false,
  keyId: 7,
  sender: 3,
  incarnation: 1,
  bootId: "00112233445566ff",
  packetSeq: 1,
};
const pseudo = Uint8Array.from({ length: 10 }, (_, i) => 200 + i);
const key = Buffer.from(hkdfSync("sha256", secret, "", "energy-lab/peer|3|00112233445566ff", 32));

test.each([0, 1, 26, 44, 54, 55, 63, 64, 119, 1184, 1974, 1975, 65_507])(
  "%i bytes must have the tag of RFC 2104",
  (length) => {
    const keyring = createKeyring([{ id: 7, secret }]);
    const bytes = Uint8Array.from({ length }, (_, i) => i * 31);
    const right = createHmac("sha256", key).update(bytes).update(pseudo).digest().subarray(0, 16);
    expect(Buffer.from(keyring.tag(header, bytes, pseudo) ?? [])).toEqual(right);
    expect(keyring.verify(header, bytes, pseudo, right)).toBe("ok");
    const wrong = Uint8Array.from(right, (byte, i) => (i === 15 ? byte ^ 1 : byte));
    expect(keyring.verify(header, bytes, pseudo, wrong)).toBe("bad_tag");
  },
);

test("keys of two senders must not get in each other's way", () => {
  const keyring = createKeyring([{ id: 7, secret }]);
  const other = { ...header, sender: 4 };
  const [bytes, tags] = [Uint8Array.of(1, 2, 3), [] as Uint8Array[]];
  for (const from of [header, other, header]) tags.push(keyring.tag(from, bytes, pseudo) as Uint8Array);
  expect(tags[2]).toEqual(tags[0]);
  expect(tags[1]).not.toEqual(tags[0]);
  expect(keyring.verify(other, bytes, pseudo, tags[0] as Uint8Array)).toBe("bad_tag");
});
