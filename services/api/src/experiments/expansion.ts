// models × grid × seeds → runs, each with a whole configuration; a closed form once, whatever the seeds. Of a search each trial is a run, with
// one seed and all that its trials have alike. Counted before anything is built.
import { randomUUID } from "node:crypto";
import { canonical } from "../http/digest.js";
import { ApiError, type Problem } from "../http/errors.js";
import type { Catalogue, CatalogueEntry } from "../plugins/catalogue.js";
import type { DatasetSize } from "../plugins/trainer.js";
import { problemsOf } from "../searches/asking.js";
import type { SearchRequest } from "../searches/space.js";

export const MOST_RUNS = 1_000;

export interface ModelRequest {
	model: string;
	params?: Record<string, unknown>;
	grid?: Record<string, unknown[]>;
	search?: SearchRequest;
	processes?: number;
}
export interface PlannedSearch extends Omit<SearchRequest, "prune"> {
	id: string;
	/** Of its model in the request. */
	position: number;
	model: string;
	params: Record<string, unknown>;
	prune: SearchRequest["prune"] | null;
}
export interface PlannedRun {
	/** Place in the request of the model that asks for it. */
	entry: number;
	model: string;
	/** Of a trial: without what is searched, which has its defaults. */
	config: Record<string, unknown>;
	seed: number;
	processes: number;
	trial?: { search: PlannedSearch; number: number };
}

/** Throws too_many_runs, unknown_model or bad_configuration with every wrong field; nothing is stored before. */
export async function expand(
	catalogue: Catalogue,
	models: ModelRequest[],
	seeds: number[],
	size?: DatasetSize,
): Promise<PlannedRun[]> {
	const found = await Promise.all(models.map(({ model }, index) => catalogue.find(model, `/models/${index}/model`)));
	// A closed form gives the same numbers with every seed.
	const seedsOf = ({ capabilities }: CatalogueEntry) =>
		capabilities.includes("closed_form") ? seeds.slice(0, 1) : seeds;
	const sizes = found.map((entry, index) => {
		const { grid = {}, search } = models[index] as ModelRequest;
		return search?.trials ?? Object.values(grid).reduce((size, { length }) => size * length, seedsOf(entry).length);
	});
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
	for (const [index, { model: name, params = {}, grid = {}, search, processes = 1 }] of models.entries()) {
		const pointer = `/models/${index}`;
		const model = found[index] as CatalogueEntry;
		if (processes > 1 && !isParallel(model)) {
			const able = (await catalogue.models()).filter(isParallel).map((one) => one.name);
			const message = `cannot be more than 1 for ${name}. These models can train in several processes: ${able.join(", ")}`;
			note({ pointer: `${pointer}/processes`, code: "not_allowed", message });
		}
		if (search) {
			const { config, problems: wrong } = catalogue.resolve(model, params, `${pointer}/params`);
			const asked = { params, hasGrid: Object.keys(grid).length > 0, search };
			for (const problem of [...wrong, ...problemsOf(catalogue, model, asked, pointer)]) note(problem);
			const planned = {
				...search,
				id: randomUUID(),
				position: index,
				model: name,
				params,
				prune: search.prune ?? null,
			};
			for (let number = 0; number < search.trials; number++)
				runs.push({
					entry: index,
					model: name,
					config,
					seed: seeds[0] as number,
					processes,
					trial: { search: planned, number },
				});
			continue;
		}
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
			const identity = canonical({ name, config, processes });
			if (seen.has(identity)) note({ pointer, code: "not_allowed", message: "asks for a configuration twice" });
			seen.add(identity);
			distinct.push({ model: name, config, pointer });
			for (const seed of seedsOf(model)) runs.push({ entry: index, model: name, config, seed, processes });
		}
	}
	if (problems.size === 0) for (const problem of await catalogue.check(distinct, size)) note(problem);
	const [first] = problems.values();
	if (first) throw new ApiError("bad_configuration", `${first.pointer} ${first.message}.`, [...problems.values()]);
	return runs;
}

const isParallel = ({ capabilities }: CatalogueEntry) => capabilities.includes("data_parallel");

function combinations(grid: Record<string, unknown[]>): Record<string, unknown>[] {
	return Object.entries(grid).reduce<Record<string, unknown>[]>(
		(partial, [field, values]) => partial.flatMap((chosen) => values.map((value) => ({ ...chosen, [field]: value }))),
		[{}],
	);
}
