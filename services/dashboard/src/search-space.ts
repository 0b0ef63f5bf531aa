// The space of a search as fields of a form: what is asked for unless somebody says otherwise, and from texts to what is sent.
import { type ConfigField, type Model, type NewExperiment, plain, type SearchDimension } from "@valence/client";
import { fieldsOf, parseField } from "./config-fields";

/** What a search tries of one field, as texts of a form. */
export interface DimensionTexts {
	kind: "range" | "values";
	low: string;
	high: string;
	/** Empty: any value between. */
	step: string;
	isLog: boolean;
	/** Separated by commas. */
	values: string;
}

type Scalars = NonNullable<SearchDimension["values"]>;

export interface SearchTexts {
	trials: string;
	strategy: "tpe" | "random";
	isPruned: boolean;
	seed: string;
	/** By field; fields that are not in it have one value. */
	space: Record<string, DimensionTexts>;
}

const MOST_TRIALS = 1_000;
const MOST_FIELDS = 20;
const MOST_VALUES = 1_000;
const MOST_SEED = 2 ** 31 - 1;
/** Fields searched unasked. */
const USUAL_FIELDS = 3;
/** A range of a field that is no wider is searched from end to end, evenly; unless the default is a small part of it. */
const NARROW = 5;
const SMALL = 0.05;
/** How far from the default a wider one is searched, either way. */
const FACTOR = { integer: 4, number: 10 } as const;

export const isNumeric = ({ type, enum: values }: ConfigField) => !values && (type === "integer" || type === "number");
export const optionsOf = (schema: ConfigField): string[] | null =>
	schema.enum?.map(plain) ?? (schema.type === "boolean" ? ["true", "false"] : null);

/** Around the default of the field, inside its bounds; all values of one that has only some. */
export function suggestedDimension(schema: ConfigField): DimensionTexts {
	const empty = { low: "", high: "", step: "", isLog: false, values: (optionsOf(schema) ?? []).join(",") };
	if (!isNumeric(schema)) return { ...empty, kind: "values" };
	const { low, high, isLog } = suggestedRange(schema);
	return { ...empty, kind: "range", low: String(low), high: String(high), isLog };
}

function suggestedRange(schema: ConfigField): { low: number; high: number; isLog: boolean } {
	const isWhole = schema.type === "integer";
	const usual = Number(schema.default ?? 0);
	const { least, most } = within(schema, usual);
	const width = most - least;
	if (width <= NARROW && !(usual > 0 && usual < width * SMALL)) return { low: least, high: most, isLog: false };
	const factor = FACTOR[isWhole ? "integer" : "number"];
	const [from, to] = usual > 0 ? [usual / factor, usual * factor] : [0, isWhole ? 10 : 1];
	const low = Math.min(Math.max(isWhole ? Math.ceil(from) : brief(from), least), most);
	const high = Math.max(Math.min(isWhole ? Math.floor(to) : brief(to), most), least);
	if (low < high) return { low, high, isLog: low > 0 };
	return { low, high: Math.min(low + 1, most), isLog: false };
}

/** The ends that the schema allows; where an end is not allowed itself, a little inside of it, and not beyond the default. */
function within(
	{ type, minimum, maximum, exclusiveMinimum, exclusiveMaximum }: ConfigField,
	usual: number,
): { least: number; most: number } {
	const [low, high] = [minimum ?? exclusiveMinimum, maximum ?? exclusiveMaximum];
	const width = low === undefined || high === undefined ? Number.POSITIVE_INFINITY : high - low;
	const inside = (end: number) =>
		type === "integer"
			? 1
			: Math.min(width <= NARROW ? width / 100 : Math.abs(end) / 100, Math.abs(usual - end) / FACTOR.number);
	const least = minimum ?? (exclusiveMinimum === undefined ? undefined : exclusiveMinimum + inside(exclusiveMinimum));
	const most = maximum ?? (exclusiveMaximum === undefined ? undefined : exclusiveMaximum - inside(exclusiveMaximum));
	return { least: least ?? Number.NEGATIVE_INFINITY, most: most ?? Number.POSITIVE_INFINITY };
}

const brief = (value: number) => Number(value.toPrecision(2));

/** Fields that say when training ends, and not what is learnt. */
const ENDS = new Set(["epochs", "patience"]);

/** What is asked for unless somebody says otherwise: the first fields of the model that shape what it learns. */
export function suggestedSearch(model: Pick<Model, "configSchema">): SearchTexts {
	const { first } = fieldsOf(model);
	const fields = first.filter(([name, schema]) => !ENDS.has(name) && (isNumeric(schema) || optionsOf(schema) !== null));
	return {
		trials: "20",
		strategy: "tpe",
		isPruned: false,
		seed: "1",
		space: Object.fromEntries(
			fields.slice(0, USUAL_FIELDS).map(([name, schema]) => [name, suggestedDimension(schema)]),
		),
	};
}

