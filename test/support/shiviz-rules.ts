/**
 * The demands of ShiViz's own parser on a log (its wiki, "Log format", and the complaints that it prints): the validator of our exports.
 * Not its code: the rules, so that a log is judged without a browser.
 */
interface ParsedEvent {
  readonly host: string;
  readonly clock: ReadonlyMap<string, number>;
  readonly event: string;
}

/** What ShiViz would complain of; empty when it draws the log. */
export function findShivizComplaints(text: string): string[] {
  const [expression = "", delimiter = "?", ...rest] = text.split("\n");
  if (delimiter !== "") return [`the second line parts runs: "${delimiter}"`];
  const body = rest.join("\n");
  const events = [...body.matchAll(new RegExp(expression, "gm"))].map(({ groups }) => ({
    host: groups?.host ?? "",
    clock: new Map(Object.entries(JSON.parse(groups?.clock ?? "{}") as Record<string, number>)),
    event: groups?.event ?? "",
  }));
  const complaints =
    body.trim() !== "" && events.length * 2 !== rest.length ? ["lines that the expression doesn't match"] : [];
  return [...complaints, ...checkClocks(events)];
}

function checkClocks(events: readonly ParsedEvent[]): string[] {
  const complaints: string[] = [];
  const byHost = Map.groupBy(events, ({ host }) => host);
  for (const [host, own] of byHost) {
    const counts = own.map(({ clock }) => clock.get(host) ?? 0).sort((a, b) => a - b);
    if (counts.some((count, i) => count !== i + 1))
      complaints.push(`${host}: its own entries aren't 1 to ${own.length}`);
  }
  const at = new Map(events.map((event) => [`${event.host} ${event.clock.get(event.host)}`, event]));
  for (const { host, clock, event } of events) {
    if (host === "" || event === "") complaints.push(`an event without a host or a text: "${host}" "${event}"`);
    for (const [other, count] of clock) {
      if (!Number.isInteger(count) || count < 1) complaints.push(`${host}: ${other} is at ${count}`);
      if (!byHost.has(other)) complaints.push(`${host} knows of ${other}, which has no events`);
      const known = at.get(`${other} ${count}`);
      if (known === undefined) complaints.push(`${host} knows of event ${count} of ${other}, which isn't there`);
      // An event's process knows everything that the event's causes knew.
      else if ([...known.clock].some(([third, seen]) => seen > (clock.get(third) ?? 0)))
        complaints.push(`${host} at ${clock.get(host)} knows less than event ${count} of ${other}`);
    }
  }
  return complaints;
}
