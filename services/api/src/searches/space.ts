// What a search is asked for: how it goes about it, and which values of which fields it may try.
import { type Static, Type } from "@fastify/type-provider-typebox";

type Scalar = string | number | boolean | null;
const Values = Type.Array(Type.Unsafe<Scalar>({ type: ["string", "number", "boolean", "null"] }), {
	minItems: 2,
	maxItems: 1000,
	uniqueItems: true,
	description: "One of these; nothing else is given beside them.",
});
export const Dimension = Type.Object(
	{
		values: Type.Optional(Values),
		low: Type.Optional(Type.Number({ description: "The least, itself included." })),
		high: Type.Optional(Type.Number({ description: "The most, itself included." })),
		log: Type.Optional(Type.Boolean({ description: "Drawn evenly on a scale of logarithms; `low` is above 0 then." })),
		step: Type.Optional(
			Type.Number({ exclusiveMinimum: 0, description: "Between neighbouring values, from `low` on; not with `log`." }),
		),
	},
	{
		title: "SearchDimension",
		additionalProperties: false,
		description:
			"Of one field: `values`, or of a number `low` and `high`. Of a field of whole numbers all three are whole.",
	},
);
export type Dimension = Static<typeof Dimension>;
export type Space = Record<string, Dimension>;

export const Strategy = Type.Enum(["random", "tpe"], {
	type: "string",
	description:
		"random: each trial by itself. tpe: near what did well so far (tree-structured Parzen estimators), told of the trials that run, too.",
});
export const Prune = Type.Enum(["halving"], {
	type: "string",
	title: "SearchPruning",
	description:
		"halving: a trial that comes to a rung goes on if it is among the best third of those that have come there (asynchronous successive halving).",
});
export const MOST_TRIALS = 1_000;
const Trials = Type.Integer({ minimum: 1, maximum: MOST_TRIALS, description: "Configurations to try; each is a run." });
const Seed = Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1, description: "Of what is drawn." });
const Field = Type.String({ minLength: 1, maxLength: 100 });

export const SearchRequest = Type.Object(
	{
		strategy: { ...Strategy, default: "tpe" } as typeof Strategy,
		trials: Trials,
		space: Type.Record(Field, Dimension, {
			minProperties: 1,
			maxProperties: 20,
			description: "Fields of its configuration that are searched.",
			examples: [{ tau: { low: 0.05, high: 0.5, log: true }, k: { values: [2, 4, 8] } }],
		}),
		prune: Type.Optional(Prune),
		seed: { ...Seed, default: 1 } as typeof Seed,
	},
	{
		title: "NewSearch",
		additionalProperties: false,
		description:
			"In place of a grid: configurations are proposed one by one, as workers come to them. With the first of `seeds` alone.",
	},
);
export type SearchRequest = Static<typeof SearchRequest>;

const isWhole = (value: number) => Math.abs(value - Math.round(value)) < 1e-9;

/** How often `step` goes into what lies between the two ends, also where a float's rounding says a little less: 0.3 is two tenths above 0.1. */
export function stepsIn(low: number, high: number, step: number): number {
	const steps = (high - low) / step;
	return isWhole(steps) ? Math.round(steps) : Math.floor(steps);
}

/** How many configurations there are; Infinity where a number may be anything in between. `isInteger`: whether a field takes whole numbers. */
export function configurationsIn(space: Space, isInteger: (field: string) => boolean): number {
	return Object.entries(space).reduce((product, [field, { values, low = 0, high = 0, step }]) => {
		if (values) return product * values.length;
		const stride = step ?? (isInteger(field) ? 1 : null);
		if (stride === null) return Number.POSITIVE_INFINITY;
		return product * (stepsIn(low, high, stride) + 1);
	}, 1);
}

/**
 * Configurations of which one takes about the most that the run may: its own; of a trial the one with the largest values of its search,
 * and those that differ from it in one field, as the least may take more: of `sampled_items` 0 means all.
 */
export function dearestOf({
	config,
	trial,
}: {
	config: Record<string, unknown>;
	trial?: { search: { space: Space } };
}): [Record<string, unknown>, ...Record<string, unknown>[]] {
	const ends = Object.entries(trial?.search.space ?? {}).map(([field, of]) => ({ field, values: endsOf(of) }));
	const largest = { ...config, ...Object.fromEntries(ends.map(({ field, values }) => [field, values[0]])) };
	const others = ends.flatMap(({ field, values }) => values.slice(1).map((value) => ({ ...largest, [field]: value })));
	return [largest, ...others];
}

/** The largest number, the smallest, and all that are none, which have no order. */
function endsOf({ values, low, high }: Dimension): Scalar[] {
	const all = values ?? [low ?? null, high ?? null];
	const numbers = all.filter((value) => typeof value === "number");
	const ends = numbers.length > 0 ? [Math.max(...numbers), Math.min(...numbers)] : [];
	return [...new Set([...ends, ...all.filter((value) => typeof value !== "number")])];
}
