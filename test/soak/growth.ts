// Whether what was sampled has grown, and the page that says so.
import { median } from "../../bench/http/figures.js";
import { thisMachine } from "../../bench/http/machine.js";
import type { Sample } from "./sampling.js";

export interface Growth {
	name: string;
	/** Medians of the first and of the last third of the samples. */
	first: number;
	last: number;
	most: number;
	isFlat: boolean;
}

/** What goes up and down by itself stays within a tenth, or within what one more run, connection or page takes. */
const SHARE = 0.1;
const ROOM: [what: RegExp, room: number][] = [
	// Of each of its queues in PostgreSQL BullMQ keeps some hundred events before it clears them up.
	[/^keys of the queue$/, 1_000],
	[/, MiB$/, 8],
	[/./, 10],
];

export function growthOf(samples: readonly Sample[]): Growth[] {
	const third = Math.max(Math.floor(samples.length / 3), 1);
	return Object.keys(samples[0] ?? {}).map((name) => {
		const values = samples.map((one) => one[name] ?? Number.NaN);
		const first = median(values.slice(0, third));
		const last = median(values.slice(-third));
		const [, room] = ROOM.find(([what]) => what.test(name)) as [RegExp, number];
		return { name, first, last, most: Math.max(...values), isFlat: last - first <= Math.max(first * SHARE, room) };
	});
}

export interface Soaked {
	backend: string;
	minutes: number;
	/** Before the first sample that counts. */
	warmUp: number;
	samples: Sample[];
	counts: Record<string, number>;
	wrong: string[];
}

/** Each once, and how often. */
function told(wrong: readonly string[]): string[] {
	const lines = wrong.map((one) => one.split("\n")[0]?.replace(/\.$/, "") ?? "");
	return [...new Set(lines)].map((line) => `${line} (${lines.filter((one) => one === line).length} times)`);
}

export function pageOf(all: readonly Soaked[]): string {
	const { processor, cores, node } = thisMachine("");
	const parts = all.flatMap(({ backend, minutes, warmUp, samples, counts, wrong }) => [
		`## ${backend}: ${Math.round(minutes)} minutes after ${Math.round(warmUp)} of warm-up`,
		"",
		"| | first third | last third | most | |",
		"| --- | ---: | ---: | ---: | --- |",
		...growthOf(samples).map(
			({ name, first, last, most, isFlat }) =>
				`| ${name} | ${first.toFixed(0)} | ${last.toFixed(0)} | ${most.toFixed(0)} | ${isFlat ? "flat" : "**grows**"} |`,
		),
		"",
		`Done meanwhile: ${Object.entries(counts)
			.map(([what, count]) => `${what} ${count}`)
			.join(", ")}.`,
		"",
		wrong.length === 0 ? "No answer was a wrong one." : `Wrong: ${told(wrong).join("; ")}.`,
		"",
	]);
	return [
		"# A soak",
		"",
		`Written by \`npm run soak -- --out bench/results/soak.md\`: ${processor}, ${cores} cores, Node ${node}. A whole stack under the load of a campaign without its`,
		"faults (launches, cancels, imports, exports, deployments, recommendations), and people who come to a feed and are erased; what is old is deleted, so that",
		"what is there stays as much. All timings of ours run at a fifth. Medians of the samples' first and last third; flat is within a tenth, or 8 MiB, or ten pieces.",
		"",
		...parts,
	].join("\n");
}
