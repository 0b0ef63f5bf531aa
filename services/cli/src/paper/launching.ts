// From wanted runs to runs of the service: what is there is kept, what is missing is launched. The facts decide, not a
// name: the same model, whole configuration and seed on the same dataset under the same protocol is the same run,
// whichever recipe, choice of models or seeds asked for it.
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { Client, Dataset, NewExperiment, Run } from "@valence/client";
import type { Want } from "./plan.js";
import { isUnder, type Recipe } from "./recipe.js";

export interface Launched {
	/** The run of each want, in the order of the wants. */
	runs: Run[];
	experimentOf: Map<string, string>;
	/** Null when nothing was wanted of a service that has nothing. */
	protocolHash: string | null;
	/** How many were there already: finished, or still open. */
	done: number;
	open: number;
}

export async function launch(api: Client, recipe: Recipe, dataset: Dataset, wants: Want[]): Promise<Launched> {
	const models = [...new Set(wants.map((want) => want.model))];
	const known = await earlierRuns(api, dataset.id, recipe.protocol, models);
	const standings = wants.map((want) => standingOf(want, known.runs));
	const missing = wants.filter((_, index) => standings[index]?.kind === "missing");
	const made: Run[] = [];
	for (const request of requestsFor(missing)) {
		const name = `${recipe.title} on ${dataset.name} (${digestOf({ dataset: dataset.splitDigest, ...request })})`;
		const body = {
			name: name.slice(-200),
			dataset: dataset.id,
			...request,
			protocol: recipe.protocol,
		} as NewExperiment;
		const experiment = await api.post("/experiments", { body });
		for (const run of experiment.runs) known.experimentOf.set(run.id, experiment.id);
		made.push(...experiment.runs);
		known.protocolHash = experiment.protocol.hash;
	}
	const runs = wants.map((want, index) => {
		const standing = standings[index];
		const run = standing && standing.kind !== "missing" ? standing.run : made.find((one) => isSame(want, one));
		if (!run) throw new Error(`the service made another run of ${want.model} than was asked for`);
		return run;
	});
	const count = (kind: string) => standings.filter((standing) => standing.kind === kind).length;
	return {
		runs,
		experimentOf: known.experimentOf,
		protocolHash: known.protocolHash,
		done: count("done"),
		open: count("open"),
	};
}

/** Tells experiments of one name apart on the dashboard. */
const digestOf = (value: object) => createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 8);

interface Earlier {
	/** Newest first. */
	runs: Run[];
	/** Which experiment each run is of, by the run's id. */
	experimentOf: Map<string, string>;
	protocolHash: string | null;
}

/** The runs that the service has already of a dataset under a protocol. */
async function earlierRuns(
	api: Client,
	dataset: string,
	protocol: Recipe["protocol"],
	models: string[],
): Promise<Earlier> {
	const found: Earlier = { runs: [], experimentOf: new Map(), protocolHash: null };
	for await (const listed of api.each("/experiments", { query: { dataset, limit: 200 } })) {
		if (!isUnder(listed.protocol, protocol)) continue;
		if (!listed.models.some((model) => models.includes(model))) continue;
		const { runs } = await api.get("/experiments/{id}", { path: { id: listed.id } });
		for (const run of runs) {
			found.runs.push(run);
			found.experimentOf.set(run.id, listed.id);
		}
		found.protocolHash = listed.protocol.hash;
	}
	return found;
}

type Standing =
	| { kind: "done"; run: Run }
	/** Queued or running: it is waited for. */
	| { kind: "open"; run: Run }
	/** Never asked for, or failed or cancelled each time. */
	| { kind: "missing" };

const OPEN = ["QUEUED", "RUNNING"];

const isSame = (want: Want, run: Run) =>
	run.model === want.model &&
	run.seed === want.seed &&
	run.processes === 1 &&
	isDeepStrictEqual(run.config, want.config);

/** `runs` are of the same dataset and protocol, newest first. */
export function standingOf(want: Want, runs: Run[]): Standing {
	const same = runs.filter((run) => isSame(want, run));
	const done = same.find((run) => run.state === "SUCCEEDED");
	if (done) return { kind: "done", run: done };
	const open = same.find((run) => OPEN.includes(run.state));
	return open ? { kind: "open", run: open } : { kind: "missing" };
}

interface Request {
	models: { model: string; params: Want["params"] }[];
	seeds: number[];
}
/** The api takes so many models in one experiment. */
const MOST_MODELS = 50;
const MOST_RUNS = 1000;

/** As few experiments as hold exactly the missing runs: an experiment is models × seeds, so configurations that lack the
 * same seeds share one. */
export function requestsFor(missing: Want[]): Request[] {
	const lacking = new Map<Want["config"], Want[]>();
	for (const want of missing) lacking.set(want.config, [...(lacking.get(want.config) ?? []), want]);
	const bySeeds = new Map<string, Want[][]>();
	for (const group of lacking.values()) {
		const seeds = group.map((want) => want.seed).join();
		bySeeds.set(seeds, [...(bySeeds.get(seeds) ?? []), group]);
	}
	return [...bySeeds.values()].flatMap((groups) => {
		const seeds = (groups[0] as Want[]).map((want) => want.seed);
		const models = groups.map(([want]) => ({ model: (want as Want).model, params: (want as Want).params }));
		const size = Math.max(1, Math.min(MOST_MODELS, Math.floor(MOST_RUNS / seeds.length)));
		const requests: Request[] = [];
		for (let start = 0; start < models.length; start += size)
			requests.push({ models: models.slice(start, start + size), seeds });
		return requests;
	});
}

/**
 * An interrupted command leaves its runs in the queue of its own service; a later one that asks for something else should
 * not wait for them. Those that have not begun are cancelled, which loses nothing: they are launched again when asked for.
 * Returns how many were cancelled, and how many that have begun come first.
 */
export async function clearQueue(api: Client, wanted: Set<string>): Promise<{ cancelled: number; ahead: number }> {
	const { items } = await api.get("/experiments", { query: { limit: 200 } });
	let [cancelled, ahead] = [0, 0];
	for (const { id } of items.filter(({ state }) => state === "QUEUED" || state === "RUNNING")) {
		for (const run of (await api.get("/experiments/{id}", { path: { id } })).runs) {
			if (wanted.has(run.id) || (run.state !== "QUEUED" && run.state !== "RUNNING")) continue;
			if (run.state === "QUEUED" && run.epoch === 0) {
				await api.post("/runs/{id}/cancel", { path: { id: run.id } }).catch(() => undefined); // it may just have begun
				cancelled++;
			} else ahead++;
		}
	}
	return { cancelled, ahead };
}
