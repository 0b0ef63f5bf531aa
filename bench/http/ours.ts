// Valence as a user runs it: the embedded stack of valence start, with one checkpoint deployed as default.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, Problem, type Run } from "@valence/client";
import { importFolder } from "../../services/cli/src/import-folder.js";
import { artifactsOf } from "../../services/supervisor/src/artifacts.js";
import { takeDemoHome } from "../../services/supervisor/src/demo-home.js";
import { ownerOf, takeHome } from "../../services/supervisor/src/home/lock.js";
import { DEFAULT_HOME } from "../../services/supervisor/src/paths.js";
import { type Stack, startStack } from "../../services/supervisor/src/stack.js";

const POLL_MS = 500;
const WARM_MS = 600_000;
/** Settings of the terminal are not the bench's: what is measured is what a fresh checkout starts. */
const SETTINGS = { DATABASE_URL: "", REDIS_URL: "", HOST: "127.0.0.1", API_KEYS: "", LOG_LEVEL: "info" };

/** The home that is served from. */
export interface Place {
	home: string;
	artifacts: string;
	/** Where somebody serves it already. */
	address: string | null;
	/** Gives it back, or removes what the bench has made. */
	end(): void;
}

export function takePlace(home: string | null): Place {
	if (home === null) {
		const made = takeDemoHome(join(DEFAULT_HOME, "bench"));
		return { home: made.home, artifacts: artifactsOf(made.home, {}), address: null, end: () => made.end() };
	}
	if (!existsSync(join(home, "home.json"))) throw new Error(`--home: ${home} is no home of Valence`);
	const owner = ownerOf(home);
	const artifacts = artifactsOf(home, {});
	if (owner?.address) return { home, artifacts, address: owner.address, end: () => undefined };
	const { release } = takeHome(home);
	return { home, artifacts, address: null, end: release };
}

export interface Running {
	url: string;
	/** Null where somebody else has started it. */
	stack: Stack | null;
	stop(): Promise<void>;
}

export async function startOurs(place: Place, signal: AbortSignal, tell: (line: string) => void): Promise<Running> {
	if (place.address) return { url: place.address, stack: null, stop: async () => undefined };
	const stack = await startStack({ home: place.home, port: 0, env: SETTINGS, tell, signal });
	return { url: stack.url, stack, stop: () => stack.stop() };
}

/** Imports a folder of RecBole files, trains VALID and deploys its best checkpoint. */
export async function deployTrained(url: string, folder: string, epochs: number): Promise<void> {
	const api = connect(url);
	const dataset = await importFolder(api, folder);
	let experiment = await api.post("/experiments", {
		body: {
			name: "bench",
			dataset: dataset.id,
			models: [{ model: "valid", params: { k: 4, r: 2, epochs } }],
			seeds: [1],
		},
	});
	while (["QUEUED", "RUNNING"].includes(experiment.state)) {
		await sleep(POLL_MS);
		experiment = await api.get("/experiments/{id}", { path: { id: experiment.id } });
	}
	const run = await api.get("/runs/{id}", { path: { id: (experiment.runs[0] as Run).id } });
	if (run.state !== "SUCCEEDED") throw new Error(`the training ended ${run.state}: ${run.error?.message ?? ""}`);
	const best = run.checkpoints.find(({ isBest }) => isBest);
	if (!best) throw new Error("the training has left no checkpoint");
	await api.put("/deployments/{name}", { path: { name: "default" }, body: { checkpoint: best.id } });
}

export interface Deployed {
	model: string;
	epoch: number;
	dataset: string;
	/** Where it lies among the artifacts. */
	key: string;
}

export async function deployed(url: string): Promise<Deployed> {
	const { checkpoint } = await connect(url).get("/deployments/{name}", { path: { name: "default" } });
	const { model, epoch, runId, dataset } = checkpoint;
	return { model, epoch, dataset: dataset.name, key: `runs/${runId}/epoch-${String(epoch).padStart(5, "0")}` };
}

/** Waits until the lists of all users are ready. False where the service does not tell. */
export async function listsAreWarm(url: string): Promise<boolean> {
	const api = connect(url);
	for (const until = Date.now() + WARM_MS; Date.now() < until; await sleep(POLL_MS)) {
		try {
			const { lists } = await api.get("/deployments/{name}/serving", { path: { name: "default" } });
			if (lists.warm) return true;
		} catch (error) {
			if (error instanceof Problem && error.status === 404) return false;
			throw error;
		}
	}
	throw new Error(`the lists are not warm after ${WARM_MS / 1000} s`);
}
