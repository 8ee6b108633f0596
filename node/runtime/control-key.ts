/**
 * The key of the control channel, from its token (control-frame.ts says how); the public one when there is no token.
 */
import { createHmac, createSecretKey, hkdfSync } from "node:crypto";
import { CONTROL_KEY_INFO, CONTROL_TOKEN_OPEN, createControlAuthenticator } from "../wire/control-frame.ts";
import type { Authenticator } from "../wire/envelope.ts";

export function controlAuthenticator(token: string | null): Authenticator {
  const key = createSecretKey(Buffer.from(hkdfSync("sha256", token ?? CONTROL_TOKEN_OPEN, "", CONTROL_KEY_INFO, 32)));
  return createControlAuthenticator((bytes) => createHmac("sha256", key).update(bytes).digest());
}
