import type { RecommendedItem } from "./generated/openapi.js";

/** The item goes with what the person has, whatever they are interested in. */
export const LINEAR = "linear";

/** What has the largest part in an item's score: an interest, by its index, or LINEAR; null where the model tells none. */
export function causeOf({
	interestShares,
	linearShare = 0,
}: Pick<RecommendedItem, "interestShares" | "linearShare">): number | typeof LINEAR | null {
	const largest = Math.max(0, ...interestShares);
	if (linearShare > largest) return LINEAR;
	return interestShares.length > 0 ? interestShares.indexOf(largest) : null;
}
