/**
 * Can this machine run nodes as processes? Each check says what follows and what to do.
 */
import { access, constants, mkdir } from "node:fs/promises";
import { NEXT } from "../../base/next.ts";
import { stateRoot } from "../../base/state-dir.ts";
import type { Finding } from "../engine.ts";
import { hasLoopbackMulticast, reservePorts } from "./local-ports.ts";

export function diagnose(group: string): Promise<readonly Finding[]> {
  return Promise.all([checkMulticast(group), checkPorts(), checkFolder()]);
}

async function checkMulticast(group: string): Promise<Finding> {
  if (await hasLoopbackMulticast(group)) return ok("multicast on loopback", `a datagram to ${group} arrived`);
  return {
    check: "multicast on loopback",
    level: "info",
    found: `a datagram to ${group} didn't arrive`,
    consequence: "local labs send each multicast to every peer by unicast instead, which works too",
    cure: "ip link set lo multicast on, or look at the firewall's rules for 224.0.0.0/4",
  };
}

async function checkPorts(): Promise<Finding> {
  try {
    await using block = await reservePorts([1, 2, 3, 4, 5], () => Promise.resolve(false));
    return ok("UDP ports", `free from ${block.base} on loopback`);
  } catch (error) {
    return {
      check: "UDP ports",
      level: "fail",
      found: (error as Error).message,
      consequence: "local labs can't start",
      cure: NEXT.removeUnneededLabs(),
    };
  }
}

async function checkFolder(): Promise<Finding> {
  const root = stateRoot();
  try {
    await mkdir(root, { recursive: true, mode: 0o700 });
    await access(root, constants.W_OK);
    return ok("state folder", root);
  } catch (error) {
    return {
      check: "state folder",
      level: "fail",
      found: `${root} can't be written: ${(error as Error).message}`,
      consequence: "labs can't be made",
      cure: "set XDG_STATE_HOME to a folder that you can write to",
    };
  }
}

function ok(check: string, found: string): Finding {
  return { check, level: "ok", found, consequence: "", cure: "" };
}
