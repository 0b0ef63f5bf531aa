// What a recipe gave: every run with its proof, in the order of the rows. The files are made from this alone.
import { isDeepStrictEqual } from "node:util";
import type { Protocol, WholeRun } from "../client.js";
import type { PlannedRow } from "./plan.js";
import type { Params, Recipe } from "./recipe.js";
import { fits, type Reused } from "./reused.js";

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
export interface RowResult {
	label: string;
	model: string;
	source: string;
	points: PointResult[];
}
export interface Results {
	recipe: string;
	title: string;
	layout: Recipe["layout"];
	metrics: string[];
	seeds: number[];
	dataset: { name: string; users: number; items: number; interactions: number; splitDigest: string };
	protocol: Protocol;
	rows: RowResult[];
}

/** The rows of a plan with the runs they asked for: those of the service at hand, which `machine` computes, and those of
 * earlier results. */
export function rowsOf(planned: PlannedRow[], runs: WholeRun[], machine: string, reused: Reused[] = []): RowResult[] {
	return planned.map(({ label, model, source, seeds, points }) => {
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
		return { label, model, source, points: filled };
	});
}

export const resultOf = (run: WholeRun, machine: string): RunResult => ({
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
	const kept = earlier.rows.filter((row) => placeOf(row) >= 0 && !taken.has(placeOf(row)));
	return { ...results, rows: [...results.rows, ...kept].sort((a, b) => placeOf(a) - placeOf(b)) };
}
