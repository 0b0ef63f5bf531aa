// From a request to the rows of an experiment and its runs, all at once or not at all.
import { randomUUID } from "node:crypto";
import { type Static, Type } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import type { ImportRule } from "../datasets/import-rule.js";
import { type Estimated, estimateRuns } from "../estimates/estimate.js";
import type { Prisma } from "../generated/prisma/client.js";
import { digest } from "../http/digest.js";
import { ApiError } from "../http/errors.js";
import { Cutoffs, MachineClass, MaskTest, MetricNames, Text, UuidOf } from "../http/schemas.js";
import { requireClass } from "../machines/classes.js";
import type { Answer, Remember } from "../plugins/idempotency.js";
import { type Transaction, violatesForeignKey } from "../plugins/prisma.js";
import type { DatasetSize } from "../plugins/trainer.js";
import { SearchRequest } from "../searches/space.js";
import { wholeExperiment } from "../views/experiment.js";
import { enqueueRuns } from "./enqueue.js";
import { expand, type PlannedRun, type PlannedSearch } from "./expansion.js";
import { KEEP_ALL, OptionalKeep, ruleOf } from "./keep-rule.js";
import { configHashOf } from "./labels.js";
import { PROTOCOL, protocolHash } from "./protocol.js";
import { datasetGone, readyDataset } from "./ready-dataset.js";
import { leavesNothingOut } from "./refit.js";

const Field = Type.String({ minLength: 1, maxLength: 100 });
export const Processes = Type.Integer({
	minimum: 1,
	maximum: 16,
	description:
		"How many processes of one machine train each run together, with a GPU each or sharing its cores; 1 unless given. More than 1 only of models with the capability data_parallel.",
});
const ModelRequest = Type.Object(
	{
		model: Text(100, "Its name in the catalogue."),
		params: Type.Optional(
			Type.Record(Field, Type.Unknown(), {
				description: "Fields of its configuration that are not to have their defaults.",
				examples: [{ k: 4, tau: 0.1 }],
			}),
		),
		grid: Type.Optional(
			Type.Record(Field, Type.Array(Type.Unknown(), { minItems: 1, maxItems: 1000, uniqueItems: true }), {
				description: "Values to try of each field; every combination becomes a run.",
				examples: [{ tau: [0.05, 0.1, 0.2] }],
			}),
		),
		search: Type.Optional(SearchRequest),
		processes: Type.Optional(Processes),
	},
	{ title: "ModelRequest", additionalProperties: false },
);
export const NewExperiment = Type.Object(
	{
		name: Type.Optional(Text(200, "Made of models and dataset unless given.")),
		dataset: UuidOf("One that has been imported."),
		models: Type.Array(ModelRequest, { minItems: 1, maxItems: 50 }),
		seeds: Type.Array(Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 }), {
			minItems: 1,
			maxItems: 1000,
			uniqueItems: true,
			default: [1],
			description: "Each gives a run; models with the capability closed_form run once, with the first.",
		}),
		protocol: Type.Object(
			{
				maskTest: { ...MaskTest, default: PROTOCOL.maskTest } as typeof MaskTest,
				cutoffs: { ...Cutoffs, default: PROTOCOL.cutoffs } as typeof Cutoffs,
				// No default here and below: a request from before there was one is still the same under its Idempotency-Key.
				metrics: Type.Optional(MetricNames(PROTOCOL.metrics.join(" and "))),
			},
			{ additionalProperties: false, default: {} },
		),
		keep: Type.Optional(OptionalKeep),
		class: Type.Optional(MachineClass),
		refit: Type.Optional(
			Type.Boolean({
				description:
					"Refit the best run by validation once all have ended, as POST /runs/{id}/refit does; false unless given.",
			}),
		),
	},
	{ title: "NewExperiment", additionalProperties: false },
);

export async function launch(
	app: FastifyInstance,
	request: Static<typeof NewExperiment>,
	remember: Remember,
): Promise<Answer> {
	const planned = await planExperiment(app, request);
	const store = app.prisma.$transaction(async (tx) => {
		await storeExperiment(app, tx, planned);
		const body = await wholeExperiment(tx, planned.id);
		const made = { status: 202, location: `/experiments/${planned.id}`, body };
		await remember(tx, made);
		return made;
	});
	const answer = await store.catch((error) => {
		if (violatesForeignKey(error)) throw datasetGone();
		throw error;
	});
	await enqueueRuns(app, planned.runIds);
	return answer;
}

export interface PlannedExperiment {
	id: string;
	runIds: string[];
	/** Of the runs, in their order, each with its place in the request. */
	estimates: (Estimated & { entry: number })[];
	experiment: Prisma.ExperimentUncheckedCreateInput;
	searches: Prisma.SearchCreateManyInput[];
	runs: Prisma.RunCreateManyInput[];
}

