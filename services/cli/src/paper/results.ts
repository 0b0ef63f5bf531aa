// What a recipe gave: every run with its proof, in the order of the rows. Tables and files are made from this alone.
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Against, Dataset, Protocol, RunDetail, System, TestedInterests } from "@valence/client";
import type { Known } from "../metrics.js";
import type { PlannedRow } from "./plan.js";
import { type Effort, isUnder, type Params, type Recipe } from "./recipe.js";

export interface RunResult {
	id: string;
	seed: number;
	metrics: Record<string, number | null>;
	epochs: number;
	bestEpoch: number | null;
	bestValidation: number | null;
	/** Null of a run that was interrupted. */
	seconds: number | null;
	peakMemoryBytes: number | null;
	parameters: number | null;
	device: string | null;
	torchVersion: string | null;
	codeVersion: string | null;
	finishedAt: string | null;
	machine: string;
}
export interface PointResult {
	chosen: Params;
	config: Params;
	runs: RunResult[];
	/** Why a seed has no run here. */
	failures: string[];
}
/** What a row's first run says of the user. */
export interface CaseResult {
	run: string;
	user: string;
	/** Why it is this user, in words. */
	chosen: string;
	/** What was measured of them: recall@20, ... */
	values: Record<string, number | null>;
	answer: Omit<TestedInterests, "user" | "checkpoint" | "maskTest">;
}
export interface RowResult {
	label: string;
	model: string;
	source: string;
	/** Files of earlier versions have none. */
	setting?: Effort;
	/** The label of the row that it is tested against, where the recipe names one. */
	against?: string;
	points: PointResult[];
	/** Where the recipe is about a user. */
	case?: CaseResult;
}
/** Of the comparison of a row with the one that it is tested against. */
export interface Pair {
	row: string;
	against: string;
	/** Its id on the service. */
	comparison: string;
	users: number;
	/** Tests that p values were corrected for. */
	family: number;
	draws: number;
	differences: ({ metric: string } & Against)[];
}
/** Of the comparison of all rows. */
export interface Tested {
	/** Its id on the service. */
	comparison: string;
	/** The row that the others were compared with; null: each with each. */
	baseline: string | null;
	/** Metrics whose best row is shown to be better than the second. */
	shown: string[];
	/** Those where that is so of these runs alone; files of earlier versions have none. */
	ofRuns?: string[];
	/** Metrics whose best and second row were not compared with each other. */
	undecided: string[];
	users: number;
	/** Tests that p values were corrected for. */
	family: number;
	draws: number;
}
export interface Results {
	recipe: string;
	title: string;
	layout: Recipe["layout"];
	metrics: string[];
	/** What is to be known of them; files of earlier versions have none. */
	definitions?: Known[];
	seeds: number[];
	dataset: { name: string; users: number; items: number; interactions: number; splitDigest: string };
	protocol: Protocol;
	rows: RowResult[];
	tested?: Tested;
	/** Where rows are tested against one row each, in place of `tested`. */
	pairs?: (Pair | { row: string; against: string; untested: string })[];
	/** Why nothing was tested. */
	untested?: string;
}

/** The rows of a plan with the runs they asked for: those of the service at hand, which `machine` computes, and those of
 * earlier results. */
export function rowsOf(planned: PlannedRow[], runs: RunDetail[], machine: string, reused: Reused[] = []): RowResult[] {
	return planned.map(({ label, model, source, setting, against, seeds, points }) => {
		const filled = points.map(({ chosen, config }) => {
			const mine = runs.filter(
				(run) => run.model === model && seeds.includes(run.seed) && isDeepStrictEqual(run.config, config),
			);
			const old = reused.filter((one) => seeds.some((seed) => fits(one, { model, config, seed })));
			return {
				chosen,
				config,
				runs: [
					...mine.filter((run) => run.state === "SUCCEEDED").map((run) => resultOf(run, machine)),
					...old.map(({ run }) => run),
				].sort((a, b) => a.seed - b.seed),
				failures: mine
					.filter((run) => run.state !== "SUCCEEDED")
					.map((run) => `seed ${run.seed} ${run.state.toLowerCase()}${run.error ? `: ${run.error.message}` : ""}`),
			};
		});
		return { label, model, source, setting, ...(against !== null && { against }), points: filled };
	});
}

export const resultOf = (run: RunDetail, machine: string): RunResult => ({
	id: run.id,
	seed: run.seed,
	metrics: run.metrics,
	epochs: run.epoch,
	bestEpoch: run.bestEpoch,
	bestValidation: run.bestValue,
	// The service tells the time of the last attempt alone, which is not what the run costs.
	seconds: run.lease > 1 ? null : run.trainSeconds,
	peakMemoryBytes: run.peakMemoryBytes,
	parameters: run.parameters,
	device: run.device,
	torchVersion: run.torchVersion,
	codeVersion: run.codeVersion,
	finishedAt: run.finishedAt,
	machine,
});

/** A command that asked for a part of the rows keeps those of the file that it did not ask for, so that a table can be
 * filled bit by bit and on several machines. Numbers of another protocol or dataset do not mix. */
export function withEarlierRows(results: Results, earlier: Results | null, recipe: Recipe): Results {
	if (earlier?.protocol.hash !== results.protocol.hash || earlier.recipe !== results.recipe) return results;
	const placeOf = ({ model, label }: RowResult) =>
		recipe.rows.findIndex((row) => row.model === model && (row.label ?? label) === label);
	const taken = new Set(results.rows.map(placeOf));
	const user = results.rows[0]?.case?.user;
	const kept = earlier.rows.filter((row) => placeOf(row) >= 0 && !taken.has(placeOf(row)) && row.case?.user === user);
	return { ...results, rows: [...results.rows, ...kept].sort((a, b) => placeOf(a) - placeOf(b)) };
}

/** A run that a results file holds already: of another machine, or of a service that is gone. */
export interface Reused {
	model: string;
	config: Params;
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
		if (!isUnder(results.protocol, recipe.protocol)) continue;
		for (const one of runsOf(results.rows, results.protocol.hash))
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

export function readResults(folder: string, recipe: string, dataset: string): Results | null {
	try {
		return JSON.parse(readFileSync(`${stemOf(folder, recipe, dataset)}.json`, "utf8")) as Results;
	} catch {
		return null; // none yet, or not ours to read: it is written anew
	}
}

/** The path of a recipe's files on a dataset, without their ending. */
export const stemOf = (folder: string, recipe: string, dataset: string) => join(folder, `${recipe}-${dataset}`);

function filesOf(folder: string, dataset: string): string[] {
	const ending = `-${dataset}.json`;
	try {
		const files = readdirSync(folder).filter((file) => file.endsWith(ending));
		return files.map((file) => file.slice(0, -ending.length)).sort();
	} catch {
		return []; // no folder yet
	}
}

export const fits = (one: Reused, want: { model: string; config: Params; seed: number }) =>
	one.model === want.model && one.run.seed === want.seed && isDeepStrictEqual(one.config, want.config);

const HERE = /^https?:\/\/(127\.\d+\.\d+\.\d+|localhost|\[::1\])(:|\/|$)/;

/** Cores are known of this machine alone; a service elsewhere tells its device and PyTorch. */
export function machineOf(system: System, url: string): string {
	const processor = cpus()[0]?.model.trim() || process.arch;
	const cores = HERE.test(url) ? `${availableParallelism()} cores (${processor})` : `${url}, cores not known`;
	return `${cores}, device ${system.device}, torch ${system.torchVersion}, Valence ${system.version}`;
}
