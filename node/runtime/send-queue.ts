/**
 * Sends a limited number of datagrams in one turn of the event loop, and the rest, in order, in the next turns.
 *
 * Why: a burst of 4,000 datagrams lost a third of itself in the receivers' socket buffers (original project, measured). Between
 * two turns the receivers of the same machine get to run, and our own socket is read.
 *
 * Pure: simulated nodes pace their datagrams alike.
 */
import type { Schedule, SendPort } from "./ports.ts";

const DATAGRAMS_PER_TURN = 64;
const QUEUED_MAX = 20_000;

export interface SendQueue extends SendPort {
  readonly length: number;
  /** Sends everything that waits, now. */
  flush(): void;
}

export interface SendQueueOptions {
  readonly socket: SendPort;
  readonly schedule: Pick<Schedule, "atTurnEnd">;
  /** The queue is full, and a datagram was dropped. */
  readonly onFull: () => void;
  readonly perTurn?: number;
  readonly queuedMax?: number;
}

interface Waiting {
  readonly datagram: Uint8Array;
  /** Null: the group. */
  readonly address: string | null;
}

export function createSendQueue(options: SendQueueOptions): SendQueue {
  const { socket, schedule, perTurn = DATAGRAMS_PER_TURN, queuedMax = QUEUED_MAX } = options;
  let queue: Waiting[] = [];
  /** Since the last turn end that was awaited: at least what was sent in this turn. */
  let sent = 0;
  let isTurnEndAwaited = false;

  const send = ({ datagram, address }: Waiting): void => {
    if (address === null) socket.sendGroup(datagram);
    else socket.sendTo(datagram, address);
  };
  const beginTurn = (): void => {
    isTurnEndAwaited = false;
    const due = queue.splice(0, perTurn);
    sent = due.length;
    due.forEach(send);
    if (sent > 0) awaitTurnEnd();
  };
  const awaitTurnEnd = (): void => {
    if (isTurnEndAwaited) return;
    isTurnEndAwaited = true;
    schedule.atTurnEnd(beginTurn);
  };
  const push = (waiting: Waiting): void => {
    if (queue.length === 0 && sent < perTurn) {
      sent += 1;
      send(waiting);
    } else if (queue.length < queuedMax) {
      queue.push(waiting);
    } else {
      options.onFull();
      return;
    }
    // A node that sends little needs no turn's end for it.
    if (sent > perTurn / 2) awaitTurnEnd();
  };

  return {
    get length() {
      return queue.length;
    },
    sendGroup: (datagram) => push({ datagram, address: null }),
    sendTo: (datagram, address) => push({ datagram, address }),
    flush() {
      const due = queue;
      queue = [];
      due.forEach(send);
    },
  };
}
