// What an interval plot draws of findings.
import { type Finding, isPracticallyEqual, relativeOf } from "./findings";

export interface IntervalRow {
	label: string;
	/** As a part of the baseline's mean. */
	value: number;
	/** From the value down to the interval's low end, and up to its high one. */
	reach: [number, number];
	verdict: "ahead" | "behind" | "open";
}

/** Those that have parts: of a mean of 0 there are none. */
export function intervalRows(findings: Finding[], labelOf: (finding: Finding) => string, band: number): IntervalRow[] {
	return findings.flatMap((finding) => {
		const parts = relativeOf(finding.interval, finding.base);
		if (finding.relative === null || !parts) return [];
		const value = finding.relative;
		return [
			{
				label: labelOf(finding),
				value,
				reach: [value - parts.low, parts.high - value] satisfies [number, number],
				verdict: verdictOf(finding, band),
			},
		];
	});
}

function verdictOf(finding: Finding, band: number): IntervalRow["verdict"] {
	if (isPracticallyEqual(finding, band)) return "open";
	return finding.verdict === "better" ? "ahead" : finding.verdict === "worse" ? "behind" : "open";
}
