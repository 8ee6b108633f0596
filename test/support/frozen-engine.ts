// An engine that takes connections and says nothing, as a stopped dockerd does; or one that works until it is frozen.
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface FrozenEngine extends AsyncDisposable {
  /** For DOCKER_HOST. */
  readonly address: string;
  freeze(): void;
}

/** @param behind the socket of a real engine, which is spoken to until `freeze`; null: it is frozen from the beginning */
export async function openFrozenEngine(behind: string | null = null): Promise<FrozenEngine> {
  const folder = await mkdtemp(join(tmpdir(), "lab-engine-"));
  const path = join(folder, "docker.sock");
  const sockets = new Set<Socket>();
  let isFrozen = behind === null;
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
    if (isFrozen || behind === null) return;
    const engine = connect(behind);
    sockets.add(engine.on("error", () => socket.destroy()));
    socket.pipe(engine).pipe(socket);
  });
  server.listen(path);
  await once(server, "listening");
  return {
    address: `unix://${path}`,
    freeze() {
      isFrozen = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
