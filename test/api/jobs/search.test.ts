// Trials as workers do them: each gets its configuration when it is claimed, keeps it through any crash, and may fall out on the way.

import { randomUUID } from "node:crypto";
import { AT_ONE_MOMENT } from "../../../services/api/src/plugins/prisma.js";
import { isRung } from "../../../services/api/src/searches/pruning.js";
import { epoch, finished, refusal, type Scripts, started } from "../../support/scripted-trainer.js";
import { startWorker, type TestWorker } from "../../support/worker.js";

let worker: TestWorker;
beforeAll(async () => {
	worker = await startWorker({ RUN_CONCURRENCY: "3", TIMING_SCALE: "5" });
	worker.trainer.models = { valid: ["fold_in"] };
});
beforeEach(() => {
	const { searching } = worker.trainer;
	Object.assign(searching, { propose: byNumber, judge: async () => false });
	for (const asked of [searching.proposed, searching.judged]) asked.length = 0;
	worker.trainer.scripts.train = fine;
});
afterAll(() => worker?.close());

type Train = Scripts["train"];
const byNumber = async ({ number }: { number: number }) => ({ k: number + 1 });
const fine: Train = (request) => [started(), epoch(request, 1), epoch(request, 2), finished(request, 2)];

/** Rows as a launch leaves them; the trials are queued. */
async function search(trials: number, more: object = {}): Promise<{ id: string; runs: string[] }> {
	const { prisma, app } = worker;
	const run = await prisma.run.findUniqueOrThrow({ where: { id: await worker.submitRun() } });
	const { experimentId, datasetId } = run;
	await worker.ends(run.id);
	const [id, runs] = [randomUUID(), Array.from({ length: trials }, () => randomUUID())];
	const asked = { model: "valid", params: {}, strategy: "tpe", trials, space: { k: { low: 1, high: 64 } }, seed: 1 };
	const shared = { experimentId, datasetId, model: "valid", config: { k: 4 }, seed: 7, searchId: id };
	await prisma.$transaction(async (tx) => {
		await tx.search.create({ data: { id, experimentId, position: 0, ...asked, ...more } });
		await app.jobs.create(tx, runs, "run");
		const rows = runs.map((one, trial) => ({
			...shared,
			id: one,
			trial,
			position: trial + 1,
			configHash: `${id}-${trial}`,
		}));
		await tx.run.createMany({ data: rows });
	});
	// What a slow queue does not take, the reconciler adds.
	await Promise.all(runs.map((one) => app.queue.add({ kind: "run", id: one, lease: 0 }).catch(() => undefined)));
	return { id, runs };
}
const see = (id: string) =>
	worker.prisma.$transaction(
		(tx) => tx.run.findUniqueOrThrow({ where: { id }, include: { job: true, metrics: true } }),
		AT_ONE_MOMENT,
	);
const messages = async (id: string) =>
	(await worker.events(id))
		.filter(({ type }) => type === "log")
		.map(({ data }) => (data as { message: string }).message);

/** The running job is given to another, as the reaper does with that of a worker that is taken for dead. */
async function takeAway(): Promise<void> {
	const job = await worker.prisma.job.findFirstOrThrow({ where: { state: "RUNNING" } });
	await worker.app.jobs.release(job, { code: "worker_lost", message: "not heard of" });
}

