import type { Run, Search, SearchImportance } from "./generated/openapi.js";

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

/** Why nothing is told of which fields a value depends on, and what would tell it; null where something is. */
export function untoldSentence(
	{ fields, complete, leastComplete }: SearchImportance,
	{ counts }: Pick<Search, "counts">,
): string | null {
	if (fields.length > 0) return null;
	if (complete >= leastComplete) return "All complete trials have the same value: it depends on none of the fields.";
	const there = `It is told from ${leastComplete} complete trials on; there ${complete === 1 ? "is" : "are"} ${complete}.`;
	if (counts.pruned === 0) return there;
	const pruned = `${counts.pruned} that ${counts.pruned === 1 ? "was" : "were"} pruned`;
	return `${there} The ${pruned} cannot be weighed beside them, as they were stopped before their best: more trials tell it, or a search without pruning.`;
}
