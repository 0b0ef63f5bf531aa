// What people do meanwhile: launches, cancels, imports, deployments, exports, recommendations. Remembers what was accepted,
// and every answer that no fault excuses.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, connect, Problem } from "@valence/client";
import { random } from "./schedule.js";

/** As in test/support/runs.ts: long enough to be hit, best before its last epoch; equal to the undisturbed run to the bit. */
const PARAMS = { k: 2, embedding_size: 16, encoder_size: 16, learning_rate: 0.05, epochs: 14, patience: 14 };
const SEED = 7;
const MOST_AT_ONCE = 3;
/** Nobody answers, or whoever answers says that something is away, busy, full or gone. */
const EXCUSED = new Set([0, 404, 409, 410, 412, 422, 429, 503, 507]);
/** What is done again once all is calm. */
export const ACTS = ["deploy", "recommend", "export", "import", "launch", "cancel"];
/** Of every checkpoint here. */
const KNOWN_USER = "u1";
/** What was killed last may still load when all is calm: until then 503 says to ask again. */
const LOADS_MS = 30_000;
/** A request that takes longer hangs. Uploads and stopped processes are within. */
const HANG_MS = 60_000;

export type Load = ReturnType<typeof startLoad>;

export async function launch(api: Client, dataset: string, key: string): Promise<string> {
	const sent = { body: { dataset, models: [{ model: "valid", params: PARAMS }], seeds: [SEED] } };
	const { runs } = await api.post("/experiments", { ...sent, headers: { "idempotency-key": key } });
	return runs[0]?.id as string;
}

export function startLoad(url: string, dataset: string, seed: number) {
	const api = connect(url);
	const next = random(seed);
	const counts: Record<string, number> = {};
	const wrong: string[] = [];
	const accepted = new Map<string, string>();
	const datasets: string[] = [];
	let isOver = false;
	/** Then nothing is broken any more. */
	let isCalm = false;

	async function patient<T>(work: () => Promise<T>): Promise<T> {
		for (const deadline = Date.now() + LOADS_MS; ; await sleep(500)) {
			try {
				return await work();
			} catch (error) {
				if (!isCalm || !(error instanceof Problem) || error.status !== 503 || Date.now() > deadline) throw error;
			}
		}
	}
	/** The answer, or undefined where a fault excuses that there is none. */
	async function ask<T>(what: string, work: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
		const signal = AbortSignal.timeout(HANG_MS);
		try {
			const answer = await patient(() => work(signal));
			counts[what] = (counts[what] ?? 0) + 1;
			return answer;
		} catch (error) {
			const status = error instanceof Problem ? error.status : -1;
			if (signal.aborted) wrong.push(`${what}: no answer in ${HANG_MS / 1000} s`);
			else if (isCalm || !EXCUSED.has(status))
				wrong.push(
					`${what}${isCalm ? " after all is calm" : ""}: ${status} ${error instanceof Error ? error.message : error}`,
				);
			else counts[`${what}, refused with ${status}`] = (counts[`${what}, refused with ${status}`] ?? 0) + 1;
			return undefined;
		}
	}
	const one = <T>(all: readonly T[]): T | undefined => all[Math.floor(next() * all.length)];
	const open = async (signal: AbortSignal) => {
		const { items } = await api.get("/experiments", { signal });
		return items.filter(({ state }) => state === "QUEUED" || state === "RUNNING");
	};

	async function launching(): Promise<void> {
		const running = await ask("list", open);
		if (!running || running.length >= MOST_AT_ONCE) return;
		const key = randomUUID();
		// Whoever hears nothing asks again with the same key, and has one run.
		do {
			const run = await ask("launch", () => launch(api, dataset, key));
			if (run) accepted.set(key, run);
			else await sleep(500);
		} while (!isOver && !accepted.has(key));
	}
	async function cancelling(): Promise<void> {
		const experiment = one((await ask("list", open)) ?? []);
		if (!experiment) return;
		const path = { id: experiment.id };
		await ask("cancel", (signal) => api.post("/experiments/{id}/cancel", { path, signal }));
	}
	async function importing(): Promise<void> {
		const form = new FormData();
		const rows = Array.from({ length: 400 }, (_, row) => `u${row % 40},i${Math.floor(next() * 60)}\n`);
		form.set("name", "small");
		form.set("interactions", new Blob([`user,item\n${rows.join("")}`]), "small.csv");
		const made = await ask("import", (signal) => api.post("/datasets", { body: form, signal }));
		if (made) datasets.push(made.id);
	}
	async function deploying(): Promise<void> {
		const found = await ask("list", (signal) => api.get("/checkpoints", { signal }));
		const checkpoint = one(found?.items ?? []);
		if (!checkpoint) return;
		const body = { checkpoint: checkpoint.id };
		await ask("deploy", (signal) => api.put("/deployments/{name}", { path: { name: "default" }, body, signal }));
	}
	async function exporting(): Promise<void> {
		const path = { name: "default" };
		await ask("export", (signal) =>
			api.post("/deployments/{name}/exports", { path, body: { n: 10, format: "ndjson" }, signal }),
		);
	}
	async function recommending(): Promise<void> {
		const path = { id: isCalm ? KNOWN_USER : `u${Math.floor(next() * 2_000)}` };
		await ask("recommend", (signal) => api.get("/users/{id}/recommendations", { path, signal }));
	}

	const actors: [work: () => Promise<void>, seconds: number][] = [
		[launching, 1],
		[cancelling, 12],
		[importing, 8],
		[deploying, 4],
		[exporting, 15],
		[recommending, 0.2],
	];
	const working = actors.map(async ([work, seconds]) => {
		while (!isOver) {
			await work();
			await sleep(seconds * (0.5 + next()) * 1000);
		}
	});
	return {
		counts,
		wrong,
		/** The run that each key was answered with. */
		accepted,
		datasets,
		async stop() {
			isOver = true;
			await Promise.all(working);
		},
		/** After the stop, once nothing is broken and no job is left: each does its work once more, and nothing excuses a refusal. */
		async doAllInCalm() {
			isCalm = true;
			const before = { ...counts };
			for (const work of [deploying, recommending, exporting, importing, launching, cancelling]) await work();
			const undone = ACTS.filter((what) => counts[what] === before[what]);
			if (wrong.length === 0 && undone.length > 0) wrong.push(`nothing to do after all is calm: ${undone.join(", ")}`);
		},
	};
}
