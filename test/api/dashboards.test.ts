// The Grafana dashboard and the alert rules, held against what /metrics of a running api gives.
import { readFileSync } from "node:fs";
import { parser } from "@prometheus-io/lezer-promql";
import { parse } from "yaml";
import { JobState } from "../../services/api/src/generated/prisma/client.js";
import { MACHINE_STATES } from "../../services/api/src/machines/state.js";
import { startApi, type TestApi } from "../support/api.js";

interface Panel {
	id: number;
	type: string;
	title: string;
	gridPos: { x: number; y: number; w: number; h: number };
	targets?: { expr: string; legendFormat: string }[];
}
interface Rule {
	alert: string;
	expr: string;
	labels: { severity: string };
	annotations: { summary: string; description: string };
}
const { panels } = JSON.parse(readFileSync("deploy/grafana/dashboard.json", "utf8")) as { panels: Panel[] };
const { groups } = parse(readFileSync("deploy/grafana/alerts.yaml", "utf8")) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const expressions: [string, string][] = [
	...panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }): [string, string] => [title, expr])),
	...rules.map(({ alert, expr }): [string, string] => [alert, expr]),
];

/** What Prometheus adds to whatever it scrapes, and to a histogram. */
const SCRAPED = ["job", "instance", "le"];
/** What Grafana fills in. */
const filled = (expr: string) => expr.replaceAll("$__rate_interval", "5m");

/** The nodes of a kind that an expression has, as text. */
function partsOf(expr: string, kind: string): string[] {
	const found: string[] = [];
	parser.parse(expr).iterate({
		enter: ({ name, from, to }) => {
			if (name === kind) found.push(expr.slice(from, to));
		},
	});
	return found;
}

let api: TestApi;
let text: string;
/** By name as Prometheus knows it, which labels a metric has. */
const labelsOf = new Map<string, string[]>();
beforeAll(async () => {
	api = await startApi();
	await api.experiment(["SUCCEEDED", "FAILED"]);
	const answer = await api.app.inject({ url: "/metrics" });
	expect([answer.statusCode, answer.headers["content-type"]]).toEqual([200, expect.stringContaining("text/plain")]);
	text = answer.body;
	for (const [, name = "", type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
		const { labelNames } = api.app.meters.registry.getSingleMetric(name) as unknown as { labelNames: string[] };
		const names = type === "histogram" ? [`${name}_bucket`, `${name}_count`, `${name}_sum`] : [name];
		for (const each of names) labelsOf.set(each, labelNames);
	}
});
afterAll(() => api.close());

it("would see what is wrong with an expression", () => {
	expect(partsOf("sum(rate(a[5m])", "⚠")).toHaveLength(1);
	expect(partsOf('sum by (d) (a{b="c"})', "LabelName")).toEqual(["d", "b"]);
});

it("asks for all that there is", () => {
	expect(expressions.length).toBeGreaterThan(20);
	const asked = new Set(expressions.flatMap(([, expr]) => partsOf(filled(expr), "Identifier")));
	const unasked = [...labelsOf.keys()]
		.map((name) => name.replace(/_(bucket|count|sum)$/, ""))
		.filter((name) => ![...asked].some((each) => each.startsWith(name)));
	expect(unasked).toEqual([]);
});

it.each(expressions)("%s: its metrics and labels are there: %s", (_title, raw) => {
	const expr = filled(raw);
	// "⚠" is what the parser could not read.
	expect(partsOf(expr, "⚠")).toEqual([]);
	const names = partsOf(expr, "Identifier").filter((name) => name.startsWith("valence_"));
	expect(names.length).toBeGreaterThan(0);
	for (const name of names) expect([...labelsOf.keys()]).toContain(name);
	const known = new Set([...SCRAPED, ...names.flatMap((name) => labelsOf.get(name) ?? [])]);
	for (const label of partsOf(expr, "LabelName")) expect([...known]).toContain(label);
});

it("compares labels with values that occur", () => {
	/** Of jobs and of machines. */
	const states = [...Object.values(JobState), ...MACHINE_STATES] as string[];
	const sources = ["recommend", "../plugins/outcomes", "../plugins/prometheus"]
		.map((path) => readFileSync(`services/api/src/serving/${path}.ts`, "utf8"))
		.join("");
	const matched = expressions.flatMap(([, expr]) => [...expr.matchAll(/(\w+)!?=~?"([^"$]+)"/g)]);
	expect(matched.length).toBeGreaterThan(5);
	for (const [, label, values = ""] of matched) {
		if (label === "status") continue;
		for (const value of values.split("|")) {
			if (label === "state") expect(states).toContain(value);
			else expect(sources).toContain(`"${value}"`);
		}
	}
	expect(text).toContain('valence_jobs{kind="run",state="FAILED"} 1');
});

it("has panels that do not overlap, and alerts that say what to do", () => {
	expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
	for (const one of panels) {
		expect(one.gridPos.x + one.gridPos.w).toBeLessThanOrEqual(24);
		for (const other of panels.filter(({ id }) => id > one.id)) {
			const [a, b] = [one.gridPos, other.gridPos];
			const apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
			expect([one.title, other.title, apart]).toEqual([one.title, other.title, true]);
		}
	}
	expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
	for (const { labels, annotations } of rules) {
		expect(["warning", "critical"]).toContain(labels.severity);
		expect(annotations).toEqual({ summary: expect.any(String), description: expect.any(String) });
	}
});
