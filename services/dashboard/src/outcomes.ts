// What the chart and the table of outcomes show.
import type { Outcome, Outcomes } from "@valence/client";
import { count, metric, percent } from "./format";

export type By = "all" | "tier" | "checkpoint";
/** More are not told apart; those with most answers are drawn. */
const MOST_LINES = 4;

interface Line {
	/** Of its values in the rows of the chart; `bandOf` names its interval. */
	id: string;
	label: string;
	outcome: Outcome;
	days: Outcomes["days"];
}

const named = ({ id, model, epoch }: Outcomes["checkpoints"][number]["checkpoint"]) =>
	model === null ? `${id.slice(0, 8)}, deleted` : `${model}, epoch ${epoch}`;

export function linesOf({ total, days, tiers, checkpoints }: Outcomes, by: By): Line[] {
	if (by === "all") return [{ id: "all", label: "All answers", outcome: total, days }];
	if (by === "tier")
		return tiers.map(({ tier, days: own, ...outcome }) => ({ id: tier, label: tier, outcome, days: own }));
	return checkpoints.map(({ checkpoint, days: own, ...outcome }) => {
		const label = named(checkpoint);
		const isTwice = checkpoints.filter((other) => named(other.checkpoint) === label).length > 1;
		return {
			id: checkpoint.id,
			label: isTwice ? `${label} (${checkpoint.id.slice(0, 4)})` : label,
			outcome,
			days: own,
		};
	});
}

export const drawn = (lines: Line[]) => lines.slice(0, MOST_LINES);
export const bandOf = (id: string) => `${id} interval`;

/** A row a day, oldest first: the share of each line and its interval, where it had answers whose time is over. */
export function rowsOf(lines: Line[]): Record<string, string | number | [number, number]>[] {
	const rows = new Map<string, Record<string, string | number | [number, number]>>();
	for (const { id, days } of lines) {
		for (const { day, share, shareInterval } of days) {
			if (share === null || shareInterval === null) continue;
			rows.set(day, { ...rows.get(day), day, [id]: share, [bandOf(id)]: [shareInterval.low, shareInterval.high] });
		}
	}
	return [...rows.values()].sort((a, b) => String(a.day).localeCompare(String(b.day)));
}

export const shareText = ({ share, shareInterval }: Pick<Outcome, "share" | "shareInterval">) =>
	share === null || !shareInterval
		? "–"
		: `${percent(share)} (${percent(shareInterval.low)} – ${percent(shareInterval.high)})`;
export const rankText = ({ meanRank, meanRankInterval }: Outcome) => {
	if (meanRank === null) return "–";
	const short = (rank: number) => Number(metric(rank)).toFixed(1);
	const interval = meanRankInterval && ` (${short(meanRankInterval.low)} – ${short(meanRankInterval.high)})`;
	return `${short(meanRank)}${interval ?? ""}`;
};

interface Numbers {
	value: number | null;
	interval: { low: number; high: number } | null;
}
const counted = (title: string, of: (outcome: Outcome) => number) => ({
	title,
	numeric: true,
	text: ({ outcome }: Line) => count(of(outcome)),
	values: [{ title, of: ({ outcome }: Line) => of(outcome) }],
});
const withInterval = (title: string, text: (outcome: Outcome) => string, of: (outcome: Outcome) => Numbers) => ({
	title,
	numeric: true,
	text: ({ outcome }: Line) => text(outcome),
	values: [
		{ title, of: ({ outcome }: Line) => of(outcome).value },
		{ title: `${title}, low`, of: ({ outcome }: Line) => of(outcome).interval?.low },
		{ title: `${title}, high`, of: ({ outcome }: Line) => of(outcome).interval?.high },
	],
});
/** Of the table; where it is taken along, intervals are columns of numbers. */
export const COLUMNS = [
	{ title: "Of", lead: true, text: ({ label }: Line) => label },
	counted("Answers", ({ answers }) => answers),
	counted("Still open", ({ open }) => open),
	counted("Taken", ({ taken }) => taken),
	withInterval("Share", shareText, ({ share, shareInterval }) => ({ value: share, interval: shareInterval })),
	withInterval("Mean rank", rankText, ({ meanRank, meanRankInterval }) => ({
		value: meanRank,
		interval: meanRankInterval,
	})),
];

/** What is to be known before the numbers are read. */
export function notesOf({ recording, answered, recordedShare, unmatched, withinHours }: Outcomes): string[] {
	const notes: string[] = [];
	if (recording === "off") notes.push("Answers are not recorded: OUTCOMES is off on this service.");
	if (recording === "no_feed")
		notes.push("Answers are not recorded: the deployment names no feed, so nobody can say what people do.");
	if (recording === "on" && answered === 0) notes.push("Nothing was answered yet.");
	if (answered > 0)
		notes.push(
			`Of answers with their time over, the share of which an item was taken within ${withinHours} hours: what the feed's interactions say by recommendationId. Intervals of 95 %.`,
		);
	if (recordedShare !== null && recordedShare < 0.9995)
		notes.push(`${percent(recordedShare)} of ${answered.toLocaleString("en")} answers are recorded.`);
	if (unmatched > 0)
		notes.push(
			unmatched === 1
				? "1 interaction names an answer and counts in none."
				: `${unmatched.toLocaleString("en")} interactions name an answer and count in none.`,
		);
	return notes;
}
