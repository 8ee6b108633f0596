// The screen of `lab watch`: what it must show at any size, for any cluster.
import { describe, expect, test } from "vitest";
import { FullScreen } from "../../lab/cli/ui/full-screen.ts";
import { renderWatch, type Size, type WatchView } from "../../lab/cli/ui/watch-screen.ts";
import type { Entry } from "../../lab/journal/entry.ts";
import { clusterSnapshot, type SnapshotOptions } from "../support/snapshots.ts";

const EVENTS = Array.from({ length: 40 }, (_, i): Entry => {
  const time = 1_767_225_600_000 + i * 250;
  const [kind, level] = ["member", i % 5 === 0 ? "warn" : "info"] as const;
  return { node: i % 4, inc: 1, seq: i + 1, time, mono: i, kind, level, msg: `event number ${i}` };
});

const STANDARD: Size = { width: 80, height: 24 };

function viewOf(count: number, options: SnapshotOptions = {}, more: Partial<WatchView> = {}): WatchView {
  const snapshot = clusterSnapshot(count, options);
  return { lab: "shop", runtime: "local", profile: "fast", snapshot, events: EVENTS, trouble: "", ...more };
}

function render(view: WatchView, size: Size = STANDARD): readonly string[] {
  return renderWatch(view, size, false);
}

