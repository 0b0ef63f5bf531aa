// What has become of a trial, which is a run.
import { type JobState, Prisma } from "../generated/prisma/client.js";
import { ApiError } from "../http/errors.js";

/** The stop reason of a trial that fell out at a rung. It has SUCCEEDED, but was not tested. */
export const PRUNED = "pruned";
/** The same as SQL over `runs r`. */
export const IS_PRUNED = Prisma.sql`(r.stop_reason IS NOT NULL AND r.stop_reason = ${PRUNED})`;

/** Where a test is asked for. Throws conflict. */
export function refusePruned({ stopReason }: { stopReason: string | null }): void {
	if (stopReason === PRUNED) throw new ApiError("conflict", "The run is a trial that was pruned; it was not tested.");
}

/**
 * Whether the test of a run is reported, as SQL over `runs r`: it is no trial, or the best complete one of its search by validation, the
 * first of equals. To rank all trials by their tests would be to choose by test.
 */
export const IS_REPORTED = Prisma.sql`(r.search_id IS NULL OR r.id IN (
	SELECT DISTINCT ON (t.search_id) t.id FROM runs t JOIN jobs k ON k.id = t.id
	WHERE t.search_id IS NOT NULL AND k.state = 'SUCCEEDED' AND t.stop_reason IS DISTINCT FROM ${PRUNED}
		AND t.best_value IS NOT NULL AND t.best_value <> 'NaN'
	ORDER BY t.search_id, t.best_value DESC, t.trial))`;

export const TRIAL_STATES = ["waiting", "running", "complete", "pruned", "failed", "cancelled"] as const;
export type TrialState = (typeof TRIAL_STATES)[number];

const ENDED = { QUEUED: "waiting", RUNNING: "running", FAILED: "failed", CANCELLED: "cancelled" } as const;

export function trialState(state: JobState, stopReason: string | null): TrialState {
	if (state !== "SUCCEEDED") return ENDED[state];
	return stopReason === PRUNED ? "pruned" : "complete";
}
