// The rule of an experiment on what its finished runs keep: texts of a form and sentences.

export interface KeepTexts {
	checkpoints: KeepRule["checkpoints"];
	/** Empty: every run. */
	runs: string;
}

export const CHECKPOINTS = [
	{ value: "best+last", label: "the best and the last" },
	{ value: "best", label: "only the best" },
] as const;

export const textsOf = ({ checkpoints, runs }: KeepRule): KeepTexts => ({
	checkpoints,
	runs: runs === null ? "" : String(runs),
});

export const runsProblem = (text: string) =>
	text === "" || (/^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= 1000)
		? null
		: "a whole number from 1 to 1000, or nothing";

/** What the service takes. */
export const requestOf = ({ checkpoints, runs }: KeepTexts) => ({
	checkpoints,
	...(runs !== "" && { runs: Number(runs) }),
});

export function keepSentence({ checkpoints, runs }: KeepRule): string {
	const which = CHECKPOINTS.find(({ value }) => value === checkpoints)?.label;
	const whose = runs === null ? "every run" : runs === 1 ? "the best run" : `the ${runs} best runs`;
	return `${which} of ${whose}`;
}

import type { KeepRule } from "@valence/client";
