// Which means of a table are marked, and what a mark says.
import { type Against, againstOf } from "./finding.js";
import type { ComparisonDetail } from "./generated/openapi.js";

/** methods: shown to be better. runs: ahead in these runs, which other seeds may turn round. */
export type Mark = "methods" | "runs";
/** Of marks in a document; that of methods is a star of each format's own. */
export const OF_RUNS = "†";

/** Of a group beside another; undefined where nothing is shown, where it is behind, and where neither way is better. */
export function markOf(
	{ difference, verdict, isUnsettled }: Pick<Against, "difference" | "verdict" | "isUnsettled">,
	better: "higher" | "lower" | null,
): Mark | undefined {
	if (verdict === "better") return "methods";
	const isAhead = better !== null && difference > 0 === (better === "higher");
	return isUnsettled && isAhead ? "runs" : undefined;
}

/** By the place of a group: of each that is ahead of the baseline; without one of the best, where it is ahead of the second. */
export function marksUnder(
	{ result, baseline }: Pick<ComparisonDetail, "result" | "baseline">,
	metric: string,
	better: "higher" | "lower" | null,
): Map<number, Mark> {
	if (!result || better === null) return new Map();
	const sign = better === "higher" ? 1 : -1;
	const ordered = result.means
		.filter((one) => one.metric === metric && one.mean !== null)
		.sort((a, b) => sign * ((b.mean ?? 0) - (a.mean ?? 0)))
		.map(({ group }) => group);
	const [best, second] = ordered;
	const asked = baseline === null ? (best === undefined ? [] : [best]) : ordered;
	const other = baseline ?? second;
	if (other === undefined) return new Map();
	return new Map(
		asked.flatMap((group): [number, Mark][] => {
			const told = againstOf(result, metric, group, other);
			const mark = told && markOf(told, better);
			return mark ? [[group, mark]] : [];
		}),
	);
}

/** What the marks of a table say, each as it is printed. */
export function markSentences(
	{ baseline, groups }: Pick<ComparisonDetail, "baseline" | "groups">,
	star: string,
): [methods: string, runs: string] {
	const than = baseline === null ? "than the second" : `than ${groups[baseline]?.name ?? "the baseline"}`;
	const who = baseline === null ? "the best, better " : "better ";
	return [
		`${star} ${who}${than} after correction`,
		`${OF_RUNS} the same of these runs alone, which other seeds may turn round`,
	];
}
