/**
 * Which instant of a run is shown: following a live run, playing a stretch of it again at any speed, or standing still. Pure: the
 * page's frames and the tests tell it what time it is.
 */

export type PlaybackMode = "live" | "playing" | "paused";

/** Virtual seconds a second. */
export const SPEEDS = [0.002, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 100] as const;
const NORMAL_SPEED = 6;

/** A live run is shown this much late, so that what nodes wrote at about the same time has come. */
export const LIVE_LAG_MS = 400;

/** Of the viewer's time: a world in the page may be so late. */
const CATCH_UP_MS = 100;

export interface Bounds {
  readonly beginMs: number;
  readonly endMs: number;
}

/** A world that plays only as far as it is asked to: its head is where its time stands. */
export interface PlayedWorld {
  readonly headMs: number;
  ask(toMs: number): void;
}

export class Playback {
  mode: PlaybackMode = "paused";
  atMs = 0;
  /** The clock that `live` follows, at any speed; null: real time. */
  world: PlayedWorld | null = null;
  /** Standing still where the world does: what is done now is no branch. */
  isAtHead = false;
  #speed = NORMAL_SPEED;
  /** What the nodes' clocks show minus what the page's shows; null: there is nothing live. */
  #offsetMs: number | null = null;
  #frameMs: number | null = null;
  /** Where a world in the page should be by now. */
  #goalMs = Number.NEGATIVE_INFINITY;

  get speed(): number {
    return SPEEDS[this.#speed] as number;
  }

  get canFollow(): boolean {
    return this.#offsetMs !== null || this.world !== null;
  }

  /** The run is live, and its clocks show `nowMs` now. Clocks that jitter don't make the picture jump. */
  setClock(nowMs: number, frameMs: number): void {
    const offsetMs = nowMs - frameMs;
    const isJump = this.#offsetMs === null || Math.abs(offsetMs - this.#offsetMs) > 2_000;
    this.#offsetMs = isJump ? offsetMs : (this.#offsetMs as number) * 0.9 + offsetMs * 0.1;
  }

  /** Nothing more will come. */
  endLive(): void {
    this.#offsetMs = null;
    if (this.mode === "live") this.mode = "paused";
  }

  follow(): void {
    if (!this.canFollow) return;
    this.mode = "live";
    if (this.world !== null) this.#goalMs = this.atMs = this.world.headMs;
  }

  play(bounds: Bounds): void {
    if (this.mode !== "paused") return;
    if (this.isAtHead) {
      this.mode = "live";
      return;
    }
    if (!this.canFollow && this.atMs >= bounds.endMs) this.atMs = bounds.beginMs;
    this.mode = "playing";
  }

  pause(): void {
    if (this.world !== null && this.mode === "live") {
      this.atMs = Math.max(this.atMs, this.world.headMs);
      this.#goalMs = this.atMs;
      this.isAtHead = true;
    }
    this.mode = "paused";
  }

  seek(atMs: number, bounds: Bounds): void {
    this.atMs = Math.min(Math.max(atMs, bounds.beginMs), bounds.endMs);
    this.isAtHead = this.world !== null && this.atMs >= this.world.headMs;
    this.#goalMs = this.atMs;
    if (this.mode === "live") this.mode = "paused";
  }

  /** One step faster or slower. */
  shift(steps: number): void {
    this.#speed = Math.min(Math.max(this.#speed + steps, 0), SPEEDS.length - 1);
  }

  setSpeed(speed: number): void {
    const found = SPEEDS.indexOf(speed as (typeof SPEEDS)[number]);
    if (found >= 0) this.#speed = found;
  }

  /** How fast the picture moves now. */
  get pace(): number {
    return this.mode === "live" && this.world === null ? 1 : this.speed;
  }

  /** Lets time pass until this frame. @returns whether the shown instant has moved */
  tick(frameMs: number, bounds: Bounds): boolean {
    const spentMs = this.#frameMs === null ? 0 : Math.min(frameMs - this.#frameMs, 250);
    this.#frameMs = frameMs;
    const before = this.atMs;
    if (this.mode === "live" && this.world !== null) {
      // The world answers a little later: what a frame waits for is made up for, but a slow machine's seconds aren't.
      const { headMs } = this.world;
      const goal = Math.max(this.#goalMs, before) + spentMs * this.speed;
      this.#goalMs = Math.min(goal, headMs + CATCH_UP_MS * this.speed);
      this.world.ask(this.#goalMs);
      this.atMs = Math.max(before, Math.min(this.#goalMs, headMs));
    } else if (this.mode === "live" && this.#offsetMs !== null) {
      // Never backwards, and never before the first line.
      const goal = Math.max(this.#offsetMs + frameMs - LIVE_LAG_MS, bounds.beginMs);
      this.atMs = goal < before && before - goal < 1_000 ? before : goal;
    } else if (this.mode === "playing") {
      this.atMs = before + spentMs * this.speed;
      const realMs = this.#offsetMs === null ? Number.POSITIVE_INFINITY : this.#offsetMs + frameMs - LIVE_LAG_MS;
      const nowMs = this.world?.headMs ?? realMs;
      if (this.atMs >= nowMs) {
        this.mode = "live";
        if (this.world !== null) this.#goalMs = this.atMs = nowMs;
      } else if (this.atMs >= bounds.endMs && !this.canFollow) {
        this.atMs = bounds.endMs;
        this.mode = "paused";
      }
    }
    return this.atMs !== before;
  }
}
