// The winner of a search once more: its configuration with seeds that chose nothing, and refit on everything.
import { type Static, Type } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { enqueueRuns } from "../experiments/enqueue.js";
import { type NewExperiment, planExperiment, storeExperiment } from "../experiments/launch.js";
import { holdExperiment, refitWithin } from "../experiments/refit.js";
import type { Prisma } from "../generated/prisma/client.js";
import { ApiError } from "../http/errors.js";
import { Nullable, UuidOf } from "../http/schemas.js";
import type { Answer, Remember } from "../plugins/idempotency.js";
import { violatesForeignKey } from "../plugins/prisma.js";
import { WholeExperiment, wholeExperiment } from "../views/experiment.js";
import { confirms, searchDetail } from "../views/search.js";

const FRESH = 3;
const MOST_NAME = 200;

export const NewConfirmation = Type.Object(
	{
		seeds: Type.Optional(
			Type.Array(Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 }), {
				minItems: 1,
				maxItems: 1000,
				uniqueItems: true,
				description: `Not that of the search, by which the winner was chosen; the ${FRESH} least from 1 on that are not unless given.`,
			}),
		),
		refit: Type.Boolean({ default: true, description: "Refit the winner, as POST /runs/{id}/refit does." }),
	},
	{ title: "NewSearchConfirmation", additionalProperties: false },
);
export const Confirmation = Type.Object(
	{
		experiment: WholeExperiment,
		refit: Nullable(Type.Object({ id: UuidOf("A run of the search's experiment.") }, { title: "RefitOfWinner" })),
	},
	{ title: "SearchConfirmation" },
);

/** Throws not_found, or conflict while the search is not over or where none of its trials is complete. */
export async function confirm(
	app: FastifyInstance,
	id: string,
	asked: Static<typeof NewConfirmation>,
	remember: Remember,
): Promise<Answer> {
	const { experimentId, winner, tried, request } = await whatWasFound(app, id, asked.seeds);
	const planned = await planExperiment(app, request);
	planned.experiment.confirmedTrials = tried;
	const store = app.prisma.$transaction(async (tx) => {
		// One at a time, and whoever deletes it waits.
		await holdExperiment(tx, experimentId);
		const search = await tx.search.findUnique({ where: { id }, include: CONFIRMED_BY });
		if (!search) throw missing();
		const before = search.confirmedBy;
		const isSame = before && confirms(before) && sameSeeds((before.spec as { seeds?: number[] }).seeds, request.seeds);
		const known = isSame ? before.id : null;
		if (!known) {
			await storeExperiment(app, tx, planned);
			await tx.search.update({ where: { id }, data: { confirmedById: planned.id } });
		}
		const refit = asked.refit ? await refitWithin(app, tx, winner) : null;
		const made = known ?? planned.id;
		const body = { experiment: await wholeExperiment(tx, made), refit: refit && { id: refit.id } };
		const answer = { status: 202, location: `/experiments/${made}`, body };
		await remember(tx, answer);
		return { answer, isNew: !known, refit };
	});
	const { answer, isNew, refit } = await store.catch((error) => {
		if (violatesForeignKey(error)) throw new ApiError("conflict", "The dataset has just been deleted.");
		throw error;
	});
	if (isNew) await enqueueRuns(app, planned.runIds);
	if (refit?.isNew) await enqueueRuns(app, [refit.id]);
	return answer;
}

const CONFIRMED_BY = {
	confirmedBy: { include: { runs: { select: { job: { select: { state: true } } } } } },
} as const satisfies Prisma.SearchInclude;

interface Found {
	experimentId: string;
	/** The run. */
	winner: string;
	/** Trials that had a configuration. */
	tried: number;
	request: Static<typeof NewExperiment>;
}

async function whatWasFound(app: FastifyInstance, id: string, asked: number[] | undefined): Promise<Found> {
	const search = await searchDetail(app.prisma, id);
	const { best, counts, experimentId } = search;
	const open = counts.waiting + counts.running;
	if (!search.isOver)
		throw new ApiError("conflict", `${open} trials of the search are not final; wait, or cancel its experiment.`);
	if (!best) throw new ApiError("conflict", "No trial of the search is complete, so there is no winner.");
	const run = await app.prisma.run.findUnique({ where: { id: best.runId }, include: { experiment: true } });
	if (!run) throw missing();
	const { model, config, seed, processes, datasetId: dataset, experiment } = run;
	if (asked?.includes(seed)) {
		const message = "is the seed of the search, by which the winner was chosen";
		const problem = { pointer: `/seeds/${asked.indexOf(seed)}`, code: "not_allowed", message };
		throw new ApiError("invalid_request", `${problem.pointer} ${message}.`, [problem]);
	}
	const { cutoffs, metrics, maskTest } = experiment;
	const ending = ": the winner, fresh seeds";
	const { class: machineClass } = experiment.spec as { class?: string };
	const request = {
		name: `${experiment.name.slice(0, MOST_NAME - ending.length)}${ending}`.toWellFormed(),
		dataset,
		models: [{ model, params: config as Record<string, unknown>, ...(processes > 1 && { processes }) }],
		seeds: asked ?? freshBeside(seed),
		protocol: { maskTest: maskTest as "train" | "train+valid", cutoffs, metrics },
		...(machineClass && { class: machineClass }),
	};
	const tried = search.history.filter(({ chosen }) => chosen !== null).length;
	return { experimentId, winner: best.runId, tried, request };
}

/** The least from 1 on. */
const freshBeside = (seed: number) =>
	Array.from({ length: FRESH + 1 }, (_, index) => index + 1)
		.filter((one) => one !== seed)
		.slice(0, FRESH);

const sameSeeds = (before: number[] | undefined, now: number[]) =>
	before !== undefined && before.toSorted().join() === now.toSorted().join();

const missing = () => new ApiError("not_found", "There is no search with this id.");
