// What makes two numbers comparable.
import { digest } from "../http/digest.js";

/** Where nobody asks for another one. */
export const PROTOCOL = { maskTest: "train" as const, cutoffs: [20, 50], metrics: ["recall", "ndcg"] };

export interface Protocol {
	maskTest: string;
	cutoffs: number[];
	/** In the order of the catalogue. */
	metrics: string[];
}

/** What makes two numbers comparable: the split, what was masked, the metrics and their cut-offs. */
export const protocolHash = (splitDigest: string, { maskTest, metrics, cutoffs }: Protocol) =>
	digest({ splitDigest, maskTest, metrics, cutoffs });
