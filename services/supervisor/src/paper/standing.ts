// What is there already of a wanted run. The facts decide, not a name: the same model, whole configuration and seed on the
// same dataset under the same protocol is the same run, whichever recipe, choice of models or seeds asked for it.
import { isDeepStrictEqual } from "node:util";
import type { Run } from "../client.js";
import type { Want } from "./plan.js";

export type Standing =
	| { kind: "done"; run: Run }
	/** Queued or running: it is waited for. */
	| { kind: "open"; run: Run }
	/** Never asked for, or failed or cancelled each time. */
	| { kind: "missing" };

const OPEN = ["QUEUED", "RUNNING"];

export const isSame = (want: Want, run: Run) =>
	run.model === want.model && run.seed === want.seed && isDeepStrictEqual(run.config, want.config);

/** `runs` are of the same dataset and protocol, newest first. */
export function standingOf(want: Want, runs: Run[]): Standing {
	const same = runs.filter((run) => isSame(want, run));
	const done = same.find((run) => run.state === "SUCCEEDED");
	if (done) return { kind: "done", run: done };
	const open = same.find((run) => OPEN.includes(run.state));
	return open ? { kind: "open", run: open } : { kind: "missing" };
}

export interface Request {
	models: { model: string; params: Want["params"] }[];
	seeds: number[];
}
/** The api takes so many models in one experiment. */
const MOST_MODELS = 50;
const MOST_RUNS = 1000;

/** As few experiments as hold exactly the missing runs: an experiment is models × seeds, so configurations that lack the
 * same seeds share one. */
export function requestsFor(missing: Want[]): Request[] {
	const lacking = new Map<Want["config"], Want[]>();
	for (const want of missing) lacking.set(want.config, [...(lacking.get(want.config) ?? []), want]);
	const bySeeds = new Map<string, Want[][]>();
	for (const group of lacking.values()) {
		const seeds = group.map((want) => want.seed).join();
		bySeeds.set(seeds, [...(bySeeds.get(seeds) ?? []), group]);
	}
	return [...bySeeds.values()].flatMap((groups) => {
		const seeds = (groups[0] as Want[]).map((want) => want.seed);
		const models = groups.map(([want]) => ({ model: (want as Want).model, params: (want as Want).params }));
		const size = Math.max(1, Math.min(MOST_MODELS, Math.floor(MOST_RUNS / seeds.length)));
		const requests: Request[] = [];
		for (let start = 0; start < models.length; start += size)
			requests.push({ models: models.slice(start, start + size), seeds });
		return requests;
	});
}
