import { Box, Text } from "@mantine/core";
import { OF_RUNS } from "@valence/client";
import { metric } from "../format";
import { type Mark, STAR } from "../marks";
import type { Column } from "./data-table";

interface Value {
	mean: number | null | undefined;
	deviation: number | null | undefined;
}

interface Options<T> {
	title: string;
	rows: T[];
	meanOf: (row: T) => Value;
	markOf: (row: T) => Mark | undefined;
	isBest: (row: T) => boolean;
}

const spread = (deviation: number | null | undefined) => (deviation == null ? "" : ` ± ${metric(deviation)}`);
const intervalText = ({ mean: { interval } }: Mark) =>
	interval ? ` [${metric(interval.low)}, ${metric(interval.high)}]` : "";

const sign = (mark: Mark | undefined) =>
	mark?.meaning === undefined ? "" : mark.meaning === "methods" ? ` ${STAR}` : ` ${OF_RUNS}`;
/** Programs read words. */
const IN_WORDS = { methods: STAR, runs: "of these runs", none: null } as const;
const TITLES = {
	methods: "Better after correction",
	runs: "Better in these runs after correction; other seeds may turn it round",
} as const;

/** Means under one metric: with an interval and a mark where a comparison gives them, else with the deviation over seeds. */
export function metricColumn<T>({ title, rows, meanOf, markOf, isBest }: Options<T>): Column<T> {
	const marks = rows.map(markOf);
	const isMarked = marks.some((mark) => mark !== undefined);
	const ends = marks
		.flatMap((mark) => [mark?.mean.interval?.low, mark?.mean.interval?.high])
		.filter((end) => end !== null && end !== undefined);
	const range: Range = { low: Math.min(...ends), high: Math.max(...ends) };
	const beside = (row: T) => {
		const mark = markOf(row);
		return mark?.mean.interval ? intervalText(mark) : spread(meanOf(row).deviation);
	};
	return {
		title,
		numeric: true,
		value: (row) => meanOf(row).mean,
		text: (row) => `${metric(meanOf(row).mean)}${beside(row)}${sign(markOf(row))}`,
		values: [
			{ title, of: (row) => meanOf(row).mean },
			{ title: `${title} deviation`, of: (row) => meanOf(row).deviation },
			...(isMarked
				? [
						{ title: `${title} low`, of: (row: T) => markOf(row)?.mean.interval?.low },
						{ title: `${title} high`, of: (row: T) => markOf(row)?.mean.interval?.high },
						{ title: `${title} star`, of: (row: T) => IN_WORDS[markOf(row)?.meaning ?? "none"] },
					]
				: []),
		],
		isBest,
		cell: (row) => <Cell value={meanOf(row)} mark={markOf(row)} range={range} isBest={isBest(row)} />,
	};
}

interface Range {
	low: number;
	high: number;
}

interface CellProps {
	value: Value;
	mark: Mark | undefined;
	range: Range;
	isBest: boolean;
}

const Cell = ({ value, mark, range, isBest }: CellProps) => (
	<>
		<Text span size="sm" fw={isBest ? 700 : undefined} className="together">
			{metric(value.mean)}
			{mark?.meaning && <span title={TITLES[mark.meaning]}>{sign(mark)}</span>}
			{!mark?.mean.interval && (
				<Text span size="xs" c="dimmed" fw={400}>
					{spread(value.deviation)}
				</Text>
			)}
		</Text>
		{mark?.mean.interval && (
			<>
				<Text size="xs" c="dimmed" className="together">
					{intervalText(mark).trim()}
				</Text>
				<IntervalBar {...mark.mean} range={range} />
			</>
		)}
	</>
);

/** Where an interval lies among those of its column. */
function IntervalBar({ mean, interval, range }: Mark["mean"] & { range: Range }) {
	if (mean === null || interval?.low == null || interval.high === null || range.high <= range.low) return null;
	const at = (value: number) => (100 * (value - range.low)) / (range.high - range.low);
	return (
		<div className="interval" aria-hidden>
			<Box style={{ left: `${at(interval.low)}%`, width: `${Math.max(1, at(interval.high) - at(interval.low))}%` }} />
			<Box className="middle" style={{ left: `${at(mean)}%` }} />
		</div>
	);
}
