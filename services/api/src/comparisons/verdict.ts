// Whether a difference is shown, and which way: said once, here, for stars, sentences and colours of every client.
import { type Static, Type } from "@fastify/type-provider-typebox";
import type { MetricDescription } from "../generated/proto/trainer/v1/measures.js";

/** Of a test after correction: below it a difference is shown. */
const LEVEL = 0.05;

export const Verdict = {
	verdict: Type.Enum(["better", "worse", "more", "less", "undecided"], {
		type: "string",
		description:
			"Of the group beside the baseline: `better` or `worse` where `pRandomisationHolm` is below 0.05 and `seedsInterval`, where there is one, does not hold 0; `more` or `less` for metrics of which neither way is better.",
	}),
	isUnsettled: Type.Boolean({
		description:
			"Whether a difference is shown on these users that other seeds may turn round: `seedsInterval` holds 0.",
	}),
};
export type Verdict = { [name in keyof typeof Verdict]: Static<(typeof Verdict)[name]> };

interface Tested {
	metric: string;
	difference: number | null;
	pRandomisationHolm: number | null;
	seedsInterval: { low: number | null; high: number | null } | null;
}

export function verdictOf({ metric, difference, pRandomisationHolm, seedsInterval }: Tested, better: Better): Verdict {
	const isShown = difference !== null && pRandomisationHolm !== null && pRandomisationHolm < LEVEL;
	const isUnsettled =
		isShown && seedsInterval !== null && (seedsInterval.low ?? 0) <= 0 && (seedsInterval.high ?? 0) >= 0;
	if (!isShown || isUnsettled) return { verdict: "undecided", isUnsettled };
	const isAbove = difference > 0;
	const way = better(metric);
	if (way !== "higher" && way !== "lower") return { verdict: isAbove ? "more" : "less", isUnsettled };
	return { verdict: isAbove === (way === "higher") ? "better" : "worse", isUnsettled };
}

/** Of recall@20, ...: higher, lower, or empty where neither is. */
export type Better = (metric: string) => string;

export const betterBy =
	(metrics: MetricDescription[]): Better =>
	(metric) =>
		metrics.find(({ name }) => name === metric.split("@")[0])?.better ?? "";
