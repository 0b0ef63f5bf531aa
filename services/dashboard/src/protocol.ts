// How runs are measured: the choices of a form.
import type { NewExperiment } from "@valence/client";

export const MASKS = [
	{ value: "train", label: "train items (the paper's rule)" },
	{ value: "train+valid", label: "train and validation items" },
];

type Mask = NonNullable<NonNullable<NewExperiment["protocol"]>["maskTest"]>;
/** The choice that a form or an answer names. */
export const maskOf = (name: string): Mask => (name === "train+valid" ? name : "train");

const isWhole = (text: string) => /^\d{1,10}$/.test(text);

export function cutoffProblem(texts: string[]): string | null {
	if (texts.length === 0 || texts.length > 10) return "one to ten";
	return texts.every((text) => isWhole(text) && Number(text) >= 1 && Number(text) <= 1000)
		? null
		: "whole numbers from 1 to 1000";
}

export function seedProblem(texts: string[], most = 2 ** 31 - 1): string | null {
	if (texts.length === 0) return "at least one";
	return texts.every((text) => isWhole(text) && Number(text) <= most) ? null : `whole numbers from 0 to ${most}`;
}

/** What all runs of an experiment share, as texts of a form. */
export interface Shared {
	name: string;
	dataset: string | null;
	seeds: string[];
	maskTest: string;
	cutoffs: string[];
}

/** Why nothing can be launched with it. */
export function sharedProblem({ dataset, seeds, cutoffs }: Shared): string | null {
	if (dataset === null) return "Choose a dataset.";
	const [seed, cutoff] = [seedProblem(seeds), cutoffProblem(cutoffs)];
	if (seed !== null) return `Seeds: ${seed}.`;
	return cutoff === null ? null : `Cut-offs: ${cutoff}.`;
}

export const protocolSentence = ({ maskTest, cutoffs }: Shared) =>
	`the test masks ${MASKS.find(({ value }) => value === maskTest)?.label ?? maskTest}, metrics at ${cutoffs.join(", ")}`;
