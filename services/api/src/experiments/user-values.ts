// What a test leaves beside its means: the values of single users, which are an artifact, and the metrics of some of them.
import type { FastifyInstance } from "fastify";
import { datasetKey } from "../datasets/dataset-store.js";
import { erasedSince } from "../feeds/erasures.js";
import type { Dataset, Job } from "../generated/prisma/client.js";
import type { UserValuesRef } from "../generated/proto/trainer/v1/measures.js";
import type { ErasedPeople, TrainFinished } from "../generated/proto/trainer/v1/trainer.js";
import { ApiError } from "../http/errors.js";
import { AT_ONE_MOMENT } from "../plugins/prisma.js";
import { refusePruned } from "../searches/trial-state.js";
import { finite } from "../views/job.js";

/** Of a run or an evaluation. */
export const valuesKey = (id: string) => `values/${id}`;

/** As columns of its run or evaluation. */
export const leftByTest = ({ values, groups }: Pick<TrainFinished, "values" | "groups">) => ({
	valuesKey: values?.key ?? null,
	valuesSha256: values?.sha256 ?? null,
	valuesBytes: values?.bytes ?? null,
	// Without values nobody was measured.
	valuesUsers: values?.users ?? 0,
	metricGroups: groups.map(({ metrics, ...group }) => ({
		...group,
		metrics: Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, finite(value)])),
	})),
});

interface WithValues {
	valuesKey: string | null;
	valuesSha256: string | null;
	valuesBytes: bigint | null;
	valuesUsers: number | null;
}
/** Null where there are none. */
export const valuesOf = ({ valuesKey, valuesSha256, valuesBytes, valuesUsers }: WithValues): UserValuesRef | null =>
	valuesKey === null
		? null
		: { key: valuesKey, sha256: valuesSha256 ?? "", bytes: Number(valuesBytes), users: valuesUsers ?? 0 };

export interface Measured {
	/** Null where nobody was measured. */
	values: UserValuesRef | null;
	/** Of the dataset that was measured. */
	datasetKey: string;
	/** Who was erased since it was taken, and is nobody. */
	erased: ErasedPeople[];
	/** Metrics of single users with their cut-offs. */
	columns: string[];
	/** What a file of it is called, without an ending. */
	name: string;
}

/** Throws not_found, conflict where nothing has been measured, or values_missing. */
export async function measuredRun(app: FastifyInstance, id: string): Promise<Measured> {
	const query = { where: { id }, include: { job: true, experiment: true, dataset: true } };
	const run = await app.prisma.$transaction((tx) => tx.run.findUnique(query), AT_ONE_MOMENT);
	if (!run) throw new ApiError("not_found", "There is no run with this id.");
	if (run.refitOfId) {
		throw new ApiError(
			"conflict",
			`A refit has seen what it would be measured on; run ${run.refitOfId} vouches for it.`,
		);
	}
	refusePruned(run);
	const { metrics, cutoffs } = run.experiment;
	return measuredOf(app, "run", { ...run, metrics, cutoffs });
}

/** Throws not_found, conflict where nothing has been measured, or values_missing. */
export async function measuredEvaluation(app: FastifyInstance, id: string): Promise<Measured> {
	const query = { where: { id }, include: { job: true, dataset: true, run: { include: { dataset: true } } } };
	const evaluation = await app.prisma.$transaction((tx) => tx.evaluation.findUnique(query), AT_ONE_MOMENT);
	if (!evaluation) throw new ApiError("not_found", "There is no evaluation with this id.");
	const { run, metricNames } = evaluation;
	const dataset = evaluation.dataset ?? run.dataset;
	return measuredOf(app, "evaluation", { ...evaluation, dataset, model: run.model, metrics: metricNames });
}

interface Row extends WithValues {
	id: string;
	job: Job;
	dataset: Dataset;
	model: string;
	metrics: string[];
	cutoffs: number[];
}

async function measuredOf(app: FastifyInstance, what: "run" | "evaluation", row: Row): Promise<Measured> {
	const { id, job, dataset } = row;
	if (job.state !== "SUCCEEDED") {
		throw new ApiError("conflict", `The ${what} is ${job.state}; its users are known once it has SUCCEEDED.`);
	}
	if (row.valuesUsers === null) {
		throw new ApiError(
			"values_missing",
			`The ${what} is of an earlier version, which kept no values of single users. Evaluate its run again.`,
		);
	}
	const ofUser = new Set((await app.catalogue.metrics()).filter((one) => one.ofUser).map(({ name }) => name));
	return {
		values: valuesOf(row),
		datasetKey: dataset.artifactKey ?? datasetKey(dataset.digest),
		erased: await erasedSince(app.prisma, app.deployments.sourcesOf(dataset)),
		columns: row.cutoffs.flatMap((cutoff) =>
			row.metrics.filter((name) => ofUser.has(name)).map((name) => `${name}@${cutoff}`),
		),
		name: `users-${row.model}-${id.slice(0, 8)}`,
	};
}