test("several workers at once: each proposal knows of all before it, none is made twice, and no trial goes without", async () => {
	const { runs } = await search(8);
	for (const run of runs) await worker.ends(run);
	const rows = await Promise.all(runs.map(see));
	expect(rows.map(({ chosen, config, job }) => [chosen, config, job.state])).toEqual(
		runs.map((_, number) => [{ k: number + 1 }, { k: number + 1 }, "SUCCEEDED"]),
	);
	expect(new Set(rows.map(({ configHash }) => configHash)).size).toBe(8);
	expect(rows.every(({ configHash }) => /^[0-9a-f]{64}$/.test(configHash))).toBe(true);
	const { proposed } = worker.trainer.searching;
	// One after the other, whoever asks.
	expect(proposed.map(({ trials }) => trials.length)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
	for (const [turn, { trials }] of proposed.entries()) {
		const before = proposed.slice(0, turn).map(({ number }) => number);
		expect(trials.map(({ number }) => number)).toEqual(before.sort((a, b) => a - b));
	}
	expect(proposed[0]?.plan).toEqual({
		strategy: 2,
		seed: 1,
		space: [{ field: "k", of: { $case: "range", value: { low: 1, high: 64, log: false, integer: true, step: 0 } } }],
	});
	expect(await messages(runs[2] as string)).toEqual(["trial 2 tries k 3"]);
});

test("a trial keeps what was chosen through a crash", async () => {
	let attempts = 0;
	worker.trainer.scripts.train = (request) =>
		JSON.parse(request.configJson).k === 1 && attempts++ === 0
			? [started(), epoch(request, 1), refusal("UNAVAILABLE", "trainer_crashed", "ended with SIGKILL")]
			: [started({ resumedEpoch: 1 }), epoch(request, 2), finished(request, 2)];
	const { runs } = await search(1);
	expect(await worker.ends(runs[0] as string)).toMatchObject({ state: "SUCCEEDED", crashes: 1, lease: 2 });
	expect((await see(runs[0] as string)).chosen).toEqual({ k: 1 });
	expect(worker.trainer.searching.proposed).toHaveLength(1);
});

test("killed between the proposal and its commit: the next attempt is proposed the same, from the same rows", async () => {
	const { searching } = worker.trainer;
	searching.propose = async (request) => {
		// As for a worker that was taken for dead meanwhile: what it writes then is not its own any more.
		if (searching.proposed.length === 1) await takeAway();
		return byNumber(request);
	};
	const { runs } = await search(1);
	const job = await worker.ends(runs[0] as string);
	expect(job).toMatchObject({ state: "SUCCEEDED", crashes: 1, lease: 2 });
	expect(searching.proposed).toHaveLength(2);
	expect(searching.proposed[1]).toEqual(searching.proposed[0]);
	expect((await see(runs[0] as string)).chosen).toEqual({ k: 1 });
	expect(await messages(runs[0] as string)).toEqual(["trial 0 tries k 1"]);
});

test("what has become of trials is told, with the values of their epochs", async () => {
	const { id, runs } = await search(2);
	for (const run of runs) await worker.ends(run);
	await worker.prisma.job.update({ where: { id: runs[1] as string }, data: { state: "FAILED" } });
	const next = randomUUID();
	const { experimentId, datasetId } = await see(runs[0] as string);
	await worker.submit("run", async (tx, job) => {
		await tx.search.update({ where: { id }, data: { trials: 3 } });
		const row = { experimentId, datasetId, model: "valid", config: { k: 4 }, seed: 7, searchId: id, trial: 2 };
		return tx.run.create({ data: { ...row, id: job, position: 3, configHash: next } });
	});
	const last = await worker.prisma.run.findFirstOrThrow({ where: { searchId: id, trial: 2 } });
	await worker.ends(last.id);
	expect(worker.trainer.searching.proposed.at(-1)?.trials).toEqual([
		{ number: 0, state: 2, chosenJson: '{"k":1}', values: [0.1, 0.2] },
		{ number: 1, state: 4, chosenJson: '{"k":2}', values: [0.1, 0.2] },
	]);
});

test("a trainer that proposes what was not asked for ends the trial as what fails inside does", async () => {
	worker.trainer.searching.propose = async () => ({ tau: 1 });
	const { runs } = await search(1);
	const job = await worker.ends(runs[0] as string);
	expect(job).toMatchObject({
		state: "FAILED",
		errorCode: "internal",
		errorMessage: expect.stringContaining("proposed tau"),
	});
	expect((await see(runs[0] as string)).chosen).toBeNull();
});

const LONG = 9;
const long: Train = function* (request) {
	yield started({ maxEpochs: LONG });
	const from = request.resumeFrom ? Number(request.resumeFrom.key.slice(-5)) : 0;
	for (let number = from + 1; number <= LONG; number++) yield epoch(request, number);
	yield finished(request, LONG);
};

test("a trial that falls out at a rung ends there, without a test, and says so", async () => {
	worker.trainer.scripts.train = long;
	worker.trainer.searching.judge = async (_, at) => at === 3;
	const { runs } = await search(1, { prune: "halving" });
	const [run] = runs as [string];
	expect(await worker.ends(run)).toMatchObject({ state: "SUCCEEDED", errorCode: null, crashes: 0 });
	const row = await see(run);
	expect(row).toMatchObject({ stopReason: "pruned", epoch: 3, bestEpoch: 3, valuesUsers: null, secondsLeft: 0 });
	expect(row.trainSeconds).toBeCloseTo(0.3);
	expect(row.metrics.filter(({ split }) => split === "test")).toEqual([]);
	expect(worker.trainer.searching.judged.map(({ halving }) => halving)).toEqual([{ leastEpochs: 3, factor: 3 }]);
	expect((await messages(run)).at(-1)).toMatch(/^pruned at epoch 3: /);
	expect((await worker.events(run)).at(-1)).toEqual({ type: "state", data: { state: "SUCCEEDED" } });
});

test("a crash between the judgement and the end: the next attempt judges again before it trains", async () => {
	const { searching } = worker.trainer;
	let attempts = 0;
	worker.trainer.scripts.train = (request, cancelled) => {
		if (JSON.parse(request.configJson).k === 1) attempts++;
		return long(request, cancelled);
	};
	searching.judge = async (_, at) => {
		if (at === 3 && searching.judged.length === 1) await takeAway();
		return at === 3;
	};
	const { runs } = await search(1, { prune: "halving" });
	expect(await worker.ends(runs[0] as string)).toMatchObject({ state: "SUCCEEDED", crashes: 1, lease: 2 });
	expect(await see(runs[0] as string)).toMatchObject({ stopReason: "pruned", epoch: 3 });
	expect(attempts).toBe(1);
});

/** How often the worker has looked for the run of a trial together with its search, in so many epochs. */
async function looksAtSearch(more: object): Promise<number> {
	const find = jest.spyOn(worker.prisma.run, "findUniqueOrThrow");
	const { runs } = await search(1, more);
	await worker.ends(runs[0] as string);
	const looks = find.mock.calls.filter(([{ where, include }]) => where.id === runs[0] && include?.search).length;
	find.mockRestore();
	return looks;
}

test("without pruning nobody judges; at the last epoch there is nothing to decide", async () => {
	worker.trainer.scripts.train = long;
	// For its configuration, and for whether it may be pruned: no epoch asks again.
	expect(await looksAtSearch({})).toBe(2);
	expect(worker.trainer.searching.judged).toEqual([]);
	expect(await looksAtSearch({ prune: "halving" })).toBe(2);
	expect(worker.trainer.searching.judged).toHaveLength(1);
	const rungs = (most: number) =>
		Array.from({ length: most }, (_, index) => index + 1).filter((one) => isRung(one, most));
	expect([3, 4, 10, 27, 28, 50, 300].map(rungs)).toEqual([[], [3], [3, 9], [3, 9], [4, 12], [6, 18], [34, 102]]);
});
