// One campaign: an undisturbed run first, then load and faults together, then calm, then everything must be sound.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "@valence/client";
import { interactions } from "../support/interactions.js";
import { expectSound } from "../support/invariants.js";
import { until } from "../support/processes.js";
import { type Backend, type Battlefield, openBattlefield } from "./battlefield.js";
import { signal as send } from "./faults/processes.js";
import { FAULTS, faultsOn } from "./faults.js";
import { type Load, launch, startLoad } from "./load.js";
import { drawSchedule, line, type Step } from "./schedule.js";

export interface CampaignOptions {
	backend: Backend;
	seconds: number;
	seed: number;
	/** Names of FAULTS; all that the backend has when left out. */
	faults?: readonly string[];
	tell: (line: string) => void;
	signal?: AbortSignal;
}

export interface Outcome {
	/** How often each struck something, and how often there was nothing to strike. */
	struck: Record<string, number>;
	missed: Record<string, number>;
	/** What people did, by what came of it. */
	asked: Record<string, number>;
	jobs: Record<string, number>;
	/** What must not be. */
	wrong: string[];
	seconds: number;
}

const CALM_S = 300;

export async function runCampaign({ backend, seconds, seed, faults, tell, signal }: CampaignOptions): Promise<Outcome> {
	const steps = drawSchedule(seed, seconds, faults ?? faultsOn(backend));
	for (const step of steps) tell(line(step));
	const field = await openBattlefield(backend, tell);
	const outcome: Outcome = { struck: {}, missed: {}, asked: {}, jobs: {}, wrong: [], seconds: 0 };
	const started = performance.now();
	let load: Load | null = null;
	try {
		const { dataset, undisturbed } = await undisturbedRun(field);
		tell("an undisturbed run has ended: the faults begin");
		load = startLoad(field.url, dataset, seed);
		field.broken.then((error) => outcome.wrong.push(`it was given up: ${error.message}`));
		await strikeAll(field, steps, outcome, tell, signal);
		await load.stop();
		tell("calm");
		await expectCalm(field, load, undisturbed, "artifacts-read-only" in outcome.struck);
	} catch (error) {
		outcome.wrong.push(error instanceof Error ? error.message : String(error));
	} finally {
		await load?.stop();
		outcome.asked = load?.counts ?? {};
		outcome.wrong.push(...(load?.wrong ?? []));
		for (const { state, kind, errorCode } of await field.prisma.job.findMany().catch(() => [])) {
			const name = [kind, state, errorCode].filter(Boolean).join(" ");
			outcome.jobs[name] = (outcome.jobs[name] ?? 0) + 1;
		}
		await field.close().catch((error: Error) => outcome.wrong.push(`it does not end: ${error.message}`));
		outcome.seconds = (performance.now() - started) / 1000;
		if (outcome.wrong.length > 0) tell(`logs lie in ${field.logs}`);
		else field.remove();
	}
	return outcome;
}

export async function undisturbedRun({ url }: Pick<Battlefield, "url">) {
	const api = connect(url);
	const form = new FormData();
	form.set("name", "a topic or two a user");
	form.append("interactions", new Blob([interactions()]), "topics.inter");
	const { id: dataset } = await api.post("/datasets", { body: form });
	const isDone = ({ state, error }: { state: string; error?: unknown }) => {
		if (state === "FAILED") throw new Error(`it fails before anything is broken: ${JSON.stringify(error)}`);
		return state === "SUCCEEDED";
	};
	await until("the import's end", async () => isDone(await api.get("/datasets/{id}", { path: { id: dataset } })));
	const undisturbed = await launch(api, dataset, "undisturbed");
	await until("the run's end", async () => isDone(await api.get("/runs/{id}", { path: { id: undisturbed } })), 300);
	return { dataset, undisturbed };
}

