// The options of a chaos run: read with their defaults, refused by the option's name, and told again as the command that repeats it.
import { describe, expect, test } from "vitest";
import { type ChaosFlags, chaosCommand, parseChaosFlags } from "../../lab/chaos/chaos-options.ts";

describe("options of a chaos run", () => {
  test("must have defaults, with the drawn seed", () => {
    expect(chaosCommand(parseChaosFlags({}, 7))).toBe("lab chaos --seed 7 --for 60s");
  });

  test("must come out as the command that says the same again", () => {
    const flags = {
      seed: "42",
      for: "90s",
      nodes: "8",
      profile: "default",
      kinds: "kill,partition",
      rate: "0.05/s",
      maxDown: "2",
      load: "50/s",
      network: "delay 20ms jitter 20ms loss 5%",
    } as const;
    expect(chaosCommand(parseChaosFlags(flags, 0))).toBe(
      "lab chaos --seed 42 --for 90s --nodes 8 --profile default --kinds kill,partition --rate 0.05/s --max-down 2 --load 50/s" +
        ' --network "delay 20ms jitter 20ms loss 5%"',
    );
  });

  test("must draw no netem where all links are bad all the time: the later one would replace it", () => {
    const options = parseChaosFlags({ network: "loss 5%" }, 7);
    expect(options.kinds).not.toContain("netem");
    expect(chaosCommand(options)).toBe('lab chaos --seed 7 --for 60s --network "loss 5%"');
  });

  test.each<[ChaosFlags, RegExp]>([
    [{ kinds: "kill,host" }, /several hosts/],
    [{ kinds: "kill,pouse" }, /there is no kind "pouse"/],
    [{ rate: "often" }, /--rate: "often"/],
    [{ rate: "2" }, /--rate: 2 has no unit/],
    [{ nodes: "1" }, /--nodes can't be "1"/],
    [{ network: "loss 5% for 3s" }, /--network: "loss 5% for 3s"/],
    [{ network: "lost 5%" }, /--network/],
    [{ network: "" }, /--network/],
    [{ network: "loss 5%", kinds: "kill,netem" }, /--network and netem/],
  ])("must refuse %j by name", (flags, message) => {
    expect(() => parseChaosFlags(flags, 0)).toThrow(message);
  });
});
