// A search as the trainer is told of it: its plan, and what has become of the trials that were proposed.
import type { FastifyInstance } from "fastify";
import type { JobState, Search } from "../generated/prisma/client.js";
import {
	type SearchDimension,
	type SearchPlan,
	SearchStrategy,
	type SearchTrial,
	SearchTrialState,
} from "../generated/proto/trainer/v1/searching.js";
import type { Transaction } from "../plugins/prisma.js";
import { takesWhole } from "./asking.js";
import type { Dimension, Space } from "./space.js";
import { type TrialState, trialState } from "./trial-state.js";

const STRATEGY: Record<string, SearchStrategy> = {
	random: SearchStrategy.SEARCH_STRATEGY_RANDOM,
	tpe: SearchStrategy.SEARCH_STRATEGY_TPE,
};
/** One that waits again after a crash is still at it; nothing is learnt from one that was cancelled. */
const STATE: Record<TrialState, SearchTrialState> = {
	waiting: SearchTrialState.SEARCH_TRIAL_STATE_RUNNING,
	running: SearchTrialState.SEARCH_TRIAL_STATE_RUNNING,
	complete: SearchTrialState.SEARCH_TRIAL_STATE_COMPLETE,
	pruned: SearchTrialState.SEARCH_TRIAL_STATE_PRUNED,
	failed: SearchTrialState.SEARCH_TRIAL_STATE_FAILED,
	cancelled: SearchTrialState.SEARCH_TRIAL_STATE_FAILED,
};

export async function planOf(app: FastifyInstance, search: Search): Promise<SearchPlan> {
	const model = (await app.catalogue.models()).find(({ name }) => name === search.model);
	const isInteger = (field: string) => model !== undefined && takesWhole(model, field);
	return {
		strategy: STRATEGY[search.strategy] ?? SearchStrategy.SEARCH_STRATEGY_UNSPECIFIED,
		seed: search.seed,
		space: Object.entries(search.space as Space).map(([field, dimension]) => told(field, dimension, isInteger(field))),
	};
}

function told(
	field: string,
	{ values, low = 0, high = 0, log = false, step = 0 }: Dimension,
	integer: boolean,
): SearchDimension {
	if (values) {
		const valuesJson = values.map((value) => JSON.stringify(value));
		return { field, of: { $case: "choices", value: { valuesJson } } };
	}
	return { field, of: { $case: "range", value: { low, high, log, integer, step } } };
}

interface Row {
	number: number;
	chosen: Record<string, unknown>;
	state: JobState;
	stopReason: string | null;
	values: number[] | null;
}

/** Those that have been proposed, by number, each with what decides of its committed epochs: validation recall at the first cut-off. */
export async function proposedTrials(tx: Transaction, searchId: string): Promise<SearchTrial[]> {
	const rows = await tx.$queryRaw<Row[]>`
		SELECT r.trial AS number, r.chosen, j.state, r.stop_reason AS "stopReason", (
			SELECT array_agg(m.value ORDER BY m.epoch) FROM metrics m
			WHERE m.run_id = r.id AND m.split = 'valid' AND m.name = 'recall@' || e.cutoffs[1] AND m.epoch <= r.epoch) AS values
		FROM runs r JOIN jobs j ON j.id = r.id JOIN experiments e ON e.id = r.experiment_id
		WHERE r.search_id = ${searchId}::uuid AND r.chosen IS NOT NULL ORDER BY r.trial`;
	return rows.map(({ number, chosen, state, stopReason, values }) => ({
		number,
		state: STATE[trialState(state, stopReason)],
		chosenJson: JSON.stringify(chosen),
		values: values ?? [],
	}));
}
