// npm run demo: the main job from an empty machine to recommendations, all of it through the HTTP API.
import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Client, type Experiment, type Page, type Run, type Series } from "./client.js";
import { takeFreeHome } from "./home.js";
import { importFolder, writeSample } from "./import-folder.js";
import { DEFAULT_HOME } from "./paths.js";
import { showRecommendations } from "./recommendations.js";
import { type Stack, startStack } from "./stack.js";
import { bold, dim, progress, say, step, table } from "./terminal.js";

/** Small enough for a minute and a half on two cores; chosen on the sample's validation split. */
const SAMPLE_PARAMS = { k: 4, epochs: 40, patience: 6, learning_rate: 0.005, train_batch_size: 256 };
/** Of the sample, and of Citeulike-a; any other dataset shows its first users. */
const PEOPLE = { sample: ["user-0007", "user-0042", "user-1234"], given: ["0", "635", "4179"] };
const POLL_MS = 500;

interface Options {
	data?: string | undefined;
	set: string[];
	seed: number;
	results?: string | undefined;
	keep: boolean;
}

async function main(options: Options): Promise<void> {
	const { home, release } = takeFreeHome(join(DEFAULT_HOME, "demo"));
	let stack: Stack | null = null;
	let stopping = false;
	const stop = async () => {
		if (stopping) return stack?.kill();
		stopping = true;
		await stack?.stop();
		release();
	};
	for (const signal of ["SIGINT", "SIGTERM"] as const) {
		process.on(signal, () => {
			if (stopping) stack?.kill();
			say(`\n${dim("stopping …")}`);
			stop().finally(() => process.exit(130));
		});
	}
	try {
		say(bold("\nValence: from interactions to recommendations\n"));
		stack = await step("Start PostgreSQL, trainer, recommender, worker and api", () =>
			startStack({ home, port: 0, tell: (message) => say(message) }),
		);
		await tour(new Client(stack.url), home, options);
		if (options.keep) {
			say(`\nStill running: ${bold(`${stack.url}/ui/`)} (Ctrl-C stops it)`);
			await new Promise(() => undefined);
		}
	} catch (error) {
		// What breaks while everything is being stopped says nothing; the signal's handler ends the process.
		if (stopping) await new Promise(() => undefined);
		throw error;
	} finally {
		if (!stopping) await step("Shut everything down", stop);
	}
	say(`\nThe dashboard with all this: ${bold("npm run demo -- --keep")} leaves it open and says where.`);
	say(`With data of your own: ${bold("npm start")}, then open ${bold("http://127.0.0.1:3000/ui/")}\n`);
}

async function tour(api: Client, home: string, options: Options): Promise<void> {
	const folder = options.data ? resolve(process.env.INIT_CWD ?? ".", options.data) : join(home, "sample");
	if (!options.data) {
		await step("Generate the sample (made up, with planted topics)", () => writeSample(folder));
	}
	const dataset = await step(`Import ${options.data ? folder : "it"} over HTTP`, () => importFolder(api, folder));
	const { users, items, interactions, density } = dataset.statistics ?? {
		users: 0,
		items: 0,
		interactions: 0,
		density: 0,
	};
	say(
		`    ${users.toLocaleString("en")} users, ${items.toLocaleString("en")} items, ${interactions.toLocaleString("en")} interactions, density ${(density * 100).toFixed(2)} %\n`,
	);

	await cancelEarlier(api);
	const params = { ...(options.data ? {} : SAMPLE_PARAMS), ...assignments(options.set) };
	const experiment = await api.post<Experiment>("/experiments", {
		name: "Demo",
		dataset: dataset.id,
		models: [{ model: "valid", params }, { model: "popularity" }],
		seeds: [options.seed],
	});
	const done = await watch(api, experiment);
	say();
	const names = Object.keys(done.runs[0]?.metrics ?? {})
		.filter((name) => /^test\.(recall|ndcg)@/.test(name))
		.sort();
	table(
		[
			"test, against popularity",
			...names.map((name) => name.slice(5).replace("recall", "Recall").replace("ndcg", "NDCG")),
			"epochs",
			"seconds",
		],
		done.runs.map((run) => [
			run.model,
			...names.map((name) => run.metrics[name]?.toFixed(4) ?? "-"),
			run.bestEpoch && run.bestEpoch < run.epoch ? `${run.epoch} (best ${run.bestEpoch})` : String(run.epoch),
			run.trainSeconds?.toFixed(1) ?? "-",
		]),
	);
	const valid = await api.get<Run>(`/runs/${done.runs[0]?.id}`);
	if (options.results) await writeResults(options.results, folder, done, users, items);

	say();
	const best = valid.checkpoints?.find((checkpoint) => checkpoint.isBest);
	await step("Deploy the best checkpoint", () => api.put("/deployments/default", { checkpoint: best?.id }));
	await showRecommendations(api, folder, options.data ? PEOPLE.given : PEOPLE.sample);
}

