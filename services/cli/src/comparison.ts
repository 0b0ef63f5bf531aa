// Runs beside each other: what differs only by its seed is one line with its mean, best in bold, second underlined.
import type { ExperimentDetail, Run } from "@valence/client";
import { bold, dim, duration, say, table, underlined } from "@valence/supervisor/terminal";
import { decimals, type Figure, ranks, summarise } from "./figures.js";
import { titleOf } from "./metrics.js";
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

/** One comparison for each protocol: numbers of two protocols do not compare. */
export function comparisonsOf(experiments: ExperimentDetail[]): Comparison[] {
	const byProtocol = groupedBy(experiments, ({ protocol }) => protocol.hash);
	return [...byProtocol].map(([protocolHash, members]) => {
		const all = members.flatMap((one) => one.runs);
		const names = [...new Set(all.flatMap((run) => Object.keys(run.metrics)))];
		const tested = names.filter((name) => /^test\.(recall|ndcg)@/.test(name));
		const metrics = (tested.length > 0 ? tested : names.filter((name) => /^valid\.(recall|ndcg)@/.test(name))).sort(
			byCutoff,
		);
		const groups = [...groupedBy(all, ({ configHash }) => configHash).values()] as [Run, ...Run[]][];
		const lines = groups.map((group) => {
			const [{ model }] = group;
			const twins = groups.map(([one]) => one).filter((one) => one.model === model);
			const runs = newestOfSeeds(group.filter(({ state }) => state === "SUCCEEDED"));
			const figures = metrics.map((metric) => summarise(runs.map((run) => run.metrics[metric])));
			const seeds = new Set(group.map(({ seed }) => seed)).size;
			return { model, label: differences(group[0], twins), runs, seeds, figures };
		});
		lines.sort((a, b) => (b.figures[0]?.mean ?? -1) - (a.figures[0]?.mean ?? -1));
		return { protocolHash, dataset: members[0]?.dataset.name ?? "", metrics, lines, isOpen: all.some(isOpen) };
	});
}

function groupedBy<T>(all: T[], key: (one: T) => string): Map<string, T[]> {
	const groups = new Map<string, T[]>();
	for (const one of all) groups.set(key(one), [...(groups.get(key(one)) ?? []), one]);
	return groups;
}

const byCutoff = (a: string, b: string) => {
	const key = (name: string) => [name.includes("recall") ? 0 : 1, Number(name.split("@")[1])] as const;
	return key(a)[0] - key(b)[0] || key(a)[1] - key(b)[1];
};

/** Of runs with one seed only the newest: the same work done twice is no sample. */
function newestOfSeeds(runs: Run[]): Run[] {
	const newestFirst = [...runs].sort((a, b) => (b.finishedAt ?? "").localeCompare(a.finishedAt ?? ""));
	return newestFirst.filter((run, index) => index === newestFirst.findIndex(({ seed }) => seed === run.seed));
}

function differences(run: Run, twins: Run[]): string {
	const fields = Object.keys(run.config).filter((field) =>
		twins.some((twin) => JSON.stringify(twin.config[field]) !== JSON.stringify(run.config[field])),
	);
	return fields.map((field) => `${field} ${JSON.stringify(run.config[field])}`).join(", ");
}

export function sayComparison(experiments: ExperimentDetail[]): void {
	const comparisons = comparisonsOf(experiments);
	for (const { dataset, protocolHash, metrics, lines, isOpen } of comparisons) {
		say(`\n  ${bold(`On ${dataset}`)} ${dim(`protocol ${protocolHash.slice(0, 8)}`)}\n`);
		if (lines.every(({ runs }) => runs.length === 0)) {
			say("  No run has finished yet.");
			continue;
		}
		const places = metrics.map((metric, column) =>
			ranks(
				lines.map(({ figures }) => figures[column] ?? null),
				metric,
			),
		);
		const hasLabels = lines.some(({ label }) => label !== "");
		const offset = hasLabels ? 2 : 1;
		table(
			["model", ...(hasLabels ? ["with"] : []), ...metrics.map(titleOf), "seeds", "time a run"],
			lines.map(({ model, label, runs, seeds, figures }) => [
				...[model, ...(hasLabels ? [label] : []), ...figures.map((figure) => decimals(figure))],
				runs.length === seeds ? String(seeds) : `${runs.length} of ${seeds}`,
				timeOf(runs),
			]),
			{
				left: hasLabels ? [0, 1] : [0],
				paint: (text, row, column) => {
					const rank = isOpen ? null : places[column - offset]?.[row];
					return rank === 1 ? bold(text) : rank === 2 ? underlined(text) : text;
				},
			},
		);
	}
}

function timeOf(runs: Run[]): string {
	const mean = summarise(runs.map(({ trainSeconds }) => trainSeconds))?.mean;
	return mean === undefined ? "–" : duration(mean);
}
