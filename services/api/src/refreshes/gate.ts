// Whether a candidate may be served: numbers side by side in, what follows from them out.
import type { RefreshSpec } from "./rule.js";

/** Means over nobody are null. `deployed` is undefined where nothing is deployed yet. */
export interface Numbers {
	candidate: number | null;
	popularity: number | null;
	deployed: number | null | undefined;
	/** Why the number of what is deployed is not known. */
	unknown?: string;
}
export interface Judgement {
	/** What the candidate has to reach; null where that is not known, or not asked. */
	needs: { deployed: number | null; popularity: number | null };
	passed: boolean;
	reason: string;
}

/** Means of several seeds are not exact. */
const ROUNDING = 1e-9;

export function judge(
	{ metric, tolerance, margin }: RefreshSpec["gate"],
	{ candidate, popularity, deployed, unknown = "nobody was measured by it" }: Numbers,
): Judgement {
	const needs = {
		deployed: typeof deployed === "number" ? deployed * (1 - tolerance) : null,
		popularity: popularity === null ? null : popularity * (1 + margin),
	};
	const no = (reason: string): Judgement => ({ needs, passed: false, reason });
	const unmeasured = (whose: string, why = "nobody was measured by it") =>
		no(`Refused: ${metric} of ${whose} is not known, for ${why}.`);
	if (candidate === null) return unmeasured("the candidate");
	if (needs.popularity === null) return unmeasured("popularity");
	if (deployed === null) return unmeasured("what is deployed", unknown);
	const has = `${metric} of the candidate is ${shown(candidate)}`;
	const lost = tolerance > 0 ? `, of which ${percent(tolerance)} may be lost` : "";
	const above = margin > 0 ? `, and ${percent(margin)} more is needed` : "";
	const asDeployed = `what is deployed has ${shown(deployed ?? 0)}${lost}`;
	const asPopular = `popularity has ${shown(popularity ?? 0)}${above}`;
	const reaches = (bar: number | null) => bar === null || candidate >= bar - ROUNDING;
	if (!reaches(needs.deployed)) return no(`Refused: ${has}; ${asDeployed}.`);
	if (!reaches(needs.popularity)) return no(`Refused: ${has}; ${asPopular}.`);
	const compared = deployed === undefined ? "nothing is deployed yet" : asDeployed;
	return { needs, passed: true, reason: `Passed: ${has}; ${compared}; ${asPopular}.` };
}

const shown = (value: number) => String(Number(value.toPrecision(4)));
const percent = (share: number) => `${Number((share * 100).toPrecision(3))} %`;
