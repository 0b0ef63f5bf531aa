// What a chart draws of one metric of several runs.
import type { MetricSeries } from "@valence/client";

export interface Line {
	id: string;
	label: string;
	series: MetricSeries[];
}

interface Level {
	value: number;
	label: string;
	/** That of its line, which gives the colour. */
	index: number;
}

/** A model solved at once has no curve over epochs: beside curves it is a level to beat. */
export function curvesOf(lines: Line[], split: string, name: string) {
	const measured = lines.map((line, index) => ({
		...line,
		index,
		points: (line.series.find((one) => one.split === split && one.name === name)?.points ?? []).filter(
			(point): point is { epoch: number; value: number } => point.value !== null,
		),
	}));
	const lastEpoch = Math.max(0, ...measured.flatMap(({ points }) => points.map(({ epoch }) => epoch)));
	const curves = measured.filter(({ points }) => points.length > 1 || (points.length > 0 && lastEpoch === 1));
	// Its seeds mostly agree: one line for what would lie on top of each other.
	const levels: Level[] = measured
		.filter(({ points }) => points.length === 1 && lastEpoch > 1)
		.map(({ points, label, index }) => ({
			value: points[0]?.value ?? 0,
			label: label.replace(/ (seed|trial) \d+$/, ""),
			index,
		}))
		.filter(({ value, label }, at, all) => all.findIndex((one) => one.value === value && one.label === label) === at);
	const rows = new Map<number, Record<string, number>>();
	for (const { id, points } of curves) {
		for (const { epoch, value } of points) rows.set(epoch, { ...rows.get(epoch), epoch, [id]: value });
	}
	return {
		curves,
		levels,
		rows: [...rows.values()].sort((a, b) => (a.epoch ?? 0) - (b.epoch ?? 0)),
		isUnmeasurable: isUnmeasurable(lines, split, name),
	};
}

/** A label is about as high as a tenth of a chart. */
const LABEL_SHARE = 0.1;

/** The levels that can be labelled side by side without covering each other: of such that are too near, the first. */
export function labelledLevels({
	levels,
	rows,
	curves,
}: Pick<ReturnType<typeof curvesOf>, "levels" | "rows" | "curves">): Level[] {
	const drawn = rows.flatMap((row) => curves.flatMap(({ id }) => row[id] ?? []));
	const values = [...drawn, ...levels.map(({ value }) => value)];
	const height = Math.max(...values) - Math.min(...values);
	const apart: Level[] = [];
	for (const level of levels) {
		if (apart.every(({ value }) => Math.abs(value - level.value) > LABEL_SHARE * height)) apart.push(level);
	}
	return apart;
}

/** Epochs have ended, and none of them has a value: nobody is in the part to measure on. */
const isUnmeasurable = (lines: Line[], split: string, name: string) => {
	const points = lines.flatMap(
		({ series }) => series.find((one) => one.split === split && one.name === name)?.points ?? [],
	);
	return points.length > 0 && points.every(({ value }) => value === null);
};

/** Those drawn unasked: all while they can be told apart, else the first seed of each configuration. */
export function drawnUnasked<T extends { configHash: string }>(runs: T[], most: number): T[] {
	if (runs.length <= most) return runs;
	const firsts = runs.filter(({ configHash }, at) => runs.findIndex((one) => one.configHash === configHash) === at);
	return firsts.slice(0, most);
}