/** The search with a field of it as given; without one the field has one value. */
export function withDimension(search: SearchTexts, field: string, dimension: DimensionTexts | undefined): SearchTexts {
	const { [field]: _before, ...others } = search.space;
	return { ...search, space: dimension ? { ...search.space, [field]: dimension } : others };
}

/** What a field is searched by, or why it cannot be. */
export function parseDimension(
	schema: ConfigField,
	texts: DimensionTexts,
): { dimension: SearchDimension } | { problem: string } {
	if (texts.kind === "values") return parseValues(schema, texts.values);
	const ends = [parseField(schema, texts.low), parseField(schema, texts.high)] as const;
	for (const [place, end] of ends.entries())
		if ("problem" in end)
			return { problem: `must be ${end.problem} ${place === 0 ? "where it begins" : "where it ends"}` };
	const [low, high] = ends.map((end) => Number((end as { value: unknown }).value)) as [number, number];
	if (low >= high) return { problem: "must end above where it begins" };
	if (texts.isLog)
		return low > 0 ? { dimension: { low, high, log: true } } : { problem: "must begin above 0 on a log scale" };
	if (texts.step.trim() === "") return { dimension: { low, high } };
	const step = Number(texts.step);
	if (!(step > 0 && stepsIn(low, high, step) >= 1))
		return { problem: "must have a step above 0, no wider than the range" };
	if (schema.type === "integer" && !Number.isInteger(step)) return { problem: "must have a whole number as its step" };
	return { dimension: { low, high, step } };
}

function parseValues(schema: ConfigField, text: string): { dimension: SearchDimension } | { problem: string } {
	const parts = text.trim() === "" ? [] : text.split(",").map((part) => parseField(schema, part.trim()));
	const wrong = parts.find((one) => "problem" in one);
	if (wrong) return { problem: `must be ${wrong.problem}` };
	const values = parts.map((one) => (one as { value: unknown }).value) as Scalars;
	if (values.length < 2 || values.length > MOST_VALUES) return { problem: "must have two values or more, with commas" };
	return new Set(values).size < values.length ? { problem: "must not repeat a value" } : { dimension: { values } };
}

/** How many configurations a space holds; infinite where a field takes any number of a range. */
export const combinationsOf = (
	space: Record<string, SearchDimension>,
	properties: Record<string, ConfigField>,
): number => Object.entries(space).reduce((all, [name, dimension]) => all * sizeOf(dimension, properties[name]), 1);

function sizeOf({ values, low = 0, high = 0, step }: SearchDimension, schema: ConfigField | undefined): number {
	if (values) return values.length;
	const apart = step ?? (schema?.type === "integer" ? 1 : 0);
	return apart === 0 ? Number.POSITIVE_INFINITY : stepsIn(low, high, apart) + 1;
}

/** A step of 0.1 goes ten times into 1, and one of 0.2 once from 0.1 to 0.3, whatever binary fractions say. */
const stepsIn = (low: number, high: number, step: number) => Math.floor((high - low) / step + 1e-9);

export interface ParsedSearch {
	/** As it is sent. */
	search: NonNullable<NewExperiment["models"][number]["search"]>;
	/** By field of the model. */
	problems: Record<string, string>;
	/** By field of the search itself. */
	own: { trials?: string; seed?: string; space?: string };
}

export function parseSearch(properties: Record<string, ConfigField>, texts: SearchTexts): ParsedSearch {
	const space: Record<string, SearchDimension> = {};
	const problems: Record<string, string> = {};
	for (const [name, dimension] of Object.entries(texts.space)) {
		const schema = properties[name];
		if (!schema) continue;
		const parsed = parseDimension(schema, dimension);
		if ("problem" in parsed) problems[name] = parsed.problem;
		else space[name] = parsed.dimension;
	}
	const trials = wholeOf(texts.trials);
	const seed = wholeOf(texts.seed);
	const most = Math.min(MOST_TRIALS, combinationsOf(space, properties));
	const fields = Object.keys(texts.space).length;
	const isKnown = Object.keys(problems).length === 0 && fields > 0;
	return {
		search: {
			strategy: texts.strategy,
			trials,
			space,
			...(texts.isPruned && { prune: "halving" }),
			seed,
		},
		problems,
		own: {
			...(!(trials >= 1 && trials <= MOST_TRIALS) && { trials: `must be a whole number from 1 to ${MOST_TRIALS}` }),
			...(isKnown && trials > most && { trials: `must be at most ${most}: there are no more configurations` }),
			...(!(seed >= 0 && seed <= MOST_SEED) && { seed: `must be a whole number from 0 to ${MOST_SEED}` }),
			...((fields === 0 || fields > MOST_FIELDS) && { space: `has to be of 1 to ${MOST_FIELDS} fields` }),
		},
	};
}

/** NaN where it is none. */
const wholeOf = (text: string) => (/^\d{1,10}$/.test(text.trim()) ? Number(text) : Number.NaN);
