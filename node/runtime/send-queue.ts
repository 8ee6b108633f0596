/**
 * Pacing of what is sent: at most so many datagrams in one turn of the event loop, the rest in order in the turns after.
 *
 * Why: a burst of 4,000 datagrams lost a third of itself in the receivers' socket buffers (original project, measured). Between
 * two turns the receivers of the same machine get to run, and our own socket is read.
 */
const DATAGRAMS_PER_TURN = 64;
const QUEUED_MAX = 20_000;

export interface SendQueue {
  /** False: the queue is full and the datagram was dropped. */
  push(send: () => void): boolean;
  readonly length: number;
  /** Sends everything that waits, now. */
  flush(): void;
}

export function createSendQueue(perTurn = DATAGRAMS_PER_TURN, queuedMax = QUEUED_MAX): SendQueue {
  let queue: (() => void)[] = [];
  let sentThisTurn = 0;
  let isTurnEndAwaited = false;

  const awaitTurnEnd = (): void => {
    if (isTurnEndAwaited) return;
    isTurnEndAwaited = true;
    setImmediate(() => {
      isTurnEndAwaited = false;
      sentThisTurn = 0;
      const due = queue.splice(0, perTurn);
      for (const send of due) {
        sentThisTurn += 1;
        send();
      }
      if (sentThisTurn > 0) awaitTurnEnd();
    });
  };

  return {
    get length() {
      return queue.length;
    },
    push(send) {
      if (queue.length === 0 && sentThisTurn < perTurn) {
        sentThisTurn += 1;
        awaitTurnEnd();
        send();
        return true;
      }
      if (queue.length >= queuedMax) return false;
      queue.push(send);
      awaitTurnEnd();
      return true;
    },
    flush() {
      const due = queue;
      queue = [];
      for (const send of due) send();
    },
  };
}
