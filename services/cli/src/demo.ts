// The demo: the main job from an empty machine to recommendations, all of it through the HTTP API.
import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Client, connect, type ExperimentDetail, Problem, type Run } from "@valence/client";
import { takeDemoHome } from "@valence/supervisor/demo-home";
import { DEFAULT_HOME, quoted } from "@valence/supervisor/paths";
import { type Stack, startStack } from "@valence/supervisor/stack";
import { bold, dim, say, step, table } from "@valence/supervisor/terminal";
import { onWish } from "@valence/supervisor/wish";
import { sayDataset, sayList, titleOf } from "./answers.js";
import { pairOf, readValue } from "./arguments.js";
import { Board } from "./board.js";
import { Failure, STATUS } from "./failure.js";
import { filesOf } from "./file-roles.js";
import { importFolder, writeSample } from "./import-folder.js";
import * as metrics from "./metrics.js";
import { watchExperiment } from "./watching.js";

/** Small enough for a minute and a half on two cores; chosen on the sample's validation split. */
const SAMPLE_PARAMS = { k: 4, epochs: 40, patience: 6, learning_rate: 0.005, train_batch_size: 256 };
/** Of the sample, and of Citeulike-a; any other dataset shows its first users. */
const PEOPLE = { sample: ["user-0007", "user-0042", "user-1234"], given: ["0", "635", "4179"] };
const SHOWN_PEOPLE = 3;

interface Options {
	data: string | undefined;
	set?: string[] | undefined;
	seed: number;
	results: string | undefined;
	keep?: boolean | undefined;
}

export async function play(options: Options): Promise<void> {
	// Before anything starts.
	const given = Object.fromEntries((options.set ?? []).map((text) => pairOf("--set", text)));
	const params = Object.fromEntries(Object.entries(given).map(([field, text]) => [field, readValue(text)]));
	if (options.data) filesOf([options.data]);
	const home = takeDemoHome(join(DEFAULT_HOME, "demo"));
	// What others may look into, or what another database names, is not the demo's to remove.
	if (options.keep || process.env.DATABASE_URL) home.keep();
	let stack: Stack | null = null;
	let stopping: Promise<void> | null = null;
	const board = new Board();
	const stop = async () => {
		await stack?.stop();
		home.end();
	};
	onWish(() => {
		if (stopping) {
			stack?.kill();
			process.exit(STATUS.interrupted);
		}
		board.close();
		say(`\n${dim("stopping …")}`);
		// Before everything has started there is nothing to wait for: whatever is there ends with us.
		if (!stack) process.exit(STATUS.interrupted);
		stopping = stop();
		stopping.finally(() => process.exit(STATUS.interrupted));
	});
	try {
		say(bold("\nValence: from interactions to recommendations\n"));
		stack = await step("Start PostgreSQL, trainer, recommender, worker and api", () =>
			startStack({ home: home.home, port: 0, tell: (message) => say(message) }),
		);
		const broke = stack.broken.then((error) => {
			throw error;
		});
		await Promise.race([tour(connect(stack.url), home.home, options, params, board), broke]);
		if (options.keep) {
			say(`\nStill running: ${bold(`${stack.url}/ui/`)} (Ctrl-C stops it)`);
			say(
				`Its data stays in ${home.home}; ${bold(`VALENCE_HOME=${quoted(home.home)} npx valence start`)} opens it again.`,
			);
			await broke;
		}
	} catch (error) {
		// What breaks while everything is being stopped says nothing; the signal's handler ends the process.
		if (stopping) await new Promise(() => undefined);
		// The home with its logs stays for who wants to know why; the next demo takes it.
		await stack?.stop();
		throw error;
	}
	if (!stopping) {
		stopping = stop();
		await step(home.isKept ? "Shut everything down" : "Shut everything down and clear up", () => stopping ?? stop());
	}
	if (!options.keep)
		say(`\nThe dashboard with all this: ${bold("npx valence demo --keep")} leaves it open and says where.`);
	say(`With data of your own: ${bold("npx valence start")}, then open ${bold("http://127.0.0.1:3000/ui/")}\n`);
}

async function tour(
	api: Client,
	home: string,
	options: Options,
	set: Record<string, unknown>,
	board: Board,
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
	const names = Object.keys(done.runs[0]?.metrics ?? {})
		.filter((name) => /^test\.(recall|ndcg)@/.test(name))
		.sort();
	table(
		["test, against popularity", ...names.map(metrics.titleOf), "epochs", "seconds"],
		done.runs.map((run) => [
			run.model,
			...names.map((name) => run.metrics[name]?.toFixed(4) ?? "-"),
			run.bestEpoch && run.bestEpoch < run.epoch ? `${run.epoch} (best ${run.bestEpoch})` : String(run.epoch),
			run.trainSeconds?.toFixed(1) ?? "-",
		]),
	);
	if (options.results) await writeResults(options.results, folder, done, dataset.statistics);

	say();
	const { checkpoints } = await api.get("/runs/{id}", { path: { id: (done.runs[0] as Run).id } });
	const best = checkpoints.find((checkpoint) => checkpoint.isBest);
	if (!best) throw new Error("the run of valid has left no checkpoint");
	await step("Deploy the best checkpoint", () =>
		api.put("/deployments/{name}", { path: { name: "default" }, body: { checkpoint: best.id } }),
	);
	await showPeople(api, options.data ? PEOPLE.given : PEOPLE.sample);
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

async function writeResults(
	path: string,
	folder: string,
	experiment: ExperimentDetail,
	statistics: { users: number; items: number } | null,
): Promise<void> {
	await mkdir(dirname(path), { recursive: true });
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
	const results = { dataset: { name: basename(folder), users, items }, protocol: experiment.protocol, runs };
	await writeFile(path, `${JSON.stringify(results, null, 2)}\n`);
	say(dim(`  figures written to ${path}`));
}
