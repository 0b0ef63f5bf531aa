// Whether a difference is shown, and which way: said once, here, for stars, sentences and colours of every client.
import { type Static, Type } from "@fastify/type-provider-typebox";
import type { MetricDescription } from "../generated/proto/trainer/v1/measures.js";

/** Of a test after correction: below it a difference is shown. */
const LEVEL = 0.05;

export const Verdict = {
	verdict: Type.Enum(["better", "worse", "more", "less", "undecided"], {
		type: "string",
		description:
			"Of the group beside the baseline: `better` or `worse` where `pRandomisationHolm` is below 0.05 and, unless both are closed forms, `seedsInterval` is there and does not hold 0; `more` or `less` for metrics of which neither way is better.",
	}),
	isUnsettled: Type.Boolean({
		description:
			"Whether a difference is shown of these runs that other seeds may turn round: `seedsInterval` holds 0, or there is none as one of the two was trained with a single seed.",
	}),
};
export type Verdict = { [name in keyof typeof Verdict]: Static<(typeof Verdict)[name]> };

interface Tested {
	metric: string;
	difference: number | null;
	pRandomisationHolm: number | null;
	seedsInterval: { low: number | null; high: number | null } | null;
}

/** isTrained: whether one of the two is no closed form. What users say of one seed of it is of that run: another may lie on the
 * other side of the same baseline, and a star is read as a claim about methods. */
export function verdictOf(
	{ metric, difference, pRandomisationHolm, seedsInterval }: Tested,
	isTrained: boolean,
	better: Better,
): Verdict {
	const isShown = difference !== null && pRandomisationHolm !== null && pRandomisationHolm < LEVEL;
	const holdsZero = (seedsInterval?.low ?? 0) <= 0 && (seedsInterval?.high ?? 0) >= 0;
	const isUnsettled = isShown && isTrained && holdsZero;
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
