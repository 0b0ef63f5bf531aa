// How a worker trains a refit, and starts the one that an experiment asked for.
import { randomUUID } from "node:crypto";
import { refit } from "../../../services/api/src/experiments/refit.js";
import { AT_ONE_MOMENT } from "../../../services/api/src/plugins/prisma.js";
import { until } from "../../support/processes.js";
import { epoch, finished, refitEpoch, refusal, type Scripts, STEPS, started } from "../../support/scripted-trainer.js";
import { startWorker, type TestWorker } from "../../support/worker.js";

type Request = Parameters<Scripts["train"]>[0];
let worker: TestWorker;
let requests: Request[];
beforeAll(async () => {
	worker = await startWorker();
});
beforeEach(() => {
	requests = [];
	worker.trainer.scripts.train = (request) => {
		requests.push(request);
		return request.refit
			? wholeRefit(request)
			: [started(), epoch(request, 1), epoch(request, 2), finished(request, 2)];
	};
});
afterAll(() => worker?.close());

const wholeRefit = (request: Request) => [
	started(),
	refitEpoch(request, 1),
	refitEpoch(request, 2),
	finished(request, 2),
];
const tested = async () => {
	const id = await worker.submitRun();
	expect((await worker.ends(id)).state).toBe("SUCCEEDED");
	return id;
};
const run = (id: string) =>
	worker.prisma.run.findUniqueOrThrow({ where: { id }, include: { metrics: true, checkpoints: true } });
const refitsOf = (refitOfId: string) => worker.prisma.run.findMany({ where: { refitOfId }, include: { job: true } });

test("it is asked for with the steps of the best epoch, ends without test metrics, and keeps its end alone", async () => {
	const vouching = await tested();
	await worker.prisma.run.update({ where: { id: vouching }, data: { processes: 2 } });
	const { id } = await refit(worker.app, vouching);
	expect((await worker.ends(id)).state).toBe("SUCCEEDED");
	expect(requests.map(({ processes }) => processes)).toEqual([1, 2]);
	expect(requests.map(({ runId, refit }) => [runId, refit])).toEqual([
		[vouching, undefined],
		[id, { of: vouching, epoch: 2, steps: 2 * STEPS }],
	]);
	const { seed, model, configJson, datasetKey, protocol } = requests[0] as Request;
	expect(requests[1]).toMatchObject({ seed, model, configJson, datasetKey, protocol, resumeFrom: undefined });
	const { metrics, checkpoints, ...row } = await run(id);
	expect(row).toMatchObject({ epoch: 2, bestEpoch: 2, bestValue: null, stopReason: "steps" });
	expect(new Set(metrics.map(({ split }) => split))).toEqual(new Set(["train"]));
	expect(checkpoints).toMatchObject([{ epoch: 2, isBest: true, isLast: true }]);
	const types = (await worker.events(id)).map(({ type }) => type);
	expect(types).toEqual(["state", "state", "started", "epoch", "epoch", "state"]);
});

test("the steps of a run of an earlier version are left to the trainer", async () => {
	const vouching = await tested();
	await worker.prisma.run.update({ where: { id: vouching }, data: { bestSteps: null } });
	await worker.ends((await refit(worker.app, vouching)).id);
	expect(requests[1]?.refit).toEqual({ of: vouching, epoch: 2, steps: 0 });
});

test("after a crash it goes on from its last checkpoint, with the same steps", async () => {
	const vouching = await tested();
	worker.trainer.scripts.train = (request) => {
		requests.push(request);
		if (request.resumeFrom) return [started({ resumedEpoch: 1 }), refitEpoch(request, 2), finished(request, 2)];
		return [started(), refitEpoch(request, 1), refusal("INTERNAL", "trainer_crashed", "it was killed")];
	};
	const { id } = await refit(worker.app, vouching);
	expect(await worker.ends(id)).toMatchObject({ state: "SUCCEEDED", crashes: 1 });
	expect(requests.slice(1).map(({ resumeFrom }) => resumeFrom?.key)).toEqual([undefined, `runs/${id}/epoch-00001`]);
	expect(requests[2]?.refit).toEqual(requests[1]?.refit);
});

