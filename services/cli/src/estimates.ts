// What was said of a run before it was queued, in words.
import { type Estimate, LIKENESS } from "@valence/client";
import { duration, size } from "@valence/supervisor/terminal";

/** "about 841 MB", and "34 s to 14 min"; undefined where it is not known. */
export const memoryWords = (estimate: Estimate | null) =>
	estimate?.memoryBytes == null ? undefined : `about ${size(estimate.memoryBytes)}`;
export const timeWords = (estimate: Estimate | null) =>
	estimate?.seconds == null ? undefined : rangeWords(estimate.seconds);

const rangeWords = ({ low, high }: { low: number; high: number }) =>
	duration(low) === duration(high) ? duration(high) : `${duration(low)} to ${duration(high)}`;

/** Of all runs of a launch, the largest one; undefined where nothing is known. */
export function launchWords(runs: { estimate: Estimate | null }[]): string | undefined {
	const memory = runs.flatMap(({ estimate }) => estimate?.memoryBytes ?? []);
	const seconds = runs.flatMap(({ estimate }) => estimate?.seconds ?? []);
	const [first] = seconds;
	const range = {
		low: Math.min(...seconds.map(({ low }) => low)),
		high: Math.max(...seconds.map(({ high }) => high)),
	};
	const parts = [
		memory.length > 0 && `about ${size(Math.max(...memory))} of memory`,
		first && `${rangeWords(range)}, like ${LIKENESS[first.like]}`,
	].filter(Boolean);
	return parts.length > 0 ? `a run takes ${parts.join(" and ")}` : undefined;
}
