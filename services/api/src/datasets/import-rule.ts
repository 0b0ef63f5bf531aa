// What the caller asks of an import: checked whole before anything is queued, and written out with its split.
import { type Static, Type } from "@fastify/type-provider-typebox";
import { Ajv, type ErrorObject } from "ajv";
import { ApiError } from "../http/errors.js";
import { isId, isMoment, isText, problemOf } from "../http/validation.js";

const PARTS = ["train", "valid", "test"];
export const ROLES = ["interactions", ...PARTS, "items"];

const Column = Type.Optional(
	Type.Unsafe<string | number>({
		type: ["string", "integer"],
		format: "text",
		minLength: 1,
		maxLength: 200,
		minimum: 1,
		maximum: 10_000,
		description: "A name of the header, or for files without one a position, counted from 1.",
	}),
);
const strict = { additionalProperties: false };
export const COLUMNS = { user: Column, item: Column, rating: Column, timestamp: Column, title: Column, tags: Column };
const OfFiles = Type.Object(COLUMNS, {
	title: "ColumnsOfFiles",
	...strict,
	description: "For the files of one role alone, or for one file.",
});
export const ColumnsOfRole = Type.Optional(OfFiles);
/** Names are the callers' own, as ids are. */
export const ColumnsOfNames = Type.Unsafe<Record<string, Static<typeof OfFiles>>>({
	type: "object",
	propertyNames: { type: "string", format: "id" },
	additionalProperties: OfFiles,
	maxProperties: 64,
	description:
		"For one file by its name as it is given, or for one table of an archive by the name that a preview shows. It goes " +
		"before what is said of its role, and that before what is said of all.",
	examples: [{ "orders.csv": { user: "customer" }, "shop.zip: clicks.csv": { user: 1 } }],
});
export const Moment = (description: string) =>
	Type.String({ format: "moment", description: `${description} A day of UTC, or a time with its zone.` });
const Share = Type.Number({ minimum: 0, maximum: 1 });
const Quantile = Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 });
const two = { minItems: 2, maxItems: 2 };
/** What each kind of split takes beside its kind. */
const TAKES = {
	ratio: ["ratios", "seed"],
	given: [],
	leave_last: [],
	temporal: ["quantiles", "at"],
	strong: ["ratios", "seed"],
} as const;
export const ImportRule = Type.Object(
	{
		columns: Type.Optional(
			Type.Object(
				{
					...COLUMNS,
					interactions: ColumnsOfRole,
					train: ColumnsOfRole,
					valid: ColumnsOfRole,
					test: ColumnsOfRole,
					items: ColumnsOfRole,
					files: Type.Optional(ColumnsOfNames),
				},
				strict,
			),
		),
		split: Type.Optional(
			Type.Object(
				{
					kind: Type.Enum(["ratio", "given", "leave_last", "temporal", "strong"], {
						description: "All but ratio and given need the time of every interaction.",
					}),
					ratios: Type.Optional(
						Type.Array(Share, {
							minItems: 3,
							maxItems: 3,
							description: "Train, valid, test: of ratio of the interactions of each user, of strong of the users.",
						}),
					),
					seed: Type.Optional(
						Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1, description: "Of ratio and of strong." }),
					),
					quantiles: Type.Optional(
						Type.Array(Quantile, {
							...two,
							description: "Of temporal, over the times of all interactions: where valid begins and where test does.",
						}),
					),
					at: Type.Optional(
						Type.Array(Moment("The first of a part."), {
							...two,
							description: "Instead of quantiles two given times.",
						}),
					),
				},
				strict,
			),
		),
		since: Type.Optional(Moment("The first moment that counts.")),
		until: Type.Optional(Moment("The first that no longer does.")),
		minRating: Type.Optional(Type.Number()),
		kCore: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
		skipBadRows: Type.Optional(Type.Boolean()),
	},
	{ title: "ImportRule", ...strict },
);
export type ImportRule = Static<typeof ImportRule>;
/** Of a feed the columns are known. */
export const SnapshotRule = Type.Omit(ImportRule, ["columns"], { title: "SnapshotRule", ...strict });
const check = new Ajv({
	strict: false,
	strictNumbers: true,
	formats: { id: isId, text: isText, moment: isMoment },
}).compile(ImportRule);

export const wrong = (pointer: string, code: string, message: string) =>
	new ApiError("invalid_request", `${pointer} ${message}.`, [{ pointer, code, message }]);

