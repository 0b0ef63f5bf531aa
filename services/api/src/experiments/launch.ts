// From a request to the rows of an experiment and its runs, all at once or not at all.
import { randomUUID } from "node:crypto";
import { type Static, Type } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import type { ImportRule } from "../datasets/import-rule.js";
import type { Prisma } from "../generated/prisma/client.js";
import { digest } from "../http/digest.js";
import { ApiError } from "../http/errors.js";
import { Cutoffs, MaskTest, Text, UuidOf } from "../http/schemas.js";
import type { Answer, Remember } from "../plugins/idempotency.js";
import { violatesForeignKey } from "../plugins/prisma.js";
import { wholeExperiment } from "../views/experiment.js";
import { expand } from "./expansion.js";
import { KEEP_ALL, OptionalKeep, ruleOf } from "./keep-rule.js";
import { protocolHash } from "./protocol.js";
import { leavesNothingOut } from "./refit.js";

const QUEUED_AT_ONCE = 25;
const Field = Type.String({ minLength: 1, maxLength: 100 });
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
				maskTest: { ...MaskTest, default: "train" } as typeof MaskTest,
				cutoffs: { ...Cutoffs, default: [20, 50] } as typeof Cutoffs,
			},
			{ additionalProperties: false, default: {} },
		),
		// No default: a request from before there was one is still the same under its Idempotency-Key.
		keep: Type.Optional(OptionalKeep),
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
	const { dataset: datasetId, models, seeds, protocol } = request;
	const keep = request.keep ? ruleOf(request.keep) : KEEP_ALL;
	const dataset = await app.prisma.dataset.findUnique({ where: { id: datasetId }, include: { job: true } });
	const splitDigest = dataset?.splitDigest;
	if (!dataset) throw refused("unknown_dataset", "is not known");
	if (dataset.job.state !== "SUCCEEDED" || !splitDigest) throw refused("dataset_not_ready", `is ${dataset.job.state}`);
	if ((dataset.rule as ImportRule).split?.kind === "strong") await refuseWithoutFoldIn(app, models);
	const planned = await expand(app.catalogue, models, seeds);
	if (request.refit) refuseRefit(dataset.statistics, planned.length);
	const id = randomUUID();
	const runs = planned.map((run, position) => ({
		...run,
		id: randomUUID(),
		experimentId: id,
		datasetId,
		position,
		config: run.config as Prisma.InputJsonObject,
		configHash: digest({ model: run.model, config: run.config }),
	}));
	const runIds = runs.map((run) => run.id);
	const named = [...new Set(planned.map((run) => run.model))].join(", ");
	const store = app.prisma.$transaction(async (tx) => {
		await tx.experiment.create({
			data: {
				id,
				name: request.name ?? `${named} on ${dataset.name}`,
				datasetId,
				spec: request as unknown as Prisma.InputJsonObject,
				maskTest: protocol.maskTest,
				cutoffs: protocol.cutoffs,
				protocolHash: protocolHash(splitDigest, protocol.maskTest, protocol.cutoffs),
				keepCheckpoints: keep.checkpoints,
				keepRuns: keep.runs,
				refit: request.refit ?? false,
			},
		});
		await app.jobs.create(tx, runIds, "run");
		await tx.run.createMany({ data: runs });
		const body = await wholeExperiment(tx, id);
		const made = { status: 202, location: `/experiments/${id}`, body };
		await remember(tx, made);
		return made;
	});
	const answer = await store.catch((error) => {
		if (violatesForeignKey(error)) throw refused("unknown_dataset", "has just been deleted");
		throw error;
	});
	await enqueue(app, runIds);
	return answer;
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

function refused(code: "unknown_dataset" | "dataset_not_ready", message: string): ApiError {
	return new ApiError(code, `The dataset ${message}.`, [{ pointer: "/dataset", code, message }]);
}

/** What could not be done at the end is refused at the beginning. */
function refuseRefit(statistics: unknown, runs: number): void {
	const wrong = (message: string) =>
		new ApiError("invalid_request", `refit ${message}.`, [{ pointer: "/refit", code: "not_allowed", message }]);
	if (leavesNothingOut(statistics)) throw wrong("would add nothing: the dataset has no validation and no test part");
	if (runs > 1 && (statistics as { valid?: number } | null)?.valid === 0)
		throw wrong("needs a validation part, which tells the best of several runs; the dataset has none");
}

/** The rows are the promise: when the queue is away, the reconciler adds what is missing. */
async function enqueue(app: FastifyInstance, runIds: string[]): Promise<void> {
	try {
		for (let next = 0; next < runIds.length; next += QUEUED_AT_ONCE) {
			await Promise.all(runIds.slice(next, next + QUEUED_AT_ONCE).map((id) => app.queue.add("run", id, 0)));
		}
	} catch (err) {
		app.log.warn({ err }, "runs wait for the reconciler");
	}
}