/** Runs of one experiment that is to be refit, in these states and with these values by validation. */
async function experiment(...values: ([state: "SUCCEEDED" | "FAILED" | "CANCELLED", value: number | null] | null)[]) {
	const first = await tested();
	const { experimentId, datasetId, model, configHash } = await run(first);
	await worker.prisma.run.update({ where: { id: first }, data: { bestValue: 0.5 } });
	const ids: string[] = [];
	for (const [place, ended] of values.entries()) {
		const id = randomUUID();
		const [state, bestValue] = ended ?? ["QUEUED" as const, null];
		await worker.prisma.job.create({ data: { id, kind: "run", state, finishedAt: ended && new Date() } });
		const position = place + 1;
		const given = { experimentId, datasetId, model, configHash, config: {}, seed: 8 + place, position };
		await worker.prisma.run.create({ data: { ...given, id, bestEpoch: ended && 1, bestValue } });
		ids.push(id);
	}
	const ask = () => worker.prisma.experiment.update({ where: { id: experimentId }, data: { refit: true } });
	return { experimentId, first, ids, ask };
}
const refitIn = (experimentId: string) =>
	worker.prisma.$transaction(
		(tx) => tx.run.findMany({ where: { experimentId, refitOfId: { not: null } }, include: { job: true } }),
		AT_ONE_MOMENT,
	);

test("an experiment that asked for it has its best run refit, though nobody saw its end", async () => {
	// As a worker leaves it that was killed after the last end: only the sweeper is left to see.
	const { experimentId, ids, ask } = await experiment(["SUCCEEDED", 0.7], ["SUCCEEDED", 0.7], ["FAILED", 0.9]);
	await ask();
	const [made] = await until(
		"it is refit",
		async () => ((all) => all[0]?.job.state === "SUCCEEDED" && all)(await refitIn(experimentId)),
		10,
	);
	expect(made?.refitOfId).toBe(ids[0]);
	await new Promise((passed) => setTimeout(passed, 3 * worker.app.config.timings.reconcilerInterval));
	expect(await refitIn(experimentId)).toHaveLength(1);
});

test("the end of the last run starts it; nothing is refit while one is open", async () => {
	const { experimentId, ids, ask } = await experiment(null);
	const last = ids[0] as string;
	let goOn = () => {};
	const held = new Promise<void>((resolve) => {
		goOn = resolve;
	});
	worker.trainer.scripts.train = async function* (request) {
		yield started();
		if (request.runId === last) await held;
		yield* request.refit ? wholeRefit(request) : [epoch(request, 1), finished(request, 1)];
	};
	await worker.app.queue.add({ kind: "run", id: last, lease: 0 });
	await ask();
	await new Promise((passed) => setTimeout(passed, 3 * worker.app.config.timings.reconcilerInterval));
	expect(await refitIn(experimentId)).toEqual([]);
	goOn();
	expect((await worker.ends(last)).state).toBe("SUCCEEDED");
	await until("it is refit", async () => (await refitIn(experimentId)).length === 1, 30);
});

test("whatever became of that refit, there is no other by itself; without one that succeeded there is none", async () => {
	const cancelled = await experiment();
	const { id } = await refit(worker.app, cancelled.first);
	await worker.ends(id);
	await worker.prisma.job.update({ where: { id }, data: { state: "CANCELLED" } });
	await cancelled.ask();
	const none = await experiment();
	await worker.prisma.job.update({ where: { id: none.first }, data: { state: "FAILED" } });
	await none.ask();
	await new Promise((passed) => setTimeout(passed, 3 * worker.app.config.timings.reconcilerInterval));
	expect(await refitsOf(cancelled.first)).toHaveLength(1);
	expect(await refitIn(none.experimentId)).toEqual([]);
});
