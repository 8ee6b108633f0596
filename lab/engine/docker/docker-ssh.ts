/**
 * An engine behind ssh, the way docker's own client does it: the user's `ssh` runs `docker system dial-stdio` over there, and its
 * standard streams are the connection. So keys, jump hosts and known hosts are those of the user's ssh configuration.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { Duplex } from "node:stream";

export interface SshTarget {
  readonly host: string;
  /** Empty: ssh's own default. */
  readonly port: string;
  readonly user: string;
  /** Socket of the engine over there; empty: where it usually is. */
  readonly path: string;
}

/** Arguments of `ssh`. The far shell reads the last words. */
export function sshArguments({ host, port, user, path }: SshTarget): readonly string[] {
  return [
    ...(user ? ["-l", user] : []),
    ...(port ? ["-p", port] : []),
    ...["-o", "ConnectTimeout=10", "-T", "--", host, "docker"],
    ...(path ? ["--host", `'unix://${path.replaceAll("'", "'\\''")}'`] : []),
    ...["system", "dial-stdio"],
  ];
}

export function openSshStream(target: SshTarget): Duplex {
  const child = spawn("ssh", sshArguments(target), { stdio: ["pipe", "pipe", "pipe"] });
  return new SshStream(child);
}

class SshStream extends Duplex {
  readonly #child: ChildProcessWithoutNullStreams;
  #complaint = "";

  constructor(child: ChildProcessWithoutNullStreams) {
    super({ allowHalfOpen: true });
    this.#child = child;
    child.stderr.on("data", (data: Buffer) => {
      this.#complaint = (this.#complaint + data.toString()).slice(-500);
    });
    child.stdout.on("data", (data: Buffer) => {
      if (!this.push(data)) child.stdout.pause();
    });
    child.stdout.on("end", () => this.push(null));
    child.stdin.on("error", () => {});
    child.on("error", (error) => this.destroy(error));
    child.on("exit", (code) => {
      if (code === 0 || code === null) return;
      const why = this.#complaint.trim().split("\n").at(-1) || `ssh ended with code ${code}`;
      this.destroy(Object.assign(new Error(why), { code: "EHOSTUNREACH" }));
    });
  }

  override _read(): void {
    this.#child.stdout.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#child.stdin.write(chunk, done);
  }

  override _final(done: () => void): void {
    this.#child.stdin.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#child.kill();
    done(error);
  }

  // An HTTP agent needs these of a socket.
  setTimeout(): this {
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  ref(): this {
    this.#eachHandle("ref");
    return this;
  }
  /** An idle connection must not keep the CLI alive. */
  unref(): this {
    this.#eachHandle("unref");
    return this;
  }

  #eachHandle(what: "ref" | "unref"): void {
    this.#child[what]();
    for (const stream of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) {
      (stream as unknown as Record<"ref" | "unref", (() => void) | undefined>)[what]?.();
    }
  }
}
