// Which fields of a search matter, as the trainer weighs them.
import type { Static } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { SearchTrialState } from "../generated/proto/trainer/v1/searching.js";
import { ApiError } from "../http/errors.js";
import { AT_ONE_MOMENT } from "../plugins/prisma.js";
import type { SearchImportance } from "../views/search.js";
import { planOf, proposedTrials } from "./trials.js";

/** Throws not_found. */
export async function importanceOf(app: FastifyInstance, id: string): Promise<Static<typeof SearchImportance>> {
	const search = await app.prisma.search.findUnique({ where: { id } });
	if (!search) throw new ApiError("not_found", "There is no search with this id.");
	const trials = await app.prisma.$transaction((tx) => proposedTrials(tx, id), AT_ONE_MOMENT);
	const plan = await planOf(app, search);
	return {
		...(await app.trainer.weighFields({ plan, trials })),
		complete: trials.filter(({ state }) => state === SearchTrialState.SEARCH_TRIAL_STATE_COMPLETE).length,
	};
}
