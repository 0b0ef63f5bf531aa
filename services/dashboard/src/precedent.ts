// What is known of how long a run takes and how much memory: from the last one of its model on the same dataset.
import type { Run } from "@valence/client";
import { bytes, duration, plain } from "./format";

export interface Precedent extends Pick<Run, "config" | "epoch" | "trainSeconds"> {
	peakMemoryBytes: number | null;
}

/** Fields that say when training ends, and not how long a part of it takes. */
const ENDS = new Set(["epochs", "patience"]);

/** What a form asks for, a value a field: those given, several where they make a grid. */
export type Asked = Record<string, unknown[]>;

/** Fields whose values were other ones then, of those that make a part of training longer. */
export const otherThen = ({ config }: Precedent, asked: Asked): string[] =>
	Object.entries(asked)
		.filter(([name, values]) => !ENDS.has(name) && values.some((value) => plain(value) !== plain(config[name])))
		.map(([name]) => name);

/** What the form asks for: the values given, and the defaults of the others. */
export function askedOf(
	defaults: Record<string, { default?: unknown }>,
	{ params, grid }: { params: Record<string, unknown>; grid: Record<string, unknown[]> },
): Asked {
	return Object.fromEntries(
		Object.entries(defaults).map(([name, field]) => [
			name,
			grid[name] ?? [name in params ? params[name] : field.default],
		]),
	);
}

/** "The last one here took 34 s for 12 epochs, 2.8 s each, and 410.0 MiB of memory. It had k=2." */
export function precedentSentence(precedent: Precedent, asked: Asked): string | null {
	const { epoch, trainSeconds, peakMemoryBytes, config } = precedent;
	if (trainSeconds === null) return null;
	const each = epoch > 1 ? ` for ${epoch} epochs, ${brief(trainSeconds / epoch)} each` : "";
	const memory = peakMemoryBytes === null ? "" : `, and ${bytes(peakMemoryBytes)} of memory`;
	const others = otherThen(precedent, asked).map((name) => `${name}=${plain(config[name])}`);
	return [
		`The last one on this dataset took ${brief(trainSeconds)}${each}${memory}.`,
		others.length > 0 ? `It had ${others.join(", ")}.` : "",
		mostEpochs(precedent, asked),
	]
		.filter(Boolean)
		.join(" ");
}

/** How long all epochs take at most, where one takes as long as then. */
function mostEpochs(precedent: Precedent, asked: Asked): string {
	const { epoch, trainSeconds } = precedent;
	const most = Math.max(...(asked.epochs ?? []).map(Number));
	if (epoch <= 1 || trainSeconds === null || !Number.isFinite(most) || otherThen(precedent, asked).length > 0)
		return "";
	return `All ${most} epochs would take ${brief((trainSeconds / epoch) * most)}; training ends earlier once it gets no better.`;
}

const brief = (seconds: number) => (seconds < 10 ? `${Number(seconds.toPrecision(2))} s` : duration(seconds));

/** Seconds of all runs, one after another, if each takes as long as the last one like it; null where that is not known. */
export function secondsOfAll(parts: { precedent: Precedent | null; asked: Asked; runs: number }[]): number | null {
	let sum = 0;
	for (const { precedent, asked, runs } of parts) {
		if (precedent?.trainSeconds == null || otherThen(precedent, asked).length > 0) return null;
		sum += precedent.trainSeconds * runs;
	}
	return sum;
}