/** Everything that is to be stored. Throws where a field does not fit, and names it. */
export async function planExperiment(
	app: FastifyInstance,
	request: Static<typeof NewExperiment>,
): Promise<PlannedExperiment> {
	const { dataset: datasetId, models, seeds } = request;
	if (request.class !== undefined) await requireClass(app, request.class);
	const keep = request.keep ? ruleOf(request.keep) : KEEP_ALL;
	const dataset = await readyDataset(app, datasetId);
	if ((dataset.rule as ImportRule).split?.kind === "strong") await refuseWithoutFoldIn(app, models);
	const { users = 0, items = 0 } = (dataset.statistics ?? {}) as Partial<DatasetSize>;
	const planned = await expand(app.catalogue, models, seeds, { users, items });
	const { maskTest, cutoffs, metrics } = request.protocol;
	const measured = metrics ? await app.catalogue.inOrder(metrics, "/protocol/metrics") : PROTOCOL.metrics;
	const protocol = { maskTest, cutoffs, metrics: measured };
	refuseBlindSearches(dataset.statistics, models);
	if (request.refit) refuseRefit(dataset.statistics, planned.length);
	const id = randomUUID();
	const estimated = await estimateRuns(app, dataset, planned, request.class ?? null);
	const estimates = planned.map(({ entry }, index) => ({ ...(estimated[index] as Estimated), entry }));
	const runs = planned.map((run, position) => ({
		...{ ...rowOf(run), experimentId: id, datasetId, position },
		estimate: estimates[position]?.estimate as unknown as Prisma.InputJsonObject,
	}));
	const named = [...new Set(planned.map((run) => run.model))].join(", ");
	const searches = new Set(planned.flatMap(({ trial }) => (trial ? [trial.search] : [])));
	return {
		id,
		runIds: runs.map((run) => run.id),
		estimates,
		experiment: {
			id,
			name: request.name ?? `${named} on ${dataset.name}`,
			datasetId,
			spec: request as unknown as Prisma.InputJsonObject,
			...protocol,
			protocolHash: protocolHash(dataset.splitDigest, protocol),
			keepCheckpoints: keep.checkpoints,
			keepRuns: keep.runs,
			refit: request.refit ?? false,
		},
		searches: [...searches].map((search) => ({ ...(search as SearchRow), experimentId: id })),
		runs,
	};
}

type SearchRow = PlannedSearch & Pick<Prisma.SearchCreateManyInput, "params" | "space">;

function rowOf({ model, config, seed, processes, trial }: PlannedRun) {
	const own = { id: randomUUID(), model, config: config as Prisma.InputJsonObject, seed, processes };
	if (!trial) return { ...own, configHash: configHashOf({ model, config, processes }) };
	const { search, number } = trial;
	// Until it has its configuration it is like no other run.
	return { ...own, configHash: digest({ search: search.id, trial: number }), searchId: search.id, trial: number };
}

/** To be followed by `enqueueRuns` once it is committed. */
export async function storeExperiment(
	app: FastifyInstance,
	tx: Transaction,
	planned: PlannedExperiment,
): Promise<void> {
	await tx.experiment.create({ data: planned.experiment });
	await tx.search.createMany({ data: planned.searches });
	const classes = planned.estimates.map((estimated) => estimated.machineClass);
	for (const machineClass of new Set(classes)) {
		const runIds = planned.runIds.filter((_, index) => classes[index] === machineClass);
		await app.jobs.create(tx, runIds, "run", machineClass);
	}
	await tx.run.createMany({ data: planned.runs });
}

/** Users that a strong split holds out are strangers to every model. */
async function refuseWithoutFoldIn(app: FastifyInstance, models: { model: string }[]): Promise<void> {
	const entries = await Promise.all(
		models.map(({ model }, index) => app.catalogue.find(model, `/models/${index}/model`)),
	);
	const canFoldIn = ({ capabilities }: { capabilities: string[] }) => capabilities.includes("fold_in");
	const wrong = entries.flatMap((entry, index) => (canFoldIn(entry) ? [] : [{ index, name: entry.name }]));
	if (wrong.length === 0) return;
	const able = (await app.catalogue.models()).filter(canFoldIn).map(({ name }) => name);
	const message = `cannot be measured on the users that the dataset's strong split holds out. These models can: ${able.join(", ")}`;
	throw new ApiError(
		"fold_in_unsupported",
		`${wrong.map(({ name }) => name).join(", ")} ${message}.`,
		wrong.map(({ index }) => ({ pointer: `/models/${index}/model`, code: "fold_in_unsupported", message })),
	);
}

/** Without validation nothing tells one trial from another. */
function refuseBlindSearches(statistics: unknown, models: { search?: object }[]): void {
	if ((statistics as { valid?: number } | null)?.valid !== 0) return;
	const message = "needs a validation part, which tells trials apart; the dataset has none";
	const problems = models.flatMap(({ search }, index) =>
		search ? [{ pointer: `/models/${index}/search`, code: "not_allowed", message }] : [],
	);
	const [first] = problems;
	if (first) throw new ApiError("invalid_request", `${first.pointer} ${message}.`, problems);
}

/** What could not be done at the end is refused at the beginning. */
function refuseRefit(statistics: unknown, runs: number): void {
	const wrong = (message: string) =>
		new ApiError("invalid_request", `refit ${message}.`, [{ pointer: "/refit", code: "not_allowed", message }]);
	if (leavesNothingOut(statistics)) throw wrong("would add nothing: the dataset has no validation and no test part");
	if (runs > 1 && (statistics as { valid?: number } | null)?.valid === 0)
		throw wrong("needs a validation part, which tells the best of several runs; the dataset has none");
}
