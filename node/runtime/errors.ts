/**
 * What the operator did wrong, or what their machine refuses: printed as two lines (what happened, what to do), never a stack.
 */

/** Wrong configuration: nothing was started. */
export const EXIT_CONFIGURATION = 2;
/** A bug of ours (EX_SOFTWARE of sysexits.h). */
export const EXIT_BUG = 70;

export class OperatorError extends Error {
  override readonly name = "OperatorError";
  readonly hint: string;
  readonly exitCode: number;

  constructor(message: string, hint: string, exitCode = 1) {
    super(message);
    this.hint = hint;
    this.exitCode = exitCode;
  }
}

export class ConfigError extends OperatorError {
  constructor(message: string, hint: string) {
    super(message, hint, EXIT_CONFIGURATION);
  }
}

/** The `code` of a system error ("EADDRINUSE"), or its name. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code === "string") return code;
  return error instanceof Error ? error.name : String(error);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
