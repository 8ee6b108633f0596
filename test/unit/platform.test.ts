import { describe, expect, test } from "vitest";
import { platformOf } from "../../node/runtime/platform.ts";

describe("what depends on the operating system", () => {
  test("Linux must bind to the group, and read processes from /proc", () => {
    expect(platformOf("linux")).toMatchObject({
      bindsToGroup: true,
      syncsFolders: true,
      hasSignals: true,
      processTable: "proc",
      browser: ["xdg-open"],
    });
  });

  test("macOS must not bind to the group, and ask ps", () => {
    expect(platformOf("darwin")).toMatchObject({
      bindsToGroup: false,
      syncsFolders: true,
      hasSignals: true,
      processTable: "ps",
      browser: ["open"],
    });
  });

  test("Windows must neither sync folders nor freeze processes", () => {
    expect(platformOf("win32")).toMatchObject({
      bindsToGroup: false,
      syncsFolders: false,
      hasSignals: false,
      processTable: "powershell",
      dockerHost: "npipe:////./pipe/docker_engine",
      commandEndings: [".exe", ".cmd", ".bat"],
    });
  });

  test("an unknown system must be taken for a Unix", () => {
    expect(platformOf("freebsd")).toMatchObject({ bindsToGroup: false, hasSignals: true, processTable: "ps" });
  });
});
