// What makes two numbers comparable.
import { digest } from "../http/digest.js";

export const METRICS = ["recall", "ndcg"];
/** What makes two numbers comparable: the split, what was masked, the metrics and their cut-offs. */
export const protocolHash = (splitDigest: string, maskTest: string, cutoffs: number[]) =>
	digest({ splitDigest, maskTest, metrics: METRICS, cutoffs });
