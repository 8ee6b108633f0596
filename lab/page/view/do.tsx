/** A button that does one command of `lab`. */
import { formatCommand } from "../../dash/page-command.ts";
import type { DashCommand } from "../../dash/protocol.ts";
import type { Shared } from "./app.tsx";

interface DoProperties extends Shared {
  readonly command: DashCommand;
  readonly name: string;
  readonly isDanger?: boolean;
  readonly isDisabled?: boolean;
  /** It was done. */
  readonly onDone?: () => void;
  readonly isPrimary?: boolean;
}

export function Do({ store, server, command, name, isDanger, isDisabled, isPrimary, onDone }: DoProperties) {
  const line = formatCommand(command, store.facts.lab);
  const isBusy = store.order !== null && store.order.reply === null;
  return (
    <button
      type="button"
      class={`${isPrimary === true ? "primary" : ""} ${isDanger === true ? "danger" : ""}`}
      title={line}
      disabled={server === null || isDisabled === true || isBusy}
      onClick={() => {
        if (server === null) return;
        void store
          .run(() => server.send(command), line, command)
          .then((isDone) => {
            if (isDone) onDone?.();
          });
      }}
    >
      {name}
    </button>
  );
}
