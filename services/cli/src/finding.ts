// The short things that people type for a dataset, an experiment or a run: a name, the beginning of an id, latest, best.
import {
	type Client,
	type Dataset,
	type Experiment,
	type ExperimentDetail,
	isPruned,
	type Run,
	standing,
} from "@valence/client";
import { quoted } from "@valence/supervisor/paths";
import { complain } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { Failure, STATUS, wrongUsage } from "./failure.js";
import { ago } from "./times.js";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** How many experiments are looked through. */
const MOST_EXPERIMENTS = 500;
const PAGE = { limit: 200 } as const;

export const short = (id: string) => id.slice(0, 8);
export const LATEST = "latest";
export const BEST = "best";

interface Identified {
	id: string;
	name: string;
}

/** The one of this id or name (of several the first), or whose id begins so. Throws when there is none, or more. */
function choose<T extends Identified>(kind: string, all: T[], text: string): T {
	const exact = all.find((one) => one.id === text) ?? all.find((one) => one.name === text);
	if (exact) return exact;
	const [found, ...more] = all.filter((one) => one.id.startsWith(text.toLowerCase()));
	if (found && more.length === 0) return found;
	if (found)
		throw wrongUsage(
			`${text} begins the ids of several ${kind}s: ${[found, ...more].map(({ id, name }) => `${short(id)} (${name})`).join(", ")}`,
		);
	const names = [...new Set(all.map(({ name }) => name))].slice(0, 10);
	throw wrongUsage(
		`there is no ${kind} ${text}; ${names.length > 0 ? `there are ${names.join(", ")}` : `there is no ${kind} yet`}`,
	);
}

async function all<T>(items: AsyncGenerator<T>, most: number): Promise<T[]> {
	const found: T[] = [];
	for await (const item of items) {
		found.push(item);
		if (found.length >= most) break;
	}
	return found;
}

/** An imported dataset; the newest when none is named. */
export async function findDataset(api: Client, text = LATEST): Promise<Dataset> {
	if (text === LATEST) {
		const { items } = await api.get("/datasets", { query: { state: "SUCCEEDED", limit: 1 } });
		if (items[0]) return items[0];
		throw new Failure("there is no dataset yet; valence import FILE makes one");
	}
	const datasets = await allDatasets(api);
	const named = datasets.filter(({ name }) => name === text);
	if (named.length > 1) {
		const which = named.map(({ id, createdAt }) => `${short(id)} (${ago(createdAt)})`).join(", ");
		throw wrongUsage(`several datasets are called ${text}: ${which}; name one by the beginning of its id`);
	}
	return choose("dataset", datasets, text);
}

export const allDatasets = (api: Client) => all(api.each("/datasets", { query: PAGE }), Number.POSITIVE_INFINITY);

/** ` --on` with what findDataset takes for this one: its name, or the beginning of its id where others are called so. */
export async function onDataset(api: Client, { id, name }: Dataset): Promise<string> {
	const isAlone = name !== LATEST && (await allDatasets(api)).every((one) => one.id === id || one.name !== name);
	return ` --on ${isAlone ? quoted(name) : short(id)}`;
}

export async function findExperiment(api: Client, text = LATEST, dataset?: string): Promise<ExperimentDetail> {
	const id = UUID.test(text) ? text : (await listed(api, text, dataset)).id;
	return api.get("/experiments/{id}", { path: { id } });
}

/** What is to be compared, by experiment: its runs, of searches the best trials; or those that are named, as findRun takes them. */
export async function findCompared(api: Client, texts: string[]): Promise<ExperimentDetail[]> {
	const known = await experimentsOf(api);
	const found = new Map<string, ExperimentDetail>();
	for (const text of texts) {
		const one = await experimentOrRun(api, text, known);
		const before = found.get(one.id);
		const runs = [...(before?.runs ?? []), ...one.runs];
		found.set(one.id, {
			...one,
			runs: runs.filter(({ id }, place) => place === runs.findIndex((run) => run.id === id)),
		});
	}
	return [...found.values()];
}

async function experimentOrRun(api: Client, text: string, known: Experiment[]): Promise<ExperimentDetail> {
	const begins = ({ id, name }: Experiment) => name === text || id.startsWith(text.toLowerCase());
	if (text === LATEST || known.some(begins)) {
		const whole = await findExperiment(api, text);
		return { ...whole, runs: standing(whole) };
	}
	const run = await findRun(api, text).catch((error) => {
		if (!(error instanceof Failure && error.status === STATUS.usage)) throw error;
		throw wrongUsage(`there is no experiment ${text}, and ${error.message}`);
	});
	if (run.vouchedBy !== null)
		throw wrongUsage(`${text} is a refit, which is in no comparison; run ${short(run.vouchedBy)} vouches for it`);
	const experiment = await api.get("/experiments/{id}", { path: { id: run.experimentId } });
	return { ...experiment, runs: experiment.runs.filter(({ id }) => id === run.id) };
}

