// Waits until every wanted run is final, and says on the way what runs and how well.
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, type ExperimentDetail, isPruned, Problem, type Run } from "@valence/client";
import { dim, duration, green, red } from "@valence/supervisor/terminal";
import type { Board } from "./board.js";
import { titleOf } from "./metrics.js";

const POLL_MS = 1_000;
/** How long the service may be away; our own is started again when it falls, one elsewhere may be deployed anew. */
const PATIENCE_MS = 120_000;

export const isOpen = (run: Run) => run.state === "QUEUED" || run.state === "RUNNING";

export interface Watched {
	runs: Run[];
	/** By the run's id. */
	names: Map<string, string>;
	experimentOf: Map<string, string>;
	/** The one that decides on validation. */
	metric: string;
}

/** The runs in the same order, final. */
export async function watch(api: Client, watched: Watched, board: Board): Promise<Run[]> {
	const given = watched.runs;
	const runs = new Map(given.map((run) => [run.id, run]));
	let heardAt = Date.now();
	while ([...runs.values()].some(isOpen)) {
		await sleep(POLL_MS);
		try {
			await look(api, runs, watched, board);
			heardAt = Date.now();
		} catch (error) {
			const isAway = error instanceof Problem && error.status === 0;
			if (!isAway || Date.now() - heardAt > PATIENCE_MS) throw error;
			board.now("  the service does not answer; asking again");
		}
	}
	board.clear();
	return given.map((run) => runs.get(run.id) as Run);
}

/** All runs of one experiment; returns it as it is then. */
export async function watchExperiment(api: Client, begun: ExperimentDetail, board: Board): Promise<ExperimentDetail> {
	const { id, runs, protocol } = begun;
	const hasSeeds = new Set(runs.map(({ seed }) => seed)).size > 1;
	const nameOf = ({ model, seed, trial }: Run) =>
		trial ? `${model} trial ${trial.number}` : hasSeeds ? `${model} seed ${seed}` : model;
	const names = new Map(runs.map((run) => [run.id, nameOf(run)]));
	const experimentOf = new Map(runs.map((run) => [run.id, id]));
	await watch(api, { runs, names, experimentOf, metric: `valid.recall@${protocol.cutoffs[0]}` }, board);
	return api.get("/experiments/{id}", { path: { id } });
}

/** Brings the runs up to date and says what is new. */
async function look(api: Client, runs: Map<string, Run>, watched: Watched, board: Board): Promise<void> {
	const { experimentOf, names, metric } = watched;
	const nameOf = (run: Run) => names.get(run.id) ?? run.model;
	const open = [...runs.values()].filter(isOpen).map((run) => experimentOf.get(run.id) as string);
	for (const id of new Set(open)) {
		const { runs: tested, refits } = await api.get("/experiments/{id}", { path: { id } });
		for (const run of [...tested, ...refits]) {
			const before = runs.get(run.id);
			if (!before) continue;
			runs.set(run.id, run);
			if (isOpen(before) && !isOpen(run)) board.keep(`  ${ending(nameOf(run), run, metric)}`);
		}
	}
	const all = [...runs.values()];
	const running = all.find((run) => run.state === "RUNNING");
	const finished = all.filter((run) => !isOpen(run)).length;
	if (finished === all.length) return;
	const now = running ? await describe(api, nameOf(running), running, metric) : "waiting";
	board.now(`  ${finished}/${all.length} done  ${now}`);
}

async function describe(api: Client, who: string, run: Run, metric: string): Promise<string> {
	if (run.epoch === 0) return `${who}  starting`;
	const { series } = await api.get("/runs/{id}/metrics", { path: { id: run.id } });
	const valid = series.find((one) => `${one.split}.${one.name}` === metric)?.points.at(-1)?.value;
	const best = run.bestValue === null ? "" : ` (best ${run.bestValue.toFixed(4)})`;
	// Zero is said once no epoch is left: it is being tested.
	const left = !run.secondsLeft ? "" : `, at most ${duration(run.secondsLeft)} left`;
	const value = run.vouchedBy === null ? `  ${titleOf(metric)} ${valid?.toFixed(4) ?? "-"}${best}` : "";
	return `${who}  epoch ${run.epoch}/${run.maxEpochs}${left}${value}`;
}

function ending(who: string, run: Run, metric: string): string {
	if (run.state !== "SUCCEEDED") return `${red("✗")} ${who}  ${run.state.toLowerCase()} ${run.error?.message ?? ""}`;
	const epochs = (run.maxEpochs ?? 1) > 1 ? `  ${run.epoch} epochs` : "";
	const value = run.bestValue === null ? "" : `  ${titleOf(metric)} ${run.bestValue.toFixed(4)}`;
	const mark = isPruned(run) ? dim("pruned") : green("✓");
	return `${mark} ${who}${value}${dim(`${epochs}  ${duration(run.trainSeconds ?? 0)}`)}`;
}
