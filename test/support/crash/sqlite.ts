// Takes the place of node:sqlite in the bundle under test: the same SQLite, with a point before every statement that writes, and one
// after every statement that made something durable.
import { DatabaseSync as RealDatabase, type SQLInputValue, type StatementSync } from "node:sqlite";
import { crashPoint } from "./points.ts";

export type { StatementSync } from "node:sqlite";

export class DatabaseSync extends RealDatabase {
  override exec(sql: string): void {
    const name = nameOf(sql);
    crashPoint(`sql ${name}`);
    super.exec(sql);
    if (/COMMIT/.test(sql)) crashPoint(`sql after ${name}`);
  }

  override prepare(sql: string): StatementSync {
    const statement = super.prepare(sql);
    const run = statement.run.bind(statement) as (...values: SQLInputValue[]) => ReturnType<StatementSync["run"]>;
    statement.run = ((...values: SQLInputValue[]) => {
      const name = nameOf(sql);
      crashPoint(`sql ${name}`);
      const result = run(...values);
      if (!this.isTransaction) crashPoint(`sql after ${name}`);
      return result;
    }) as StatementSync["run"];
    return statement;
  }
}

function nameOf(sql: string): string {
  return sql.trim().replaceAll(/\s+/g, " ").slice(0, 40);
}
