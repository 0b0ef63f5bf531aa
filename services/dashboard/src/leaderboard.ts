// What the leaderboard of a dataset shows: its configurations, what can be tested of them, and what they are measured by.
import type { LeaderboardGroup, Protocol } from "@valence/client";
import { type Asked, MOST_GROUPS } from "./comparison-asked";
import { bytes, count, duration, metric, metricTitle } from "./format";
import { betterOf, type Known } from "./measures";

/** A measure whose largest value is so many times its smallest is drawn by its magnitude. */
const WIDE = 30;

export const placeName = ({ model, label }: Pick<LeaderboardGroup, "model" | "label">) =>
	label === "" ? model : `${model}, ${label}`;

/** Runs with values of single users: only these can be compared. */
export const testedRuns = ({ runs }: Pick<LeaderboardGroup, "runs">) =>
	runs.filter(({ users }) => users !== null && users > 0);
export const isTestable = (group: Pick<LeaderboardGroup, "runs">) => testedRuns(group).length > 0;
export const usersOf = (group: Pick<LeaderboardGroup, "runs">) => testedRuns(group)[0]?.users ?? null;

/** Those to test: the chosen ones, else the first that can be. */
export function toTest(groups: LeaderboardGroup[], chosen: string[]): LeaderboardGroup[] {
	const asked = groups.filter(({ configHash }) => chosen.includes(configHash));
	return (asked.length > 0 ? asked : groups).filter(isTestable).slice(0, MOST_GROUPS);
}

/** As a comparison is asked for them. */
export const placeAsked = (group: LeaderboardGroup): Asked => ({
	name: placeName(group),
	runs: testedRuns(group).map(({ id }) => id),
});

/** Of the test, in the order of the protocol. */
export const testMetrics = (
	groups: Pick<LeaderboardGroup, "metrics">[],
	{ metrics, cutoffs }: Pick<Protocol, "metrics" | "cutoffs">,
) =>
	metrics
		.flatMap((name) => cutoffs.map((cutoff) => `test.${name}@${cutoff}`))
		.filter((name) => groups.some((group) => name in group.metrics));

export interface Measure {
	name: string;
	title: string;
	/** Null: neither way is. */
	better: "higher" | "lower" | null;
	of: (group: LeaderboardGroup) => number | null;
	text: (value: number) => string;
}

/** What two configurations can be weighed by: metrics and effort. */
export function weighedBy(groups: LeaderboardGroup[], protocol: Protocol, known: Known[]): Measure[] {
	const measures: Measure[] = testMetrics(groups, protocol).map((name) => ({
		name,
		title: metricTitle(name.replace("test", ""), known),
		better: betterOf(name, known) ?? null,
		of: ({ metrics }) => metrics[name]?.mean ?? null,
		text: metric,
	}));
	const effort: Measure[] = [
		{ name: "seconds", title: "Training time", better: "lower", of: ({ seconds }) => seconds.mean, text: duration },
		{ name: "memory", title: "Peak memory", better: "lower", of: (group) => group.peakMemoryBytes, text: bytes },
		{ name: "parameters", title: "Parameters", better: "lower", of: (group) => group.parameters, text: count },
	];
	return [...measures, ...effort].filter(({ of }) => groups.some((group) => of(group) !== null));
}

/** Accuracy over coverage where it is measured, else over time. */
export function axesOf(measures: Measure[], asked: { x: string | null; y: string | null }) {
	const find = (name: string | null) => measures.find((one) => one.name === name);
	const y = find(asked.y) ?? measures[0];
	const x =
		find(asked.x) ?? measures.find(({ name }) => name.startsWith("test.coverage@")) ?? find("seconds") ?? measures[1];
	return x && y && { x, y };
}

export interface Spot {
	id: string;
	text: string;
	x: number;
	y: number;
}

/** Those measured by both. */
export const spotsOf = (groups: LeaderboardGroup[], { x, y }: { x: Measure; y: Measure }): Spot[] =>
	groups.flatMap((group) => {
		const [right, up] = [x.of(group), y.of(group)];
		return right === null || up === null ? [] : [{ id: group.configHash, text: placeName(group), x: right, y: up }];
	});

export const isWide = (values: number[]) => {
	const [least, most] = [Math.min(...values), Math.max(...values)];
	return least > 0 && most / least > WIDE;
};
