// Metrics of runs that differ only in their seed, as mean and deviation.
import { Type } from "@fastify/type-provider-typebox";
import { MaybeNumber } from "../http/schemas.js";
import { finite } from "./job.js";

export const SeedMean = Type.Object(
	{
		mean: MaybeNumber,
		deviation: MaybeNumber,
		n: Type.Integer({ description: "Seeds that have the metric." }),
	},
	{ title: "SeedMean", description: "Mean and sample deviation over seeds." },
);

export function meanAndDeviation(values: number[]): { mean: number | null; deviation: number | null } {
	const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
	const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
	return { mean: finite(mean), deviation: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : null };
}

/** Of what each run has, over those that have it: one record a run. */
export function meansOf(runs: Record<string, number | null>[]) {
	const names = [...new Set(runs.flatMap(Object.keys))].sort();
	return Object.fromEntries(
		names.map((name) => {
			const values = runs.flatMap((run) => finite(run[name]) ?? []);
			return [name, { ...meanAndDeviation(values), n: values.length }];
		}),
	);
}
