// How runs are measured: the choices of a form.
import type { NewExperiment, Protocol } from "@valence/client";
import { metricTitle } from "./format";
import type { Known } from "./measures";

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

/** What is measured where nobody asks for more. */
export const USUAL_METRICS = ["recall", "ndcg"];

export const metricsProblem = (names: string[]) => (names.length === 0 ? "at least one" : null);

/** What all runs of an experiment share, as texts of a form. */
export interface Shared {
	name: string;
	dataset: string | null;
	seeds: string[];
	maskTest: string;
	cutoffs: string[];
	metrics: string[];
}

/** Why nothing can be launched with it. */
export function sharedProblem({ dataset, seeds, cutoffs, metrics }: Shared): string | null {
	if (dataset === null) return "Choose a dataset.";
	const problems = { Seeds: seedProblem(seeds), "Cut-offs": cutoffProblem(cutoffs), Metrics: metricsProblem(metrics) };
	const [wrong] = Object.entries(problems).filter(([, problem]) => problem !== null);
	return wrong ? `${wrong[0]}: ${wrong[1]}.` : null;
}

/** Metrics that are named before the others are only counted. */
const NAMED = 4;

function measuredAt(metrics: string[], cutoffs: (string | number)[], known: Known[]): string {
	const titles = metrics.map((name) => metricTitle(`.${name}`, known));
	const more = titles.length > NAMED ? ` and ${titles.length - NAMED} more` : "";
	return `${titles.slice(0, NAMED).join(", ")}${more} at ${cutoffs.join(", ")}`;
}

export const protocolSentence = ({ maskTest, cutoffs, metrics }: Shared, known: Known[]) =>
	`the test masks ${MASKS.find(({ value }) => value === maskTest)?.label ?? maskTest}, ${measuredAt(metrics, cutoffs, known)}`;

/** One of several that a dataset was tested under: "Recall, NDCG at 20, 50, masks train, 12 configurations". */
export function protocolName({ metrics, cutoffs, maskTest }: Protocol, configurations: number, known: Known[]): string {
	const noun = configurations === 1 ? "configuration" : "configurations";
	return `${measuredAt(metrics, cutoffs, known)}, masks ${maskTest}, ${configurations} ${noun}`;
}