async function listed(api: Client, text: string, dataset?: string): Promise<Experiment> {
	const experiments = await experimentsOf(api, dataset);
	const [newest] = experiments;
	if (text !== LATEST) return choose("experiment", experiments, text);
	if (newest) return newest;
	throw new Failure("nothing has been trained yet; valence train MODEL does");
}

/** Newest first; says so where older ones are left out. */
export async function experimentsOf(api: Client, dataset?: string): Promise<Experiment[]> {
	const query = { ...PAGE, ...(dataset && { dataset }) };
	const found = await all(api.each("/experiments", { query }), MOST_EXPERIMENTS + 1);
	if (found.length > MOST_EXPERIMENTS)
		complain(`  Only the newest ${MOST_EXPERIMENTS} experiments are looked through; an id in full finds a run of any.`);
	return found.slice(0, MOST_EXPERIMENTS);
}

/**
 * A run by the beginning of its id, of any dataset where none is named. Of finished runs on the dataset named, else on
 * the newest: `latest`: the one that ended last; a model's name: its last one; `best`: the one with the best value on
 * validation among those that compare with the newest.
 */
export async function findRun(api: Client, text: string, on?: string): Promise<Run> {
	if (UUID.test(text)) return api.get("/runs/{id}", { path: { id: text } });
	const model = text === BEST || text === LATEST ? null : text;
	if (model !== null && !(await api.get("/models")).items.some(({ name }) => name === model))
		return runOfId(api, text, on);
	const dataset = await findDataset(api, on);
	const experiments = (await experimentsOf(api, dataset.id)).filter(
		({ models, runCounts }) => (runCounts.SUCCEEDED ?? 0) > 0 && (model === null || models.includes(model)),
	);
	const [newest] = experiments;
	const comparable = experiments.filter(({ protocol }) => text !== BEST || protocol.hash === newest?.protocol.hash);
	const [first, ...more] = (await runsOf(api, comparable)).filter(
		(run) => run.state === "SUCCEEDED" && !isPruned(run) && (model === null || run.model === model),
	);
	if (!first)
		throw new Failure(
			`no run ${model === null ? "" : `of ${model} `}on ${dataset.name} has finished yet; valence runs shows them${on === undefined ? ", and --on names another dataset" : ""}`,
		);
	if (text === BEST) return best(first, more, dataset);
	return more.reduce((last, run) => ((run.finishedAt ?? "") > (last.finishedAt ?? "") ? run : last), first);
}

async function runOfId(api: Client, text: string, on: string | undefined): Promise<Run> {
	const dataset = on === undefined ? undefined : await findDataset(api, on);
	const runs = await runsOf(api, await experimentsOf(api, dataset?.id), { withRefits: true });
	const found = runs.filter((run) => run.id.startsWith(text.toLowerCase()));
	if (found.length === 1) return found[0] as Run;
	throw wrongUsage(
		found.length === 0
			? `there is no run ${text}${dataset ? ` on ${dataset.name}` : ""}; a run is named by the beginning of its id, by its model, or as latest or best. valence runs lists them`
			: `${text} begins the ids of several runs: ${found.map(({ id, model }) => `${short(id)} (${model})`).join(", ")}`,
	);
}

async function runsOf(api: Client, experiments: Experiment[], { withRefits = false } = {}): Promise<Run[]> {
	const found: Run[] = [];
	for (const { id } of experiments) {
		const { runs, refits } = await api.get("/experiments/{id}", { path: { id } });
		found.push(...runs, ...(withRefits ? refits : []));
	}
	return found;
}

function best(first: Run, more: Run[], { name }: Dataset): Run {
	const measured = [first, ...more].filter((run) => run.bestValue !== null);
	if (measured.length === 0 && more.length > 0)
		throw wrongUsage(
			`nothing was measured on validation on ${name}, so none is best: name a run; valence runs lists them`,
		);
	return measured.reduce((top, run) => ((run.bestValue ?? 0) > (top.bestValue ?? 0) ? run : top), measured[0] ?? first);
}

/** What says which run a command is about, as findRun takes it. */
export const oneRun = <T>(yargs: Argv<T>) =>
	yargs
		.positional("run", {
			type: "string",
			demandOption: true,
			describe: "Beginning of its id, its model, latest, or best: by validation",
		})
		.option("on", {
			type: "string",
			requiresArg: true,
			describe: "The dataset that latest, best and a model mean; the newest",
		});