/** A demo that was stopped left its runs in this home; they would be finished before ours begin. */
async function cancelEarlier(api: Client): Promise<void> {
	for (const state of ["QUEUED", "RUNNING"]) {
		const { items } = await api.get<Page<Experiment>>(`/experiments?state=${state}&limit=200`);
		for (const { id } of items) await api.post(`/experiments/${id}/cancel`, {});
	}
}

async function watch(api: Client, started: Experiment): Promise<Experiment> {
	const bar = progress();
	let experiment = started;
	try {
		while (["QUEUED", "RUNNING"].includes(experiment.state)) {
			await sleep(POLL_MS);
			experiment = await api.get<Experiment>(`/experiments/${started.id}`);
			const run = experiment.runs[0] as Run;
			if (run.state === "RUNNING") bar.update(run.progress, await describe(api, run));
		}
		const run = experiment.runs[0] as Run;
		bar.update(1, `best validation Recall@20 ${run.bestValue?.toFixed(4) ?? "-"} in epoch ${run.bestEpoch ?? "-"}`);
	} finally {
		bar.stop();
	}
	const failed = experiment.runs.find((run) => run.state !== "SUCCEEDED");
	if (failed) throw new Error(`the run of ${failed.model} ended ${failed.state}: ${failed.error?.message ?? ""}`);
	return experiment;
}

async function describe(api: Client, run: Run): Promise<string> {
	if (run.epoch === 0) return "starting";
	const { series } = await api.get<Series>(`/runs/${run.id}/metrics`);
	// The answer about the run is older than its metrics, which may be of the next epoch already.
	const last = (split: string, name: string) =>
		series.find((one) => one.split === split && one.name === name)?.points.findLast(({ epoch }) => epoch === run.epoch)
			?.value;
	const left = run.secondsLeft === null ? "" : `  at most ${duration(run.secondsLeft)} left`;
	return `epoch ${run.epoch}/${run.maxEpochs}  loss ${last("train", "loss")?.toFixed(2) ?? "-"}  validation Recall@20 ${last("valid", "recall@20")?.toFixed(4) ?? "-"}${left}`;
}

const duration = (seconds: number) => (seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`);

async function writeResults(
	file: string,
	folder: string,
	experiment: Experiment,
	users: number,
	items: number,
): Promise<void> {
	const path = resolve(process.env.INIT_CWD ?? ".", file);
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
	const results = { dataset: { name: basename(folder), users, items }, protocol: experiment.protocol, runs };
	await writeFile(path, `${JSON.stringify(results, null, 2)}\n`);
	say(dim(`  figures written to ${path}`));
}

/** FIELD=VALUE pairs; values are JSON where they parse, else text. */
function assignments(texts: string[]): Record<string, unknown> {
	return Object.fromEntries(
		texts.map((text) => {
			const at = text.indexOf("=");
			if (at < 1) throw new Error(`--set takes FIELD=VALUE, not ${text}`);
			try {
				return [text.slice(0, at), JSON.parse(text.slice(at + 1))];
			} catch {
				return [text.slice(0, at), text.slice(at + 1)];
			}
		}),
	);
}

try {
	const { values } = parseArgs({
		options: {
			data: { type: "string" },
			set: { type: "string", multiple: true, default: [] },
			seed: { type: "string", default: "1" },
			results: { type: "string" },
			keep: { type: "boolean", default: false },
		},
	});
	if (!/^\d{1,9}$/.test(values.seed)) throw new Error("--seed takes a whole number");
	await main({ ...values, seed: Number(values.seed) });
	process.exit(0);
} catch (error) {
	process.stderr.write(`\n${error instanceof Error ? error.message : error}\n`);
	process.exit(1);
}
