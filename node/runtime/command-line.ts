/**
 * The words a person types, at the prompt or after `control`: parsed once, for both, into requests of the control channel.
 *
 * Texts are the original's wherever it had one. Amounts are checked here with words; the schema checks them again.
 */
import { AMOUNT_MAX } from "../wire/ids.ts";

export type Parsed =
  | { readonly kind: "nothing" }
  | { readonly kind: "quit" }
  /** A crash: no word to anybody. */
  | { readonly kind: "kill" }
  /** What to send, without its request id. */
  | { readonly kind: "request"; readonly request: { readonly op: string } & Record<string, unknown> }
  /** What to say instead; nothing was changed. */
  | { readonly kind: "refused"; readonly text: string };

export const HELP_TEXT = `
Available Commands:
  help       - Show this help message
  status     - Show node status (coordinator, balance, etc.)
  balance    - Show current energy credits
  sell N A   - Sell A energy credits to node N
  buy N A    - Buy A energy credits from node N
  nodes      - List known nodes
  history    - Show energy transaction history
  election   - Force start a new leader election
  recover    - After a lost disk: what is waited for; 'recover --accept-loss': go on without it
  quit       - Shutdown node gracefully
`;

/** Words for the prompt of the process itself, where `kill` needs no lab. */
export const HELP_AT_PROMPT = `${HELP_TEXT}  kill       - Crash this node: others have to notice by themselves (also Ctrl-\\)
`;

const PLAIN = new Set(["help", "status", "balance", "nodes", "history", "election"]);

export function parseCommandLine(line: string): Parsed {
  const [word = "", ...rest] = line.trim().toLowerCase().split(/\s+/);
  if (word === "") return { kind: "nothing" };
  if (word === "quit" || word === "exit" || word === "q") return { kind: "quit" };
  if (word === "kill") return { kind: "kill" };
  if (PLAIN.has(word)) return { kind: "request", request: { op: word } };
  if (word === "sell" || word === "buy") return parseTrade(word, rest);
  if (word === "recover") return parseRecover(rest);
  return refuse(`Unknown command: ${word}. Type 'help' for commands.`);
}

function parseRecover(words: readonly string[]): Parsed {
  const acceptLoss = words[0] === "--accept-loss";
  if (words.length > (acceptLoss ? 1 : 0)) return refuse("Usage: recover [--accept-loss]");
  return { kind: "request", request: { op: "recover", accept_loss: acceptLoss } };
}

function parseTrade(op: "sell" | "buy", words: readonly string[]): Parsed {
  if (words.length !== 2) return refuse(`Usage: ${op} <node_id> <amount>`);
  const [peerText = "", amountText = ""] = words;
  const peer = Number(peerText);
  if (!/^\d+$/.test(peerText) || peer < 1 || peer > 65_535)
    return refuse(`Invalid node: ${peerText}. A node is a whole number from 1 to 65535.`);
  const problem = checkAmount(amountText);
  if (problem !== null) return refuse(problem);
  return { kind: "request", request: { op, peer, amount: Number(amountText) } };
}

/** Why the text is no amount, or null when it is one. */
export function checkAmount(text: string): string | null {
  const isNumber = /^[+-]?\d+(\.\d+)?$/.test(text);
  if (!isNumber) return `Invalid amount: ${text}. An amount is a whole number of credits.`;
  const amount = Number(text);
  if (!Number.isInteger(amount)) return `Invalid amount: ${text}. Credits can't be divided.`;
  if (amount < 0) return `Invalid amount: ${text}. A trade can't be negative: use the other of sell and buy.`;
  if (amount === 0) return `Invalid amount: ${text}. There is nothing to trade.`;
  if (amount > AMOUNT_MAX) return `Invalid amount: ${text}. At most ${AMOUNT_MAX} credits in one trade.`;
  return null;
}

function refuse(text: string): Parsed {
  return { kind: "refused", text };
}
