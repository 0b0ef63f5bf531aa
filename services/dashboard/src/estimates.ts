// How much memory and time runs are said to take before they are launched, and what they took.
import { type Estimate, LIKENESS, type ModelEstimate, type RunDetail } from "@valence/client";
import { bytes, duration } from "./format";

type Range = Pick<NonNullable<Estimate["seconds"]>, "low" | "high">;

/** "34 s", or "34 s to 14 min". */
export const rangeText = ({ low, high }: Range): string =>
	brief(low) === brief(high) ? brief(high) : `${brief(low)} to ${brief(high)}`;

/** "Each run takes about 805.0 MiB of memory, and 34 s to 14 min, like the last runs of this configuration on this dataset." */
export function estimateSentence({ runs, memoryBytes, seconds, class: machineClass }: ModelEstimate): string {
	const who = runs === 1 ? "The run" : "A run";
	const memory = memoryBytes === null ? "" : ` about ${bytes(memoryBytes)} of memory`;
	const time = seconds === null ? "" : ` ${rangeText(seconds)}, like ${LIKENESS[seconds.like]}`;
	return [
		memory || time ? `${who} takes${[memory, time].filter(Boolean).join(", and")}.` : "",
		seconds === null ? "How long is not known: no run of this model has ended." : "",
		seconds !== null && seconds.high > seconds.low ? "Training ends early once it gets no better." : "",
		machineClass === null ? "" : `It goes to machines of class ${machineClass}.`,
	]
		.filter(Boolean)
		.join(" ");
}

/** Of all runs, one after another; null where one is not known. */
export function secondsOfAll(models: Pick<ModelEstimate, "runs" | "seconds">[]): Range | null {
	const sum = { low: 0, high: 0 };
	for (const { runs, seconds } of models) {
		if (seconds === null) return null;
		sum.low += runs * seconds.low;
		sum.high += runs * seconds.high;
	}
	return sum;
}

/** "841.0 MiB, about 720.0 MiB estimated": what it took beside what was said. */
export function memoryText({ peakMemoryBytes, estimate }: Pick<RunDetail, "peakMemoryBytes" | "estimate">): string {
	return beside(bytes(peakMemoryBytes), estimate?.memoryBytes == null ? null : `about ${bytes(estimate.memoryBytes)}`);
}

export const timeText = (took: string, { estimate }: Pick<RunDetail, "estimate">): string =>
	beside(took, estimate?.seconds ? rangeText(estimate.seconds) : null);

const beside = (took: string, said: string | null) => (said === null ? took : `${took}, ${said} estimated`);

const brief = (seconds: number) => (seconds < 10 ? `${Number(seconds.toPrecision(2))} s` : duration(seconds));
