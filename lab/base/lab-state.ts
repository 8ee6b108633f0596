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
  readFrom(name: string, offset: number): Promise<{ readonly bytes: Buffer; readonly size: number }>;
  /** Names of all files. */
  list(): Promise<readonly string[]>;
  /** Removes everything that is known about the lab here. */
  remove(): Promise<void>;
  /** Where the state belongs to this process alone, the lock needs no file: resolves when everybody before has disposed of it. */
  readonly lock?: () => Promise<Disposable>;
}

export class MemoryState implements LabState {
  readonly lab: string;
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
    this.#files.set(name, (this.#files.get(name) ?? "") + text);
    return Promise.resolve();
  }

  readFrom(name: string, offset: number): Promise<{ bytes: Buffer; size: number }> {
    const all = Buffer.from(this.#files.get(name) ?? "");
    return Promise.resolve({ bytes: all.subarray(offset), size: all.length });
  }

  list(): Promise<readonly string[]> {
    return Promise.resolve([...this.#files.keys()]);
  }

  remove(): Promise<void> {
    this.#files.clear();
    return Promise.resolve();
  }

  readonly lock = async (): Promise<Disposable> => {
    const before = this.#lastLock;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#lastLock = promise;
    await before;
    return { [Symbol.dispose]: resolve };
  };
}
