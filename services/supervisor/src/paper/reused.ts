// Runs that results files hold already: of another machine, or of a service that is gone.
import { readdirSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import type { Dataset } from "../client.js";
import { readResults } from "./files.js";
import type { Recipe } from "./recipe.js";
import type { PointResult, RowResult, RunResult } from "./results.js";

export interface Reused {
	model: string;
	config: PointResult["config"];
	protocolHash: string;
	run: RunResult;
}

/**
 * The runs of all recipes on this dataset under this protocol that tell every metric of the recipe. Of runs with one
 * configuration and seed only the newest: they are no sample of anything.
 */
export function runsOfFiles(folder: string, dataset: Dataset, recipe: Recipe): Reused[] {
	const found: Reused[] = [];
	for (const name of filesOf(folder, dataset.name)) {
		const results = readResults(folder, name, dataset.name);
		if (!results || results.dataset.splitDigest !== dataset.splitDigest) continue;
		const { maskTest, cutoffs, hash } = results.protocol;
		if (!isDeepStrictEqual({ maskTest, cutoffs }, recipe.protocol)) continue;
		for (const one of runsOf(results.rows, hash))
			if (recipe.metrics.every((metric) => typeof one.run.metrics[metric] === "number")) found.push(one);
	}
	const finished = ({ run }: Reused) => run.finishedAt ?? "";
	const newestFirst = found.sort((a, b) => finished(b).localeCompare(finished(a)));
	return newestFirst.filter((one, index) => {
		const want = { model: one.model, config: one.config, seed: one.run.seed };
		return index === newestFirst.findIndex((other) => fits(other, want));
	});
}

const runsOf = (rows: RowResult[], protocolHash: string): Reused[] =>
	rows.flatMap(({ model, points }) =>
		points.flatMap(({ config, runs }) => runs.map((run) => ({ model, config, protocolHash, run }))),
	);

function filesOf(folder: string, dataset: string): string[] {
	const ending = `-${dataset}.json`;
	try {
		const files = readdirSync(folder).filter((file) => file.endsWith(ending));
		return files.map((file) => file.slice(0, -ending.length)).sort();
	} catch {
		return []; // no folder yet
	}
}

export const fits = (one: Reused, want: { model: string; config: PointResult["config"]; seed: number }) =>
	one.model === want.model && one.run.seed === want.seed && isDeepStrictEqual(one.config, want.config);
