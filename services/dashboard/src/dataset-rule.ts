// What an upload asks of its import, from the texts of a form.
import type { Dataset, ImportRule } from "@valence/client";

type Columns = NonNullable<ImportRule["columns"]>;
export const COLUMNS = ["user", "item", "rating", "timestamp", "title", "tags"] as const satisfies (keyof Columns)[];

/** By name, "" for the one that is asked for by none, with the fields of each. */
export const SPLITS = [
	{ kind: "", label: "By chance, a share of each user's", fields: ["ratios", "seed"] },
	{ kind: "leave_last", label: "The last of each user", fields: [] },
	{ kind: "temporal", label: "What came last, of all users", fields: ["cuts"] },
	{ kind: "strong", label: "Users held out", fields: ["ratios", "seed"] },
	{ kind: "given", label: "As parts in an archive give it", fields: [] },
] as const satisfies { kind: string; label: string; fields: (keyof RuleTexts)[] }[];
type Split = (typeof SPLITS)[number]["kind"];
export const fieldsOf = (kind: Split): readonly string[] => SPLITS.find((one) => one.kind === kind)?.fields ?? [];

export interface RuleTexts {
	/** Also what a rule says of one role or one file, which the form does not show. */
	columns: Columns;
	split: Split;
	/** "0.8, 0.1, 0.1" */
	ratios: string;
	seed: string;
	/** "0.8, 0.9" or "2026-01-01, 2026-02-01" */
	cuts: string;
	since: string;
	until: string;
	minRating: string;
	kCore: string;
	skipBadRows: boolean;
}

export const EMPTY_RULE: RuleTexts = {
	columns: {},
	split: "",
	ratios: "",
	seed: "",
	cuts: "",
	since: "",
	until: "",
	minRating: "",
	kCore: "",
	skipBadRows: false,
};

const isNumber = (text: string) => text.trim() !== "" && Number.isFinite(Number(text));
const isWhole = (text: string) => /^\d{1,10}$/.test(text.trim());

/** A day of UTC, or a time with its zone. */
export const isMoment = (text: string) =>
	/^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2}))?$/i.test(text) &&
	!Number.isNaN(Date.parse(text));
export const MOMENT = "a day as 2026-12-31, or a time with its zone";

/** Two quantiles or two times; null when they are neither. */
function cutsOf(text: string): { quantiles: number[] } | { at: string[] } | null {
	const cuts = text.split(",").map((one) => one.trim());
	const [first = "", second = ""] = cuts;
	if (cuts.length !== 2) return null;
	if (cuts.every(isMoment)) return Date.parse(first) <= Date.parse(second) ? { at: cuts } : null;
	const isQuantile = (one: string) => isNumber(one) && Number(one) > 0 && Number(one) < 1;
	return cuts.every(isQuantile) && Number(first) <= Number(second) ? { quantiles: cuts.map(Number) } : null;
}

/** The rule to send, and what is wrong a field; an empty text asks for the default. */
export function parseRule(texts: RuleTexts): { rule: ImportRule; problems: Record<string, string> } {
	const problems: Record<string, string> = {};
	const { minRating, kCore, since, until } = texts;
	const own = fieldsOf(texts.split);
	const [ratioText, seed, cutText] = (["ratios", "seed", "cuts"] as const).map((field) =>
		own.includes(field) ? texts[field] : "",
	) as [string, string, string];
	const columns = Object.fromEntries(Object.entries(texts.columns).filter(([, name]) => name !== ""));
	const ratios = ratioText === "" ? null : ratioText.split(",");
	if (ratios) {
		const sum = ratios.reduce((total, ratio) => total + Number(ratio), 0);
		const good = ratios.length === 3 && ratios.every((ratio) => isNumber(ratio) && Number(ratio) >= 0);
		if (!good || Math.abs(sum - 1) > 1e-9) problems.ratios = "three numbers that sum to 1, as 0.8, 0.1, 0.1";
		else if (Number(ratios[0]) === 0 || Number(ratios[2]) === 0) problems.ratios = "train and test must be above 0";
	}
	if (seed !== "" && (!isWhole(seed) || Number(seed) >= 2 ** 31)) problems.seed = "a whole number from 0";
	const cuts = cutText === "" ? {} : cutsOf(cutText);
	if (cuts === null) problems.cuts = "two quantiles as 0.8, 0.9, or two times as 2026-01-01, 2026-02-01";
	if (since !== "" && !isMoment(since)) problems.since = MOMENT;
	if (until !== "" && !isMoment(until)) problems.until = MOMENT;
	else if (since !== "" && until !== "" && Date.parse(since) >= Date.parse(until)) problems.until = "later than from";
	if (minRating !== "" && !isNumber(minRating)) problems.minRating = "a number";
	if (kCore !== "" && (!isWhole(kCore) || Number(kCore) < 1 || Number(kCore) > 1000)) {
		problems.kCore = "a whole number from 1 to 1000";
	}
	const split = {
		...(ratios && { ratios: ratios.map(Number) }),
		...(seed !== "" && { seed: Number(seed) }),
		...cuts,
	};
	const isSplit = texts.split !== "" || Object.keys(split).length > 0;
	return {
		rule: {
			...(Object.keys(columns).length > 0 && { columns }),
			...(isSplit && { split: { kind: texts.split || "ratio", ...split } }),
			...(since !== "" && { since }),
			...(until !== "" && { until }),
			...(minRating !== "" && { minRating: Number(minRating) }),
			...(kCore !== "" && { kCore: Number(kCore) }),
			...(texts.skipBadRows && { skipBadRows: true }),
		},
		problems,
	};
}

/** The texts that stand for a rule of the service. */
export function textsOf(rule: Dataset["rule"]): RuleTexts {
	const { columns = {}, split, minRating, kCore, skipBadRows, since = "", until = "" } = rule as ImportRule;
	return {
		columns,
		split: SPLITS.find(({ kind }) => kind === split?.kind)?.kind ?? "",
		cuts: (split?.at ?? split?.quantiles)?.join(", ") ?? "",
		since,
		until,
		ratios: split?.ratios?.join(", ") ?? "",
		seed: text(split?.seed),
		minRating: text(minRating),
		kCore: text(kCore),
		skipBadRows: skipBadRows === true,
	};
}

const text = (value: number | undefined) => (value === undefined ? "" : String(value));

/** How a dataset was split, for a person. */
export function splitTitle(rule: Dataset["rule"]): string {
	const { split } = rule as ImportRule;
	if (split?.kind === "given") return "As the files give it";
	return SPLITS.find(({ kind }) => kind === split?.kind)?.label ?? SPLITS[0].label;
}

/** An import that has made nothing: it failed or was cancelled, and was never done before. */
export const isFailedImport = ({ state, statistics }: { state: string; statistics: object | null }) =>
	(state === "FAILED" || state === "CANCELLED") && statistics === null;
