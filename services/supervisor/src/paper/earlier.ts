// The runs that a service has already of a dataset under a protocol.
import { isDeepStrictEqual } from "node:util";
import type { Client, Experiment, Page, Run } from "../client.js";
import type { Recipe } from "./recipe.js";

export interface Earlier {
	/** Newest first. */
	runs: Run[];
	/** Which experiment each run is of, by the run's id. */
	experimentOf: Map<string, string>;
	protocolHash: string | null;
}

export async function earlierRuns(
	api: Client,
	dataset: string,
	protocol: Recipe["protocol"],
	models: string[],
): Promise<Earlier> {
	const found: Earlier = { runs: [], experimentOf: new Map(), protocolHash: null };
	for (const listed of await experimentsOf(api, dataset)) {
		const { maskTest, cutoffs, hash } = listed.protocol;
		if (!isDeepStrictEqual({ maskTest, cutoffs }, protocol)) continue;
		if (!listed.models.some((model) => models.includes(model))) continue;
		const { runs } = await api.get<Experiment>(`/experiments/${listed.id}`);
		for (const run of runs) {
			found.runs.push(run);
			found.experimentOf.set(run.id, listed.id);
		}
		found.protocolHash = hash;
	}
	return found;
}

async function experimentsOf(api: Client, dataset: string): Promise<Experiment[]> {
	const all: Experiment[] = [];
	for (let cursor: string | null = ""; cursor !== null; ) {
		const after: string = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
		const page: Page<Experiment> = await api.get(`/experiments?dataset=${dataset}&limit=200${after}`);
		all.push(...page.items);
		cursor = page.nextCursor;
	}
	return all;
}
