/**
 * The lab's own records about one lab: small files that are replaced whole, a journal that grows, and a lock. On disk for labs that
 * outlive a command (state-dir.ts); in memory for those of a simulated world, where nothing may wait for a real disk: virtual time
 * would go on meanwhile, and the same seed would not give the same run.
 */

export interface LabState {
  readonly lab: string;
  /** What `parse` makes of the file's JSON; null when it is absent, half-written, or `parse` throws. */
  readJson<T>(name: string, parse: (json: unknown) => T): Promise<T | null>;
  /** Replaces the file as a whole. */
  writeJson(name: string, value: unknown): Promise<void>;
  removeFile(name: string): Promise<void>;
  /** Adds whole lines at the end. */
  append(name: string, text: string): Promise<void>;
  /** The file's text from byte `offset` on, and the file's length; empty when there is none. */
  readFrom(name: string, offset: number): Promise<{ readonly bytes: Uint8Array; readonly size: number }>;
  /** Names of all files. */
  list(): Promise<readonly string[]>;
  /** Removes everything that is known about the lab here. */
  remove(): Promise<void>;
  /** Waits for the lab's lock; dispose to release. @throws LabError("failed") when another process keeps it for too long */
  lock(options: LockOptions): Promise<AsyncDisposable>;
  /** Other processes may change the lab too. */
  readonly isShared: boolean;
}

export interface LockOptions {
  /** The holder's purpose, shown to processes that wait: "scale 7". */
  readonly purpose: string;
  readonly timeoutMs?: number;
  /** Called once when the lock is busy. */
  readonly onWait?: (holder: { pid: number; purpose: string }) => void;
  readonly signal?: AbortSignal;
}

export class MemoryState implements LabState {
  readonly lab: string;
  readonly isShared = false;
  /** Gets each text that is appended, as it is. */
  onAppend: ((name: string, text: string) => void) | null = null;
  readonly #files = new Map<string, string>();
  #lastLock: Promise<void> = Promise.resolve();

  constructor(lab: string) {
    this.lab = lab;
  }

  readJson<T>(name: string, parse: (json: unknown) => T): Promise<T | null> {
    const text = this.#files.get(name);
    try {
      return Promise.resolve(text === undefined ? null : parse(JSON.parse(text)));
    } catch {
      return Promise.resolve(null);
    }
  }

  writeJson(name: string, value: unknown): Promise<void> {
    this.#files.set(name, JSON.stringify(value));
    return Promise.resolve();
  }

  removeFile(name: string): Promise<void> {
    this.#files.delete(name);
    return Promise.resolve();
  }

  append(name: string, text: string): Promise<void> {
    this.onAppend?.(name, text);
    this.#files.set(name, (this.#files.get(name) ?? "") + text);
    return Promise.resolve();
  }

  readFrom(name: string, offset: number): Promise<{ bytes: Uint8Array; size: number }> {
    const all = new TextEncoder().encode(this.#files.get(name) ?? "");
    return Promise.resolve({ bytes: all.subarray(offset), size: all.length });
  }

  list(): Promise<readonly string[]> {
    return Promise.resolve([...this.#files.keys()]);
  }

  remove(): Promise<void> {
    this.#files.clear();
    return Promise.resolve();
  }

  /** Needs no file: resolves when everybody before has disposed of it. */
  async lock(): Promise<AsyncDisposable> {
    const before = this.#lastLock;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#lastLock = promise;
    await before;
    return { [Symbol.asyncDispose]: () => Promise.resolve(resolve()) };
  }
}