describe("the screen of lab watch", () => {
  const sizes: readonly Size[] = [
    STANDARD,
    { width: 120, height: 40 },
    { width: 40, height: 10 },
    { width: 20, height: 5 },
    { width: 300, height: 100 },
  ];
  test.each(sizes.flatMap((size) => [1, 5, 13, 50].map((count) => ({ ...size, count }))))(
    "must fit into $width x $height with $count nodes",
    ({ count, ...size }) => {
      const view = viewOf(count, { down: [1], views: [[2, 3, "SUSPECTED"]] }, { trouble: "the engine is silent" });
      const lines = render(view, size);
      expect(lines.length).toBeLessThanOrEqual(size.height);
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(size.width);
      expect(lines[0]).toContain("lab shop");
    },
  );

  test("must show five nodes with all that is known of them in 80 x 24", () => {
    const view = viewOf(5, {
      down: [5],
      views: [[1, 3, "SUSPECTED"]],
      faults: [{ id: "f1", cause: "partition 1,2 3-5", kind: "partition", pairs: [], effect: "cut", untilMs: null }],
    });
    const lines = render(view);
    expect(lines.slice(0, 11)).toEqual([
      "lab shop  local, fast  00:00:00  4 of 5 up  all agree on 4 (elected, term 3)",
      "sum of all balances 500, the same at every node    pending 0    held back 0",
      "NODE ROLE        STATE  TERM BALANCE SUM HELD PEND RECORDS   1  2  3  4  5",
      "   1 follower    READY     3     100 500    0    0      15   \\  .  S  .  F",
      "   2 follower    READY     3     100 500    0    0      15   .  \\  .  .  F",
      "   3 follower    READY     3     100 500    0    0      15   .  .  \\  .  F",
      "   4 COORDINATOR READY     3     100 500    0    0      15   .  .  .  \\  F",
      "   5 -           exited    -       -   -    -    -       -               \\",
      "                                                                   !",
      "fault f1: partition 1,2 3-5 (cut; until healed)",
      "",
    ]);
    expect(lines).toHaveLength(24);
    expect(lines.at(-1)).toContain("q quits");
    expect(lines.at(-2)).toMatch(/event number 39$/);
  });

  test("must show whole clocks where there is room", () => {
    expect(render(viewOf(3), { width: 120, height: 40 }).join("\n")).toContain("1:1 2:2 3:3");
  });

  test("must say loudly that sums differ, and at whom", () => {
    const view = viewOf(3);
    const nodes = view.snapshot.nodes.map((node) =>
      node.id === 2 && node.says !== null ? { ...node, says: { ...node.says, sum: 299 } } : node,
    );
    const lines = render({ ...view, snapshot: { ...view.snapshot, nodes } });
    expect(lines[1]).toContain("DIFFER: 300 at 1,3; 299 at 2");
  });

  test("must show those of fifty nodes that there is something to see of, in 80 x 24, and the view of each", () => {
    const lines = render(viewOf(50, { paused: [37], views: [[42, 3, "FAILED"]] }));
    const rows = lines.filter((line) => /^ {1,3}\d+ [A-Zfc-] /.test(line));
    expect(rows.some((line) => /^ {2}50 C READY/.test(line))).toBe(true);
    expect(rows.some((line) => /^ {2}37 - paused/.test(line))).toBe(true);
    const row42 = rows.find((line) => line.startsWith("  42"));
    expect(row42?.slice(-50)).toBe(`..F${".".repeat(33)}F....\\........`);
    expect(lines.some((line) => /and \d+ more, with nothing unusual/.test(line))).toBe(true);
  });

  test("must tell agreement, faults and views apart without any colour", () => {
    const view = viewOf(5, { down: [2], views: [[1, 3, "SUSPECTED"]] });
    const plain = renderWatch(view, STANDARD, false).join("\n");
    const painted = renderWatch(view, STANDARD, true).join("\n");
    expect(plain).not.toContain("\u001b");
    expect(painted).toContain("\u001b[");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
    expect(painted.replaceAll(/\u001b\[\d+m/g, "").replaceAll(/ +$/gm, "")).toBe(plain);
  });

  test("must never pass on what could move the cursor: journals may hold what strangers sent", () => {
    const evil = { ...(EVENTS[0] as Entry), msg: "harmless\u001b[2J\u0007\r\nsecond line\u202e" };
    const text = render(viewOf(3, {}, { events: [evil], trouble: "\u001b]0;title\u0007" })).join("");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(text).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
    expect(text).toContain("second line");
  });
});

describe("the terminal", () => {
  function open(render: (size: Size) => readonly string[]) {
    let written = "";
    const keys: string[] = [];
    const listeners = new Map<string, (chunk: Buffer) => void>();
    const raw: boolean[] = [];
    const on = (event: string, listener: (chunk: Buffer) => void) => listeners.set(event, listener);
    const off = (event: string) => listeners.delete(event);
    const display = { columns: 30, rows: 6, on, off, write: (text: string) => (written += text) };
    const keyboard = { on, off, setRawMode: (mode: boolean) => raw.push(mode), resume: () => {}, pause: () => {} };
    const screen = new FullScreen({ keyboard, display, render, onKey: (key) => keys.push(key) });
    const take = () => {
      const text = written;
      written = "";
      return text;
    };
    return {
      screen,
      display,
      take,
      keys,
      raw,
      fire: (event: string, chunk = "") => listeners.get(event)?.(Buffer.from(chunk)),
      listeners,
    };
  }

  test("must be entered, drawn by changed lines only, and given back as it was", () => {
    let lines = ["one", "two"];
    const { screen, take, raw, listeners } = open(() => lines);
    expect(take()).toContain("\u001b[?1049h");
    screen.draw();
    expect(take()).toContain("\u001b[1;1Hone");
    lines = ["one", "three"];
    screen.draw();
    const second = take();
    expect(second).toContain("\u001b[2;1Hthree\u001b[K");
    expect(second).not.toContain("one");
    screen.draw();
    expect(take()).toBe("");
    screen[Symbol.dispose]();
    expect(take()).toBe("\u001b[?7h\u001b[?25h\u001b[?1049l");
    expect(raw).toEqual([true, false]);
    expect(listeners.size).toBe(0);
  });

  test("must be drawn anew as a whole when its size changes, and pass keys on", () => {
    const { screen, display, take, keys, fire } = open(({ width, height }) => [`${width} x ${height}`]);
    screen.draw();
    take();
    display.columns = 50;
    fire("resize");
    expect(take()).toContain("50 x 6");
    fire("data", "q\u0003");
    expect(keys).toEqual(["q", "\u0003"]);
    screen[Symbol.dispose]();
  });
});
