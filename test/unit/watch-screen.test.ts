// The screen of `lab watch`: what it must show at any size, for any cluster.
import { describe, expect, test } from "vitest";
import { FullScreen } from "../../lab/cli/ui/full-screen.ts";
import { CurveBook, renderSparkline } from "../../lab/cli/ui/sparkline.ts";
import { LOOKING, pressKey, type WatchInput } from "../../lab/cli/ui/watch-keys.ts";
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
  return {
    lab: "shop",
    runtime: "local",
    profile: "fast",
    snapshot,
    events: EVENTS,
    trouble: "",
    input: LOOKING,
    curves: undefined,
    ...more,
  };
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
      "lab shop  local, fast  00:00:00 UTC  4 of 5 up  all agree on 4 (elected, term 3)",
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

describe("the keys of lab watch", () => {
  const nodes = [
    { id: 1, status: "running" },
    { id: 2, status: "paused" },
    { id: 3, status: "exited" },
  ];
  const pressAll = (keys: readonly string[], from: WatchInput = LOOKING) => {
    let input = from;
    const commands: string[] = [];
    let isOver = false;
    for (const key of keys) {
      const pressed = pressKey(input, key, nodes);
      input = pressed.input;
      isOver ||= pressed.isOver;
      if (pressed.command !== null) commands.push(pressed.command.join(" "));
    }
    return { input, commands, isOver };
  };
  const [up, down] = ["\u001b[A", "\u001b[B"];

  test.each<[keys: readonly string[], commands: readonly string[]]>([
    [[down, "k"], ["kill 1 --no-wait"]],
    [[up, "k"], ["start 3"]],
    [[down, "p"], ["pause 1"]],
    [[down, down, "p"], ["resume 2"]],
    [[down, "c"], ["isolate 1"]],
    [["h"], ["heal"]],
    [[down, "t", ..."2 30", "\r"], ["sell 1 2 30"]],
    [[down, "t", ..."2 35", "\u007f", "0", "\r"], ["sell 1 2 30"]],
    [[down, "t", ..."2", "\r"], []],
    [[down, "t", "q", "\u001b"], []],
    [["k"], []],
    [["z", down, "\u001b", "k"], []],
  ])("%j must run %j", (keys, commands) => {
    const after = pressAll(keys);
    expect(after.commands).toEqual(commands);
    expect(after.input.mode).toBe("look");
    expect(after.isOver).toBe(false);
  });

  test("must end at q and Ctrl-C, and at nothing that is typed into a line but Ctrl-C", () => {
    expect(pressAll(["q"]).isOver).toBe(true);
    expect(pressAll(["f", "q"]).isOver).toBe(false);
    expect(pressAll(["f", "\u0003"]).isOver).toBe(true);
  });

  test("must say that a node has to be chosen, mark it, filter events, and help", () => {
    expect(pressAll(["k"]).input.said).toContain("choose a node");
    const chosen = render(viewOf(3, {}, { input: pressAll([down, down]).input }));
    expect(chosen.filter((line) => line.startsWith(">"))).toEqual([expect.stringMatching(/^> +2 /)]);
    const filtered = render(viewOf(3, {}, { input: pressAll(["f", ..."number 7", "\r"]).input })).join("\n");
    expect(filtered.match(/event number/g)).toHaveLength(1);
    expect(render(viewOf(3, {}, { input: pressAll(["?"]).input })).join("\n")).toContain("choose a node");
  });
});

describe("curves", () => {
  test("must go from the lowest to the highest, with gaps for what isn't known", () => {
    expect(renderSparkline([0, 7, null, 14], 8)).toBe("▁▅ █");
    expect(renderSparkline([5, 5], 8)).toBe("▁▁");
    expect(renderSparkline([1, 2, 3], 2)).toBe("▁█");
  });

  test("must hold balance, round trips and datagrams a second of each node, and be on the screen", () => {
    const book = new CurveBook();
    const snapshot = clusterSnapshot(3);
    const later = (ms: number, sent: number) => ({
      ...snapshot,
      atMs: snapshot.atMs + ms,
      nodes: snapshot.nodes.map((node) =>
        node.says === null ? node : { ...node, says: { ...node.says, counters: { datagrams_sent: sent } } },
      ),
    });
    book.add(later(0, 10));
    book.add(later(2_000, 50));
    book.add(later(3_000, 0));
    expect(book.of(1)?.datagrams).toEqual([null, 20, null]);
    expect(book.of(1)?.balance).toEqual([100, 100, 100]);
    const curves = { id: 1, curves: book.of(1) ?? { balance: [], trip: [], datagrams: [] } };
    expect(render(viewOf(3, {}, { curves }), { width: 120, height: 40 }).join("\n")).toMatch(
      /node 1 {2}balance ▁▁▁ 100/,
    );
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

  test("must be drawn again as a whole when its size changes, and pass keys on", () => {
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
