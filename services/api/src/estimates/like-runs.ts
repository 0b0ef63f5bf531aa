// How long runs take, from the last ones like them, in as many processes: of the same configuration on the same dataset, else of the model
// there, else of the model anywhere, by the interactions of the two datasets.
import type { FastifyInstance } from "fastify";
import { canonical } from "../http/digest.js";
import { PRUNED } from "../searches/trial-state.js";

const MOST_LOOKED_AT = 50;
/** Fields that say when training ends, and not how long an epoch takes. */
const ENDS = new Set(["epochs", "patience"]);

export interface Seconds {
	low: number;
	/** If no run stops early. */
	high: number;
	like: "configuration" | "dataset" | "model";
}
export interface LikeRun {
	model: string;
	config: Record<string, unknown>;
	processes: number;
	datasetId: string;
	/** In the training part of its dataset. */
	interactions: number;
	epoch: number;
	seconds: number;
}

/**
 * The last of each model in as many processes, those on the dataset first; of a class only what its machines have done. Resumed ones know
 * but their last part.
 */
export const likeRuns = (
	app: FastifyInstance,
	wanted: Pick<LikeRun, "model" | "processes">[],
	datasetId: string,
	machineClass: string | null,
): Promise<LikeRun[]> =>
	app.prisma.$queryRaw<LikeRun[]>`
		SELECT last.* FROM unnest(${wanted.map(({ model }) => model)}::text[], ${wanted.map(({ processes }) => processes)}::int[])
			AS wanted(model, processes) CROSS JOIN LATERAL (
			SELECT r.model, r.config, r.processes, r.dataset_id AS "datasetId", coalesce((d.statistics->>'train')::float8, 0) AS interactions, r.epoch,
				r.train_seconds AS seconds
			FROM runs r JOIN jobs j ON j.id = r.id JOIN datasets d ON d.id = r.dataset_id
			WHERE r.model = wanted.model AND r.processes = wanted.processes AND j.state = 'SUCCEEDED' AND j.lease = 1
				AND r.refit_of_id IS NULL AND r.epoch > 0 AND r.train_seconds IS NOT NULL AND r.stop_reason IS DISTINCT FROM ${PRUNED}
				AND (${machineClass}::text IS NULL OR j.machine_class = ${machineClass}
					OR j.machine IN (SELECT m.name FROM machines m WHERE m.class = ${machineClass}))
			ORDER BY r.dataset_id = ${datasetId}::uuid DESC, j.finished_at DESC LIMIT ${MOST_LOOKED_AT}
		) last`;

/** Of a run on a dataset with so many interactions to train on; null: there has been none like it. */
export function secondsOf(
	run: Pick<LikeRun, "model" | "config" | "processes" | "datasetId" | "interactions">,
	done: LikeRun[],
): Seconds | null {
	const ofModel = done.filter(({ model, processes }) => model === run.model && processes === run.processes);
	const there = ofModel.filter(({ datasetId }) => datasetId === run.datasetId);
	const same = there.filter(({ config }) => part(config) === part(run.config));
	if (same.length > 0) return { ...rangeOf(run, same), like: "configuration" };
	if (there.length > 0) return { ...rangeOf(run, there), like: "dataset" };
	const elsewhere = ofModel.filter(({ interactions }) => interactions > 0);
	return elsewhere.length > 0 ? { ...rangeOf(run, elsewhere), like: "model" } : null;
}

function rangeOf(run: Pick<LikeRun, "config" | "datasetId" | "interactions">, like: LikeRun[]) {
	const most = typeof run.config.epochs === "number" ? run.config.epochs : 1;
	const each = like.map(({ datasetId, interactions, epoch, seconds }) => {
		const scale = datasetId === run.datasetId ? 1 : run.interactions / interactions;
		return { epoch, ofEpoch: (scale * seconds) / epoch };
	});
	return {
		low: Math.min(...each.map(({ epoch, ofEpoch }) => Math.min(epoch, most) * ofEpoch)),
		high: Math.max(...each.map(({ ofEpoch }) => most * ofEpoch)),
	};
}

const part = (config: Record<string, unknown>) =>
	canonical(Object.fromEntries(Object.entries(config).filter(([name]) => !ENDS.has(name))));
