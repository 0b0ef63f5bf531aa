// Runs beside each other: what differs only by its seed is one line with its mean, best in bold, second underlined.
import type { Client, ExperimentDetail, Run } from "@valence/client";
import { bold, dim, duration, say, table, underlined } from "@valence/supervisor/terminal";
import { decimals, type Figure, ranks, summarise } from "./figures.js";
import { betterOf, type Known, namesOf, titleOf } from "./metrics.js";
import { isOpen } from "./watching.js";

export interface Line {
	model: string;
	/** The fields by which its configuration differs from the others of its model. */
	label: string;
	/** Those that are in, one a seed. */
	runs: Run[];
	/** How many were asked for. */
	seeds: number;
	figures: (Figure | null)[];
}
export interface Comparison {
	protocolHash: string;
	dataset: string;
	metrics: string[];
	lines: Line[];
	/** Whether runs are still under way: nothing is best before all are in. */
	isOpen: boolean;
}

/** One comparison for each protocol: numbers of two protocols do not compare. The best in the first metric leads. */
export function comparisonsOf(experiments: ExperimentDetail[], known: Known[]): Comparison[] {
	const byProtocol = groupedBy(experiments, ({ protocol }) => protocol.hash);
	return [...byProtocol].map(([protocolHash, members]) => {
		const all = members.flatMap((one) => one.runs);
		const [{ protocol }] = members as [ExperimentDetail];
		const there = new Set(all.flatMap((run) => Object.keys(run.metrics)));
		const [tested = [], validated = []] = (["test", "valid"] as const).map((split) =>
			namesOf(protocol, split).filter((name) => there.has(name)),
		);
		const metrics = tested.length > 0 ? tested : validated;
		const groups = [...groupedBy(all, ({ configHash }) => configHash).values()] as [Run, ...Run[]][];
		const lines = groups.map((group) => {
			const [{ model }] = group;
			const twins = groups.map(([one]) => one).filter((one) => one.model === model);
			const runs = newestOfSeeds(group.filter(({ state }) => state === "SUCCEEDED"));
			const figures = metrics.map((metric) => summarise(runs.map((run) => run.metrics[metric])));
			const seeds = new Set(group.map(({ seed }) => seed)).size;
			return { model, label: differences(group[0], twins), runs, seeds, figures };
		});
		const sign = betterOf(metrics[0] ?? "", known) === "lower" ? -1 : 1;
		const value = ({ figures: [first] }: Line) => (first ? sign * first.mean : Number.NEGATIVE_INFINITY);
		lines.sort((a, b) => value(b) - value(a) || 0);
		return { protocolHash, dataset: members[0]?.dataset.name ?? "", metrics, lines, isOpen: all.some(isOpen) };
	});
}

function groupedBy<T>(all: T[], key: (one: T) => string): Map<string, T[]> {
	const groups = new Map<string, T[]>();
	for (const one of all) groups.set(key(one), [...(groups.get(key(one)) ?? []), one]);
	return groups;
}

/** Of runs with one seed only the newest: the same work done twice is no sample. */
function newestOfSeeds(runs: Run[]): Run[] {
	const newestFirst = [...runs].sort((a, b) => (b.finishedAt ?? "").localeCompare(a.finishedAt ?? ""));
	return newestFirst.filter((run, index) => index === newestFirst.findIndex(({ seed }) => seed === run.seed));
}

function differences(run: Run, twins: Run[]): string {
	const settingsOf = ({ config, processes }: Run): Record<string, unknown> => ({ ...config, processes });
	const own = settingsOf(run);
	const fields = Object.keys(own).filter((field) =>
		twins.some((twin) => JSON.stringify(settingsOf(twin)[field]) !== JSON.stringify(own[field])),
	);
	return fields.map((field) => `${field} ${JSON.stringify(own[field])}`).join(", ");
}

/** Metrics beside each other: more are a table of their own, below. */
const MOST_METRICS = 6;

export async function sayComparison(api: Client, experiments: ExperimentDetail[]): Promise<void> {
	const { items: known } = await api.get("/metric-definitions");
	const comparisons = comparisonsOf(experiments, known);
	for (const comparison of comparisons) {
		const { dataset, protocolHash, metrics, lines } = comparison;
		say(`\n  ${bold(`On ${dataset}`)} ${dim(`protocol ${protocolHash.slice(0, 8)}`)}\n`);
		if (lines.every(({ runs }) => runs.length === 0)) {
			say("  No run has finished yet.");
			continue;
		}
		for (let from = 0; from === 0 || from < metrics.length; from += MOST_METRICS) {
			if (from > 0) say();
			sayLines(comparison, from, known);
		}
	}
}

/** Of each metric, which lines are the best and the second. Sure is no mean that still moves, and none that lacks a seed. */
export const placesOf = ({ lines, metrics, isOpen }: Comparison, known: Known[] = []): (1 | 2 | null)[][] =>
	metrics.map((metric, column) => {
		const all = ranks(
			lines.map(({ figures }) => figures[column] ?? null),
			metric,
			known,
		);
		return lines.map(({ runs, seeds }, row) => (isOpen || runs.length < seeds ? null : (all[row] ?? null)));
	});

/** Some of the metrics; seeds and times beside the first of them. */
function sayLines(comparison: Comparison, from: number, known: Known[]): void {
	const { lines, metrics } = comparison;
	const shown = metrics.slice(from, from + MOST_METRICS);
	const figuresOf = ({ figures }: Line) => figures.slice(from, from + MOST_METRICS);
	const places = placesOf(comparison, known);
	const hasLabels = lines.some(({ label }) => label !== "");
	const offset = hasLabels ? 2 : 1;
	const titles = shown.map((metric) => titleOf(metric, known));
	table(
		["model", ...(hasLabels ? ["with"] : []), ...titles, ...(from === 0 ? ["seeds", "time a run"] : [])],
		lines.map((line) => {
			const { model, label, runs, seeds } = line;
			const effort = [runs.length === seeds ? String(seeds) : `${runs.length} of ${seeds}`, timeOf(runs)];
			const cells = figuresOf(line).map((figure) => decimals(figure));
			return [model, ...(hasLabels ? [label] : []), ...cells, ...(from === 0 ? effort : [])];
		}),
		{
			left: hasLabels ? [0, 1] : [0],
			paint: (text, row, column) => {
				const rank = places[from + column - offset]?.[row];
				return rank === 1 ? bold(text) : rank === 2 ? underlined(text) : text;
			},
		},
	);
}

function timeOf(runs: Run[]): string {
	const mean = summarise(runs.map(({ trainSeconds }) => trainSeconds))?.mean;
	return mean === undefined ? "–" : duration(mean);
}
