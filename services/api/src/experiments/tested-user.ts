// A user of a run's dataset as its test saw them: by the checkpoint that was tested, with what the test asks for.
import type { FastifyInstance } from "fastify";
import type { Interaction } from "../generated/proto/recommender/v1/recommender.js";
import { ApiError } from "../http/errors.js";
import { FINAL_STATES } from "../plugins/jobs.js";
import { AT_ONE_MOMENT } from "../plugins/prisma.js";
import { refusePruned } from "../searches/trial-state.js";
import { place } from "../serving/place.js";
import type { Place } from "../serving/question.js";

/** As many as the recommender tells at once. */
const MOST_AT_ONCE = 1_000;

export interface Tested {
	place: Place;
	/** What the protocol of the run masks at test. */
	maskTest: string;
}

/** Throws not_found, or conflict where the run was not tested or has no checkpoint that was. */
export async function testedPlace(app: FastifyInstance, id: string): Promise<Tested> {
	const query = {
		where: { id },
		include: { job: true, experiment: { select: { maskTest: true } }, checkpoints: { where: { isBest: true } } },
	} as const;
	const run = await app.prisma.$transaction((tx) => tx.run.findUnique(query), AT_ONE_MOMENT);
	if (!run) throw new ApiError("not_found", "There is no run with this id.");
	if (run.refitOfId) {
		throw new ApiError(
			"conflict",
			`A refit has learnt from what a test asks for; run ${run.refitOfId} vouches for it.`,
		);
	}
	if (!FINAL_STATES.includes(run.job.state)) {
		throw new ApiError("conflict", `The run is ${run.job.state}; its best checkpoint is known once it has ended.`);
	}
	refusePruned(run);
	const [best] = run.checkpoints;
	if (!best) {
		const why = run.checkpointsRemovedAt ? "has been removed" : "was never written";
		throw new ApiError("conflict", `The checkpoint of the run's best epoch ${why}; train it again.`);
	}
	return { place: await place(app, { deployment: "", checkpoint: best.id }), maskTest: run.experiment.maskTest };
}

/** Throws unknown_user for whom the dataset does not hold, and for whom it holds but who was erased since. */
export function requireUser(app: FastifyInstance, { sources }: Place, isKnown: boolean, user: string): void {
	if (isKnown && app.erasures.of(sources, user) === null) return;
	throw new ApiError("unknown_user", "The dataset of this run has no such user.", [
		{ pointer: "/params/user", code: "unknown_user", message: "is not known here" },
	]);
}

export type HeldBack = "valid" | "test";

/** What of a user was held back from training, by item; what is in both parts is of the test. */
export async function heldBackOf(
	app: FastifyInstance,
	checkpoint: Place["ref"],
	user: string,
): Promise<ReadonlyMap<string, Interaction & { part: HeldBack }>> {
	const found = new Map<string, Interaction & { part: HeldBack }>();
	for (let start = 0, total = 1; start < total; start += MOST_AT_ONCE) {
		const asked = { checkpoint, user, start, n: MOST_AT_ONCE, erased: false, among: [] };
		const page = await app.recommender.readHistory(asked);
		total = page.total;
		for (const one of page.interactions)
			if (isHeldBack(one) && found.get(one.id)?.part !== "test") found.set(one.id, one);
	}
	return found;
}

const isHeldBack = (one: Interaction): one is Interaction & { part: HeldBack } =>
	one.part === "valid" || one.part === "test";
