// models × grid × seeds → runs, each with a whole configuration; a closed form once, whatever the seeds. Counted before anything is built.

import { canonical } from "../http/digest.js";
import { ApiError, type Problem } from "../http/errors.js";
import type { Catalogue, CatalogueEntry } from "../plugins/catalogue.js";

export const MOST_RUNS = 1_000;

export interface ModelRequest {
	model: string;
	params?: Record<string, unknown>;
	grid?: Record<string, unknown[]>;
}
export interface PlannedRun {
	model: string;
	config: Record<string, unknown>;
	seed: number;
}

/** Throws too_many_runs, unknown_model or bad_configuration with every wrong field; nothing is stored before. */
export async function expand(catalogue: Catalogue, models: ModelRequest[], seeds: number[]): Promise<PlannedRun[]> {
	const found = await Promise.all(models.map(({ model }, index) => catalogue.find(model, `/models/${index}/model`)));
	// A closed form gives the same numbers with every seed.
	const seedsOf = ({ capabilities }: CatalogueEntry) =>
		capabilities.includes("closed_form") ? seeds.slice(0, 1) : seeds;
	const sizes = found.map((entry, index) =>
		Object.values(models[index]?.grid ?? {}).reduce((size, { length }) => size * length, seedsOf(entry).length),
	);
	const total = sizes.reduce((sum, size) => sum + size, 0);
	if (total > MOST_RUNS) {
		throw new ApiError("too_many_runs", `It would expand to ${total} runs; at most ${MOST_RUNS} are allowed.`, [
			{ pointer: "/models", code: "too_many_runs", message: `models × grid × seeds is ${total}` },
		]);
	}
	const runs: PlannedRun[] = [];
	const problems = new Map<string, Problem>();
	const note = (problem: Problem) => problems.set(problem.pointer, problems.get(problem.pointer) ?? problem);
	const seen = new Set<string>();
	const distinct: { model: string; config: Record<string, unknown>; pointer: string }[] = [];
	for (const [index, { model: name, params = {}, grid = {} }] of models.entries()) {
		const pointer = `/models/${index}`;
		const model = found[index] as CatalogueEntry;
		for (const field of Object.keys(grid).filter((field) => Object.hasOwn(params, field))) {
			note({ pointer: `${pointer}/grid/${field}`, code: "not_allowed", message: "is set in params too" });
		}
		for (const chosen of combinations(grid)) {
			const { config, problems: wrong } = catalogue.resolve(model, { ...params, ...chosen }, `${pointer}/params`);
			for (const problem of wrong) {
				const field = problem.pointer.split("/")[4] ?? "";
				const inGrid = Object.hasOwn(grid, field);
				note(inGrid ? { ...problem, pointer: problem.pointer.replace("/params/", "/grid/") } : problem);
			}
			// Two equal runs would count as two seeds in every mean.
			const identity = canonical({ name, config });
			if (seen.has(identity)) note({ pointer, code: "not_allowed", message: "asks for a configuration twice" });
			seen.add(identity);
			distinct.push({ model: name, config, pointer });
			for (const seed of seedsOf(model)) runs.push({ model: name, config, seed });
		}
	}
	if (problems.size === 0) for (const problem of await catalogue.check(distinct)) note(problem);
	const [first] = problems.values();
	if (first) throw new ApiError("bad_configuration", `${first.pointer} ${first.message}.`, [...problems.values()]);
	return runs;
}

function combinations(grid: Record<string, unknown[]>): Record<string, unknown>[] {
	return Object.entries(grid).reduce<Record<string, unknown>[]>(
		(partial, [field, values]) => partial.flatMap((chosen) => values.map((value) => ({ ...chosen, [field]: value }))),
		[{}],
	);
}
