/** `disk save`, `disk restore`: a backup of a node's disk, and what happens when it is put back. */
import { Argument, type Command } from "commander";
import { NEXT } from "../../base/next.ts";
import type { CommandContext } from "./context.ts";

const NODE = "one node: 3, leader, random";

export function registerDiskCommands(program: Command, context: CommandContext): void {
  program
    .command("disk")
    .helpGroup("Break nodes:")
    .description("save a node's disk in a file, or put a saved one back, as people do with backups")
    .addArgument(
      new Argument(
        "<step>",
        "save copies the disk, for which a running node is frozen; restore replaces that of an exited node, which forgets what it did since",
      ).choices(["save", "restore"]),
    )
    .argument("<node>", NODE)
    .argument("<file>", "where to, or where from")
    .action((step: "save" | "restore", selector: string, file: string) =>
      step === "save" ? save(context, selector, file) : restore(context, selector, file),
    );
}

async function save(context: CommandContext, selector: string, file: string): Promise<void> {
  const [{ writeFile }, { saveDisks }, { cantWrite }, { resolveOne }] = await Promise.all([
    import("node:fs/promises"),
    import("../../cluster/change.ts"),
    import("../../base/system-error.ts"),
    import("../../cluster/trade.ts"),
  ]);
  await context.withLab(async (lab) => {
    const id = await resolveOne(lab, selector);
    const image = (await lab.locked(`disk save ${id}`, () => saveDisks(lab, [id]))).get(id) as Uint8Array;
    await writeFile(file, image, { mode: 0o600 }).catch((error: unknown) => {
      throw cantWrite(file, error, "name another file");
    });
    context.printer.data({ saved: id, file, bytes: image.length }, `saved the disk of ${id} to ${file}`);
    context.next(NEXT.restoreDisk(id, file));
  });
}

async function restore(context: CommandContext, selector: string, file: string): Promise<void> {
  const [{ DISK_BYTES_MAX, readUserBytes }, { restoreDisks }, { resolveOne }] = await Promise.all([
    import("../../base/user-file.ts"),
    import("../../cluster/change.ts"),
    import("../../cluster/trade.ts"),
  ]);
  const image = await readUserBytes(file, DISK_BYTES_MAX, NEXT.saveDisk());
  await context.withLab(async (lab) => {
    const id = await resolveOne(lab, selector);
    await lab.locked(`disk restore ${id}`, () => restoreDisks(lab, new Map([[id, image]])));
    context.printer.data({ restored: id, file }, `restored the disk of ${id} from ${file}`);
    context.next(NEXT.startNodes([id]));
  });
}
