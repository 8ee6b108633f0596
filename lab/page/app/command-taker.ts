/** Carries out the commands of the page's buttons: the server of `lab dash`, or the world in the page itself. */
import type { CommandReply, DashCommand } from "../../dash/protocol.ts";

export interface CommandTaker {
  /** A command that fails is a reply. */
  send(command: DashCommand): Promise<CommandReply>;
  /** Shows the fresh lab that an experiment has, or the one that the page was opened for. Absent: there is but one. */
  show?(what: "lesson" | "lab"): void;
}
