// How much was tried before a configuration was found: a number that was searched for longer is no fairer than another.
import { type Static, Type } from "@fastify/type-provider-typebox";
import { Nullable } from "../http/schemas.js";
import type { Transaction } from "../plugins/prisma.js";

export const Effort = Nullable(
	Type.Object(
		{ trials: Type.Integer({ description: "That were tried by the search that found the configuration first." }) },
		{ title: "SearchEffort", description: "null of what no search of the dataset has found." },
	),
);

/** Of a configuration, by its hash, on a dataset. */
export type EffortOf = (datasetId: string, configHash: string) => Static<typeof Effort>;

/** Of these on those; for now, while a search goes on. Once a search is deleted, what confirmed its winner still tells. */
export async function effortsOf(tx: Transaction, datasetIds: string[], configHashes: string[]): Promise<EffortOf> {
	const rows = await tx.$queryRaw<{ datasetId: string; configHash: string; trials: number }[]>`
		SELECT dataset_id AS "datasetId", config_hash AS "configHash", coalesce(confirmed_trials,
			(SELECT count(*)::int FROM runs t WHERE t.search_id = first.search_id AND t.chosen IS NOT NULL)) AS trials
		FROM (
			SELECT DISTINCT ON (r.dataset_id, r.config_hash) r.dataset_id, r.config_hash, r.search_id, e.confirmed_trials
			FROM runs r JOIN experiments e ON e.id = r.experiment_id
			WHERE r.dataset_id = ANY(${datasetIds}::uuid[]) AND r.config_hash = ANY(${configHashes})
				AND (r.chosen IS NOT NULL OR e.confirmed_trials IS NOT NULL)
			ORDER BY r.dataset_id, r.config_hash, e.created_at, r.search_id
		) first`;
	const found = new Map(rows.map(({ datasetId, configHash, trials }) => [`${datasetId} ${configHash}`, { trials }]));
	return (datasetId, configHash) => found.get(`${datasetId} ${configHash}`) ?? null;
}
