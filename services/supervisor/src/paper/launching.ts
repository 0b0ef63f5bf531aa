// From wanted runs to runs of the service: what is there is kept, what is missing is launched.
import { createHash } from "node:crypto";
import type { Client, Dataset, Experiment, Run } from "../client.js";
import { type Earlier, earlierRuns } from "./earlier.js";
import type { Want } from "./plan.js";
import type { Recipe } from "./recipe.js";
import { isSame, requestsFor, standingOf } from "./standing.js";

export interface Launched {
	/** The run of each want, in the order of the wants. */
	runs: Run[];
	experimentOf: Map<string, string>;
	/** Null when nothing was wanted of a service that has nothing. */
	protocolHash: string | null;
	/** How many were there already: finished, or still open. */
	done: number;
	open: number;
}

export async function launch(api: Client, recipe: Recipe, dataset: Dataset, wants: Want[]): Promise<Launched> {
	const models = [...new Set(wants.map((want) => want.model))];
	const known: Earlier = await earlierRuns(api, dataset.id, recipe.protocol, models);
	const standings = wants.map((want) => standingOf(want, known.runs));
	const missing = wants.filter((_, index) => standings[index]?.kind === "missing");
	const made: Run[] = [];
	for (const request of requestsFor(missing)) {
		const name = `${recipe.title} on ${dataset.name} (${digestOf({ dataset: dataset.splitDigest, ...request })})`;
		const body = { name: name.slice(-200), dataset: dataset.id, ...request, protocol: recipe.protocol };
		const experiment = await api.post<Experiment>("/experiments", body);
		for (const run of experiment.runs) known.experimentOf.set(run.id, experiment.id);
		made.push(...experiment.runs);
		known.protocolHash = experiment.protocol.hash;
	}
	const runs = wants.map((want, index) => {
		const standing = standings[index];
		const run = standing && standing.kind !== "missing" ? standing.run : made.find((one) => isSame(want, one));
		if (!run) throw new Error(`the service made another run of ${want.model} than was asked for`);
		return run;
	});
	const count = (kind: string) => standings.filter((standing) => standing.kind === kind).length;
	return {
		runs,
		experimentOf: known.experimentOf,
		protocolHash: known.protocolHash,
		done: count("done"),
		open: count("open"),
	};
}

/** Tells experiments of one name apart on the dashboard. */
const digestOf = (value: object) => createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 8);
