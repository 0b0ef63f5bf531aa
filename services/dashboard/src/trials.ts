// Trials of searches among runs: what they are called, and how many of them there are.
import type { Ending, Protocol, Run } from "@valence/client";
import { metricTitle } from "./format";

/** Nothing has been proposed yet: its configuration is none. */
export const isUnproposed = ({ trial }: Pick<Run, "trial">) => trial !== null && trial.chosen === null;

/** "searched, 24 trials": what it took to come to a configuration. */
export const effortSentence = ({ trials }: { trials: number }) =>
	`searched, ${trials.toLocaleString("en")} ${trials === 1 ? "trial" : "trials"}`;

/** "12 complete, 3 pruned, 9 waiting", without what there is none of. */
export const countsSentence = (counts: Record<Ending, number>) =>
	(["complete", "pruned", "failed", "cancelled", "running", "waiting"] as const)
		.filter((ending) => counts[ending] > 0)
		.map((ending) => `${counts[ending].toLocaleString("en")} ${ending}`)
		.join(", ");

/** What decides between trials: validation recall at the first cut-off. */
export const titleOfTrials = ({ cutoffs }: Pick<Protocol, "cutoffs">) =>
	metricTitle(`valid.recall@${cutoffs[0] ?? 20}`);
