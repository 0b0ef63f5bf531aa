// The demo: the main job from an empty machine to recommendations, all of it through the HTTP API.
import { basename, join } from "node:path";
import { type Client, type ExperimentDetail, Problem, type Run } from "@valence/client";
import { bold, dim, say, step, table } from "@valence/supervisor/terminal";
import { sayDataset, sayList, titleOf } from "../answers.js";
import { Failure } from "../failure.js";
import { filesOf } from "../file-roles.js";
import { importFolder, writeSample } from "../import-folder.js";
import * as metrics from "../metrics.js";
import { watchExperiment } from "../watching.js";
import { type Options, play, type Stage, tellFigures } from "./playing.js";

/** Small enough for a minute and a half on two cores; chosen on the sample's validation split. */
const SAMPLE_PARAMS = { k: 4, epochs: 40, patience: 6, learning_rate: 0.005, train_batch_size: 256 };
/** Of the sample, and of Citeulike-a; any other dataset shows its first users. */
const PEOPLE = { sample: ["user-0007", "user-0042", "user-1234"], given: ["0", "635", "4179"] };
const SHOWN_PEOPLE = 3;

export async function playTour(options: Options & { data: string | undefined }): Promise<void> {
	// Before anything starts.
	if (options.data) filesOf([options.data]);
	await play(options, {
		title: "Valence: from interactions to recommendations",
		again: "npx valence demo --keep",
		tour: (stage) => tour(stage, options),
	});
}

async function tour(
	{ api, home, params: set, board }: Stage,
	options: Options & { data: string | undefined },
): Promise<void> {
	const folder = options.data ?? join(home, "sample");
	if (!options.data) {
		await step("Generate the sample (made up, with planted topics)", () => writeSample(folder));
	}
	const dataset = await step(`Import ${options.data ? folder : "it"} over HTTP`, () => importFolder(api, folder));
	sayDataset(dataset);
	say();

	const params = { ...(options.data ? {} : SAMPLE_PARAMS), ...set };
	const models = [{ model: "valid", params }, { model: "popularity" }];
	const body = { name: "Demo", dataset: dataset.id, models, seeds: [options.seed] };
	const done = await watchExperiment(api, await api.post("/experiments", { body }), board);
	const failed = done.runs.find((run) => run.state !== "SUCCEEDED");
	if (failed) throw new Failure(`the run of ${failed.model} ended ${failed.state}: ${failed.error?.message ?? ""}`);
	say();
	const names = metrics.namesOf(done.protocol, "test");
	table(
		["test, against popularity", ...names.map((name) => metrics.titleOf(name)), "epochs", "seconds"],
		done.runs.map((run) => [
			run.model,
			...names.map((name) => run.metrics[name]?.toFixed(4) ?? "-"),
			run.bestEpoch && run.bestEpoch < run.epoch ? `${run.epoch} (best ${run.bestEpoch})` : String(run.epoch),
			run.trainSeconds?.toFixed(1) ?? "-",
		]),
	);

	say();
	const { checkpoints } = await api.get("/runs/{id}", { path: { id: (done.runs[0] as Run).id } });
	const best = checkpoints.find((checkpoint) => checkpoint.isBest);
	if (!best) throw new Error("the run of valid has left no checkpoint");
	await step("Deploy the best checkpoint", () =>
		api.put("/deployments/{name}", { path: { name: "default" }, body: { checkpoint: best.id } }),
	);
	await showPeople(api, options.data ? PEOPLE.given : PEOPLE.sample);
	await tellFigures(options, figuresOf(folder, done, dataset.statistics));
}

/** The top ten of three people: of `favourites` as far as the dataset has them, else of its first. */
async function showPeople(api: Client, favourites: string[]): Promise<void> {
	const { items: first } = await api.get("/users", { query: { limit: SHOWN_PEOPLE } });
	let shown = 0;
	for (const person of new Set([...favourites, ...first.map(({ id }) => id)])) {
		if (shown === SHOWN_PEOPLE) break;
		if (await show(api, person)) shown++;
	}
	say();
}

/** False when the dataset has no such user. */
async function show(api: Client, person: string): Promise<boolean> {
	try {
		const answer = await api.get("/users/{id}/recommendations", { path: { id: person }, query: { n: 10 } });
		const { history, historyTotal } = await api.get("/users/{id}/interests", { path: { id: person }, query: { n: 1 } });
		const examples = history.slice(0, 2).map(titleOf);
		say(`\n  ${bold(person)} ${dim(`has ${historyTotal} items, for example ${examples.join("; ")}`)}`);
		sayList(answer);
		return true;
	} catch (error) {
		if (error instanceof Problem && error.status === 404) return false;
		throw error;
	}
}

function figuresOf(folder: string, experiment: ExperimentDetail, statistics: { users: number; items: number } | null) {
	const runs = experiment.runs.map(({ model, seed, config, epoch, bestEpoch, bestValue, trainSeconds, metrics }) => ({
		model,
		seed,
		config,
		epochs: epoch,
		bestEpoch,
		bestValidationRecall: bestValue,
		seconds: trainSeconds,
		metrics,
	}));
	const { users = 0, items = 0 } = statistics ?? {};
	return { dataset: { name: basename(folder), users, items }, protocol: experiment.protocol, runs };
}
