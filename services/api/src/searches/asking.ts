// The first look at a search: what the request and the model's schema show to be wrong, before anything is stored.
import type { Problem } from "../http/errors.js";
import type { Catalogue, CatalogueEntry } from "../plugins/catalogue.js";
import { configurationsIn, type Dimension, type SearchRequest, stepsIn } from "./space.js";

/** The trainer counts the values of a field up to 2^53; so far below it rounding decides nothing. */
const MOST_STEPS = 2 ** 52;

export interface Asked {
	params: Record<string, unknown>;
	/** A grid beside it is refused. */
	hasGrid: boolean;
	search: SearchRequest;
}

/** Everything that is wrong with the search of one model; `pointer` is of the model in the request. */
export function problemsOf(catalogue: Catalogue, model: CatalogueEntry, asked: Asked, pointer: string): Problem[] {
	const { params, hasGrid, search } = asked;
	const at = `${pointer}/search`;
	const problems: Problem[] = [];
	const refuse = (place: string, code: string, message: string) => problems.push({ pointer: place, code, message });
	if (hasGrid) refuse(at, "not_allowed", "is given beside a grid: one of them says what is tried");
	if (search.prune && model.capabilities.includes("closed_form"))
		refuse(`${at}/prune`, "not_allowed", `stops trials between epochs, which ${model.name} does not have`);
	for (const [field, dimension] of Object.entries(search.space)) {
		const place = `${at}/space/${field.replaceAll("~", "~0").replaceAll("/", "~1")}`;
		if (Object.hasOwn(params, field)) refuse(place, "not_allowed", "is set in params too");
		else if (!isField(model, field)) refuse(place, "unknown_field", "is not known here");
		else problems.push(...problemsOfDimension(catalogue, model, { params, field, dimension }, place));
	}
	if (problems.length > 0) return problems;
	const most = configurationsIn(search.space, (field) => takesWhole(model, field));
	if (search.trials > most) refuse(`${at}/trials`, "out_of_range", `must be <= ${most}: the space has no more to try`);
	return problems;
}

interface OneField {
	params: Record<string, unknown>;
	field: string;
	dimension: Dimension;
}

function problemsOfDimension(
	catalogue: Catalogue,
	model: CatalogueEntry,
	{ params, field, dimension }: OneField,
	place: string,
): Problem[] {
	/** What the model's schema says of a value. */
	const ofValue = (value: unknown, tail: string) =>
		catalogue
			.resolve(model, { ...params, [field]: value }, "")
			.problems.filter(({ pointer }) => pointer === `/${field}`)
			.slice(0, 1)
			.map((problem) => ({ ...problem, pointer: `${place}/${tail}` }));
	const { values, ...range } = dimension;
	const [given] = Object.keys(range);
	if (values) {
		if (given !== undefined) return [wrong(`${place}/${given}`, "not_allowed", "is given beside values")];
		return values.flatMap((value, index) => ofValue(value, `values/${index}`));
	}
	const { low, high, step } = range;
	if (low === undefined || high === undefined) {
		const [missing, other] = low === undefined ? ["low", "high"] : ["high", "low"];
		return [wrong(`${place}/${missing}`, "missing_field", `must be given with ${other}, or values alone`)];
	}
	if (!isNumber(model, field)) return [wrong(place, "not_allowed", "is no number: it takes values, not low and high")];
	const ends = [...ofValue(low, "low"), ...ofValue(high, "high")];
	if (ends.length > 0) return ends;
	if (low >= high) return [wrong(`${place}/high`, "out_of_range", "must be above low")];
	if (range.log) {
		if (low <= 0) return [wrong(`${place}/low`, "out_of_range", "must be above 0 on a scale of logarithms")];
		if (step !== undefined) return [wrong(`${place}/step`, "not_allowed", "is given beside log")];
	}
	if (step === undefined) return [];
	if (takesWhole(model, field) && !Number.isInteger(step))
		return [wrong(`${place}/step`, "wrong_type", "must be integer")];
	const steps = stepsIn(low, high, step);
	if (steps < 1) return [wrong(`${place}/step`, "out_of_range", "must be at most high less low")];
	if (steps < MOST_STEPS) return [];
	return [wrong(`${place}/step`, "out_of_range", `must leave at most ${MOST_STEPS} values from low to high`)];
}

const wrong = (pointer: string, code: string, message: string): Problem => ({ pointer, code, message });
const schemaOf = (model: CatalogueEntry, field: string) =>
	model.configSchema.properties[field] as { type?: string; enum?: unknown[] } | undefined;
const isField = (model: CatalogueEntry, field: string) => Object.hasOwn(model.configSchema.properties, field);
/** One that may be anything in between. */
const isNumber = (model: CatalogueEntry, field: string) => {
	const { type, enum: only } = schemaOf(model, field) ?? {};
	return only === undefined && (type === "number" || type === "integer");
};
/** Whether a field of the model takes whole numbers alone. */
export const takesWhole = (model: CatalogueEntry, field: string) => schemaOf(model, field)?.type === "integer";
