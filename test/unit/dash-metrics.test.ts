// /metrics: Prometheus' text format and naming conventions, checked by our own rules always and by promtool where there is one.
// And what compose/grafana.yml makes of them: its images can't be fetched here, so its files are held against each other.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { describeMetrics } from "../../lab/dash/metrics.ts";
import { renderMetrics } from "../../lab/dash/metrics-text.ts";
import { promtool, runPromtool, whyNoPromtool } from "../support/promtool.ts";
import { clusterSnapshot } from "../support/snapshots.ts";

const FACTS = { lab: 'a "shop"\\', runtime: "local", profile: "fast" };
const text = renderMetrics(describeMetrics(FACTS, clusterSnapshot(5)));
const compose = join(import.meta.dirname, "../../compose");

describe("the metrics of a lab", () => {
  test("must each have one help and type, and be of one block", () => {
    const names = [...text.matchAll(/^# TYPE (\S+) (gauge|counter)$/gm)].map(([, name]) => name);
    expect(names.length).toBeGreaterThan(25);
    expect(new Set(names).size).toBe(names.length);
    let current = "";
    for (const line of text.trimEnd().split("\n")) {
      if (line.startsWith("# HELP ")) current = line.split(" ")[2] ?? "";
      else if (line.startsWith("# TYPE ")) expect(line.split(" ")[2]).toBe(current);
      else
        expect(line).toMatch(
          new RegExp(`^${current}\\{[a-z_]+="(?:[^"\\\\]|\\\\.)*"(?:,[a-z_]+="(?:[^"\\\\]|\\\\.)*")*\\} -?[0-9.e+-]+$`),
        );
    }
  });

  test("must be named by convention: prefix, unit, _total for what only grows", () => {
    for (const [, name = "", type] of text.matchAll(/^# TYPE (\S+) (\w+)$/gm)) {
      expect(name).toMatch(/^energy_lab_[a-z_]+$/);
      expect(name.endsWith("_total")).toBe(type === "counter");
      expect(name).not.toMatch(/_ms(_|$)|_kb(_|$)|percent/);
    }
  });

  test("must never say the same sample twice", () => {
    const series = text.split("\n").flatMap((line) => (line.startsWith("#") ? [] : [line.replace(/ \S+$/, "")]));
    expect(series.filter((item, i) => series.indexOf(item) !== i && item !== "")).toEqual([]);
  });

  test("must tell of a node that doesn't answer that it is down, and nothing else of it", () => {
    const down = clusterSnapshot(3, { down: [2] });
    const out = renderMetrics(describeMetrics({ ...FACTS, lab: "shop" }, down));
    expect(out).toContain('energy_lab_node_up{lab="shop",node="2"} 0');
    expect(out).toContain('energy_lab_node_up{lab="shop",node="1"} 1');
    expect(out).not.toContain('energy_lab_node_balance_credits{lab="shop",node="2"}');
  });

  test("must show the sum of all balances at every node, and dropped datagrams but the node's own", () => {
    const out = renderMetrics(describeMetrics({ ...FACTS, lab: "shop" }, clusterSnapshot(3)));
    for (const node of [1, 2, 3])
      expect(out).toContain(`energy_lab_node_ledger_sum_credits{lab="shop",node="${node}"} 300`);
    expect(out).toContain('energy_lab_node_datagrams_dropped_total{lab="shop",node="1",reason="replay"} 2');
    expect(out).not.toContain('reason="own"');
  });

  test.skipIf(promtool === null)(`must have nothing that promtool complains of${whyNoPromtool}`, () => {
    expect(runPromtool(["check", "metrics"], text)).toBe("");
  });
});

interface Dashboard {
  readonly uid: string;
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly description: string;
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
    readonly datasource: { readonly uid: string };
    readonly targets: readonly { readonly expr: string; readonly datasource: { readonly uid: string } }[];
  }[];
}

describe("compose/grafana.yml", () => {
  const read = (name: string): string => readFileSync(join(compose, name), "utf8");
  const overlay = parse(read("grafana.yml")) as {
    services: Record<string, { image: string; network_mode: string; volumes: string[]; command?: string[] }>;
  };
  const dashboard = JSON.parse(read("grafana/dashboard.json")) as Dashboard;

  test("must name images of one version, and mount files that exist, for reading only", () => {
    for (const service of Object.values(overlay.services)) {
      expect(service.image).toMatch(/^[a-z]+\/[a-z]+:v?\d+\.\d+\.\d+$/);
      for (const volume of service.volumes) {
        const [path = "", , mode] = volume.split(":");
        expect(mode).toBe("ro");
        expect(read(path.replace("./compose/", ""))).not.toBe("");
      }
    }
  });

  test("must let nobody but this machine in", () => {
    expect(overlay.services.prometheus?.command).toContain("--web.listen-address=127.0.0.1:9090");
    expect(read("grafana.yml")).toContain("GF_SERVER_HTTP_ADDR: 127.0.0.1");
  });

  test("must scrape where README says that the metrics are", () => {
    const config = parse(read("grafana/prometheus.yml"));
    expect(config.scrape_configs[0].static_configs[0].targets).toEqual(["127.0.0.1:9464"]);
    const source = parse(read("grafana/datasource.yml"));
    expect(source.datasources[0]).toMatchObject({ url: "http://127.0.0.1:9090", uid: "energy-lab" });
  });

  test("must draw metrics that exist, by their labels, from the source that is set up", () => {
    const names = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
    const labels = new Set([...text.matchAll(/[{,]([a-z_]+)="/g)].map(([, label]) => label));
    for (const { title, targets, datasource } of dashboard.panels) {
      expect(datasource.uid, title).toBe("energy-lab");
      for (const { expr } of targets) {
        const used = expr.match(/energy_lab_\w+/g) ?? [];
        expect(used.length, expr).toBeGreaterThan(0);
        expect(
          used.filter((name) => !names.has(name)),
          title,
        ).toEqual([]);
        for (const [, selector = ""] of expr.matchAll(/\{([^}]*)\}/g)) {
          const asked = [...selector.matchAll(/([a-z_]+)=/g)].map(([, label]) => label);
          expect(
            asked.filter((label) => !labels.has(label)),
            expr,
          ).toEqual([]);
        }
      }
    }
  });

  test("must put every panel in a place of its own, with a word on what it shows", () => {
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)}/${y + Math.floor(i / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(Math.max(...panels.map(({ gridPos }) => gridPos.x + gridPos.w))).toBe(24);
    expect(panels.filter(({ description }) => description.length < 10).map(({ title }) => title)).toEqual([]);
  });

  test.skipIf(promtool === null)(`must have a configuration that Prometheus takes${whyNoPromtool}`, () => {
    expect(runPromtool(["check", "config", join(compose, "grafana/prometheus.yml")])).toBe("");
  });
});
