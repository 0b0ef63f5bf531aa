import { type ComparisonDetail, markSentences } from "@valence/client";
import { useComparison, useComparisonsOf } from "./comparison-queries";
import { comparisonOf, type Marks, marksOf, STAR, type Tested } from "./marks";
import { useMetricDefinitions } from "./queries";

export interface FoundMarks {
	comparison: ComparisonDetail | undefined;
	marks: Marks;
	/** What the marks say. */
	notes: string[];
}

/** Intervals and marks of a table's groups, from a comparison of exactly these. */
export function useMarks(dataset: string, groups: Tested[]): FoundMarks {
	const listed = comparisonOf(useComparisonsOf(groups.length > 1 ? dataset : "").data ?? [], groups);
	const comparison = useComparison(listed?.id ?? "").data;
	const known = useMetricDefinitions();
	return { comparison, marks: marksOf(comparison, known), notes: comparison ? markSentences(comparison, STAR) : [] };
}