async function strikeAll(
	field: Battlefield,
	steps: readonly Step[],
	{ struck, missed, wrong }: Outcome,
	tell: (line: string) => void,
	signal?: AbortSignal,
): Promise<void> {
	const started = performance.now();
	for (const { at, fault, held, pick } of steps) {
		await sleep(Math.max(0, at * 1000 - (performance.now() - started)), undefined, { signal }).catch(() => undefined);
		if (signal?.aborted || wrong.length > 0) return;
		// What is to be struck may itself be away for a moment: then there was nothing to strike.
		const mend = await Promise.resolve(FAULTS[fault]?.strike(field, pick)).catch((error: Error) => {
			tell(`${fault}: ${error.message.split("\n")[0]}`);
			return null;
		});
		const counts = mend ? struck : missed;
		counts[fault] = (counts[fault] ?? 0) + 1;
		tell(`${at.toFixed(1).padStart(7)} s  ${fault}${mend ? "" : ": nothing to strike"}`);
		if (!mend) continue;
		await sleep(held * 1000);
		await mend();
	}
}

async function expectCalm(field: Battlefield, load: Load, undisturbed: string, isStarted: boolean): Promise<void> {
	const { prisma } = field;
	await until(
		"it is ready again",
		() =>
			fetch(`${field.url}/readyz`).then(
				({ ok }) => ok,
				() => false,
			),
		CALM_S,
	);
	const jobsEnd = () =>
		until(
			"every job ends",
			async () => (await prisma.job.count({ where: { state: { in: ["QUEUED", "RUNNING"] } } })) === 0,
			CALM_S,
		);
	await jobsEnd();
	await expectAllWorks(field, load, jobsEnd);
	await expectSound({ ...field, undisturbed });
	const runs = new Set((await prisma.run.findMany({ select: { id: true } })).map(({ id }) => id));
	const lost = [...load.accepted.values()].filter((id) => !runs.has(id));
	if (lost.length > 0) throw new Error(`accepted and lost: ${lost.join(", ")}`);
	// One more than was accepted at most: the last key may have had its run while its answer was cut off.
	if (runs.size - 1 > load.accepted.size + 1)
		throw new Error(`${load.accepted.size} launches were accepted, and there are ${runs.size - 1} runs`);
	const datasets = new Set((await prisma.dataset.findMany({ select: { id: true } })).map(({ id }) => id));
	const missing = load.datasets.filter((id) => !datasets.has(id));
	if (missing.length > 0) throw new Error(`accepted and lost datasets: ${missing.join(", ")}`);
	// Where nothing may be written nothing can be removed either, until the trainer starts.
	if (isStarted) send(field.pidOf("trainer"), "SIGKILL");
	const half = () =>
		readdirSync(field.artifacts, { recursive: true, encoding: "utf8" }).filter((path) => path.includes(".tmp-"));
	await until("nothing half-written is left", () => half().length === 0, 60).catch((error: Error) => {
		throw new Error(`${error.message}: ${half().join(", ")}`);
	});
	const deployment = await prisma.deployment.findUnique({ where: { name: "default" } });
	if (deployment) await connect(field.url).get("/users/{id}/recommendations", { path: { id: "u1" } });
	await expectNoTraces(field.logs);
}

/** While faults strike, a refusal is excused; what is refused for good shows only now. */
async function expectAllWorks({ prisma }: Battlefield, load: Load, jobsEnd: () => Promise<unknown>): Promise<void> {
	const before = (await prisma.job.findMany({ select: { id: true } })).map(({ id }) => id);
	await load.doAllInCalm();
	await jobsEnd();
	const jobs = await prisma.job.findMany({ where: { id: { notIn: before } } });
	const failed = jobs.filter(({ state }) => state === "FAILED");
	if (failed.length > 0)
		throw new Error(
			`fails after all is calm: ${failed.map(({ kind, errorCode }) => `${kind} ${errorCode}`).join(", ")}`,
		);
}

/** Errors that nobody has caught say so in the logs. */
async function expectNoTraces(logs: string): Promise<void> {
	for (const name of readdirSync(logs)) {
		const text = readFileSync(join(logs, name), "utf8");
		const found = /^.*(UnhandledPromiseRejection|Uncaught|triggerUncaughtException|Segmentation fault).*$/m.exec(text);
		if (found) throw new Error(`${name} says: ${found[0].slice(0, 300)}`);
	}
}
