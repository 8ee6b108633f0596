/**
 * A bound on the connections of a server that nobody can use to lock others out: when it is full, the one that has said nothing for longest
 * makes room. Without it, as many silent connections as the bound keep the server for themselves until their time is over.
 */
import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";

export function limitConnections(server: Server, max: number): void {
  const open = new Set<Socket>();
  /** Those that have no request under way, oldest first. */
  const silent = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    if (open.size >= max) {
      const [oldest = socket] = silent;
      oldest.destroy();
      open.delete(oldest);
      silent.delete(oldest);
      if (oldest === socket) return;
    }
    open.add(socket);
    silent.add(socket);
    socket.once("close", () => {
      open.delete(socket);
      silent.delete(socket);
    });
  });
  server.prependListener("request", ({ socket }: IncomingMessage, response) => {
    silent.delete(socket);
    response.once("close", () => {
      if (open.has(socket)) silent.add(socket);
    });
  });
}
