import type { Run, Search } from "./generated/openapi.js";

/** How a trial of a search ended, or how far it is. */
export type Ending = "complete" | "pruned" | "failed" | "cancelled" | "running" | "waiting";

/** One that was pruned has succeeded, too: it has a checkpoint, and was not tested. */
export const isPruned = ({ stopReason }: Pick<Run, "stopReason">) => stopReason === "pruned";

/** Of a trial, from its run. */
export function endingOf({ state, stopReason }: Pick<Run, "state" | "stopReason">): Ending {
	if (state === "SUCCEEDED") return isPruned({ stopReason }) ? "pruned" : "complete";
	return ({ QUEUED: "waiting", RUNNING: "running", FAILED: "failed", CANCELLED: "cancelled" } as const)[state];
}

/** Every run that is no trial, and of each search its best one: what a hundred trials must not bury. */
export function standing<R extends Pick<Run, "id" | "trial">>({
	runs,
	searches,
}: {
	runs: R[];
	searches: Pick<Search, "best">[];
}): R[] {
	const best = new Set(searches.flatMap((search) => search.best?.runId ?? []));
	return runs.filter(({ id, trial }) => trial === null || best.has(id));
}
