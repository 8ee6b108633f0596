/**
 * Room for words on a crowded stage: each label takes the place, of those that suit it, where it covers the least.
 */
export interface Spot {
  readonly x: number;
  readonly y: number;
}

/** Centre and size. */
export interface Box extends Spot {
  readonly width: number;
  readonly height: number;
}

export interface Disc extends Spot {
  readonly radius: number;
}

export class LabelRoom {
  readonly #size: { readonly width: number; readonly height: number };
  readonly #discs: readonly Disc[];
  readonly boxes: Box[] = [];

  constructor(size: { readonly width: number; readonly height: number }, discs: readonly Disc[]) {
    this.#size = size;
    this.#discs = discs;
  }

  /** @param centres where the label may stand, the best place first; each is moved until the label is on the stage */
  place(label: { readonly width: number; readonly height: number }, centres: readonly Spot[]): Box {
    let best: Box | null = null;
    let least = Number.POSITIVE_INFINITY;
    for (const centre of centres) {
      const x = clamp(centre.x, label.width / 2 + 2, this.#size.width - label.width / 2 - 2);
      const y = clamp(centre.y, label.height / 2 + 2, this.#size.height - label.height / 2 - 2);
      const box = { x, y, width: label.width, height: label.height };
      const covered = this.covers(box);
      if (covered < least) [best, least] = [box, covered];
    }
    if (best === null) throw new RangeError("a label needs at least one place");
    this.boxes.push(best);
    return best;
  }

  /** How deep a label would lie in what is there, pixels; 0: it is clear of everything. */
  covers(box: Box): number {
    let depth = 0;
    for (const { x, y, radius } of this.#discs) {
      const dx = Math.max(0, Math.abs(x - box.x) - box.width / 2);
      const dy = Math.max(0, Math.abs(y - box.y) - box.height / 2);
      depth += Math.max(0, radius - Math.hypot(dx, dy));
    }
    for (const other of this.boxes) {
      const across = (box.width + other.width) / 2 - Math.abs(box.x - other.x);
      const down = (box.height + other.height) / 2 - Math.abs(box.y - other.y);
      depth += Math.max(0, Math.min(across, down));
    }
    return depth;
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}