/** `value` is the text of a form field, or its JSON when the part says that it is JSON. */
export function parseRule(value: unknown): ImportRule {
	const rule = jsonOf(value);
	if (check(rule)) return rule as ImportRule;
	throw wrongRule(check.errors);
}

export function jsonOf(value: unknown): unknown {
	try {
		return typeof value === "string" ? JSON.parse(value) : value;
	} catch {
		throw wrong("/rule", "bad_format", "must be JSON");
	}
}

export function wrongRule(errors: ErrorObject[] | null | undefined): ApiError {
	const { pointer, code, message } = problemOf(errors?.[0] as ErrorObject, "/rule");
	return wrong(pointer, code, message);
}

/** By its name. What it holds is seen when it is imported. */
const ARCHIVE = /\.(zip|tar|tgz|tzst)(\.(gz|zst))?$/i;
export const mayHoldParts = (files: { role: string; displayName: string }[]): boolean =>
	files.some(({ role, displayName }) => role === "interactions" && ARCHIVE.test(displayName));

/**
 * The rule with its split: the roles of the files decide whether the split is given; of an archive that may hold parts (mayHoldParts) the
 * rule does. Throws invalid_request.
 */
export function completeRule(rule: ImportRule, roles: string[], isArchive = false): ImportRule {
	const has = (role: string) => roles.includes(role);
	const parts = PARTS.filter(has);
	if (has("interactions") === parts.length > 0) {
		const [code, what] = has("interactions") ? ["not_allowed", "stand beside parts"] : ["missing_field", "are missing"];
		const message = `${what}: files are either interactions, or train and test with an optional valid`;
		throw wrong("/interactions", code as string, message);
	}
	const missing = parts.length > 0 && ["train", "test"].find((part) => !has(part));
	if (missing)
		throw wrong(`/${missing}`, "missing_field", "is missing: parts are train and test, and an optional valid");

	const { since, until } = rule;
	if (since !== undefined && until !== undefined && Date.parse(since) >= Date.parse(until)) {
		throw wrong("/rule/until", "out_of_range", "must be later than since");
	}
	const isGiven = parts.length > 0 || (isArchive && rule.split?.kind === "given");
	const split = rule.split ?? { kind: isGiven ? "given" : "ratio" };
	if ((split.kind === "given") !== isGiven) {
		const allowed = isGiven ? "given" : "ratio, leave_last, temporal or strong";
		throw wrong("/rule/split/kind", "not_allowed", `must be ${allowed} for these files`);
	}
	const takes: readonly string[] = TAKES[split.kind];
	const foreign = Object.keys(split).find((field) => field !== "kind" && !takes.includes(field));
	if (foreign) {
		const message = `is not taken by a split of kind ${split.kind}, which takes ${takes.join(", ") || "nothing else"}`;
		throw wrong(`/rule/split/${foreign}`, "not_allowed", message);
	}
	if (isGiven && rule.kCore !== undefined) throw wrong("/rule/kCore", "not_allowed", "would change the given split");
	return { ...rule, split: completeSplit(split) };
}

function completeSplit(split: NonNullable<ImportRule["split"]>): ImportRule["split"] {
	const { kind, quantiles, at } = split;
	if (kind === "given" || kind === "leave_last") return split;
	if (kind === "temporal") {
		if (quantiles && at) throw wrong("/rule/split/at", "not_allowed", "is given beside quantiles: one of them cuts");
		const [first, second] = at?.map((text) => Date.parse(text)) ?? quantiles ?? [];
		if (first !== undefined && second !== undefined && first > second) {
			throw wrong(`/rule/split/${at ? "at" : "quantiles"}`, "out_of_range", "must ascend: valid begins before test");
		}
		return at ? split : { kind, quantiles: quantiles ?? [0.8, 0.9] };
	}
	const ratios = split.ratios ?? [0.8, 0.1, 0.1];
	const sum = ratios.reduce((total, ratio) => total + ratio, 0);
	if (Math.abs(sum - 1) > 1e-9 || ratios[0] === 0 || ratios[2] === 0) {
		const message = "are train, valid, test; they sum to 1, and train and test are above 0";
		throw wrong("/rule/split/ratios", "out_of_range", message);
	}
	return { kind, ratios, seed: split.seed ?? 42 };
}
