// What an upload asks of its import, from the texts of a form.
import type { Dataset, ImportRule } from "@valence/client";

type Columns = NonNullable<ImportRule["columns"]>;
export const COLUMNS = ["user", "item", "rating", "timestamp", "title", "tags"] as const satisfies (keyof Columns)[];

export interface RuleTexts {
	/** Also what a rule says of one role or one file, which the form does not show. */
	columns: Columns;
	/** "0.8, 0.1, 0.1" */
	ratios: string;
	seed: string;
	minRating: string;
	kCore: string;
	skipBadRows: boolean;
}

export const EMPTY_RULE: RuleTexts = {
	columns: {},
	ratios: "",
	seed: "",
	minRating: "",
	kCore: "",
	skipBadRows: false,
};

/** A file tells its role by its name: ratings.train.csv, x.valid.inter.gz, x.item. */
export const roleOf = (name: string) =>
	/\.(train|valid|test)\./.exec(name)?.[1] ?? (/\.item(\.gz)?$/.test(name) ? "items" : "interactions");

const isNumber = (text: string) => text.trim() !== "" && Number.isFinite(Number(text));
const isWhole = (text: string) => /^\d{1,10}$/.test(text.trim());

/** The rule to send, and what is wrong a field; an empty text asks for the default. */
export function parseRule(texts: RuleTexts): { rule: ImportRule; problems: Record<string, string> } {
	const problems: Record<string, string> = {};
	const { minRating, kCore, seed } = texts;
	const columns = Object.fromEntries(Object.entries(texts.columns).filter(([, name]) => name !== ""));
	const ratios = texts.ratios === "" ? null : texts.ratios.split(",");
	if (ratios) {
		const sum = ratios.reduce((total, ratio) => total + Number(ratio), 0);
		const good = ratios.length === 3 && ratios.every((ratio) => isNumber(ratio) && Number(ratio) >= 0);
		if (!good || Math.abs(sum - 1) > 1e-9) problems.ratios = "three numbers that sum to 1, as 0.8, 0.1, 0.1";
		else if (Number(ratios[0]) === 0 || Number(ratios[2]) === 0) problems.ratios = "train and test must be above 0";
	}
	if (seed !== "" && (!isWhole(seed) || Number(seed) >= 2 ** 31)) problems.seed = "a whole number from 0";
	if (minRating !== "" && !isNumber(minRating)) problems.minRating = "a number";
	if (kCore !== "" && (!isWhole(kCore) || Number(kCore) < 1 || Number(kCore) > 1000)) {
		problems.kCore = "a whole number from 1 to 1000";
	}
	const split = { ...(ratios && { ratios: ratios.map(Number) }), ...(seed !== "" && { seed: Number(seed) }) };
	return {
		rule: {
			...(Object.keys(columns).length > 0 && { columns }),
			...(Object.keys(split).length > 0 && { split: { kind: "ratio", ...split } }),
			...(minRating !== "" && { minRating: Number(minRating) }),
			...(kCore !== "" && { kCore: Number(kCore) }),
			...(texts.skipBadRows && { skipBadRows: true }),
		},
		problems,
	};
}

/** The texts that stand for a rule of the service. */
export function textsOf(rule: Dataset["rule"]): RuleTexts {
	const { columns = {}, split, minRating, kCore, skipBadRows } = rule as ImportRule;
	return {
		columns,
		ratios: split?.ratios?.join(", ") ?? "",
		seed: text(split?.seed),
		minRating: text(minRating),
		kCore: text(kCore),
		skipBadRows: skipBadRows === true,
	};
}

const text = (value: number | undefined) => (value === undefined ? "" : String(value));

/** An import that has made nothing: it failed or was cancelled, and was never done before. */
export const isFailedImport = ({ state, statistics }: { state: string; statistics: object | null }) =>
	(state === "FAILED" || state === "CANCELLED") && statistics === null;
