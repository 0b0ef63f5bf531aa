// What a worker makes of all that a trainer may say.

import { until } from "../../support/processes.js";
import {
	epoch,
	finished,
	forEver,
	leftBy,
	log,
	refusal,
	type Scripts,
	started,
} from "../../support/scripted-trainer.js";
import { startWorker, type TestWorker } from "../../support/worker.js";

let worker: TestWorker;
beforeAll(async () => {
	worker = await startWorker();
});
afterAll(() => worker?.close());

type Train = Scripts["train"];
/** Submits a run whose attempts are played one after the other, the last one again and again. */
async function play(...attempts: Train[]): Promise<{ id: string; requests: Parameters<Train>[0][] }> {
	const requests: Parameters<Train>[0][] = [];
	worker.trainer.scripts.train = (request, cancelled) => {
		requests.push(request);
		const attempt = attempts[Math.min(requests.length, attempts.length) - 1] as Train;
		return attempt(request, cancelled);
	};
	return { id: await worker.submitRun(), requests };
}
const run = (id: string) =>
	worker.prisma.run.findUniqueOrThrow({
		where: { id },
		include: { metrics: true, checkpoints: { orderBy: { epoch: "asc" } } },
	});
const states = async (id: string) =>
	(await worker.events(id)).filter(({ type }) => type === "state").map(({ data }) => (data as { state: string }).state);
const fine: Train = (request) => [started(), epoch(request, 1), epoch(request, 2), finished(request, 2)];

test("a run that goes well: each epoch with its checkpoint, the last and the best are kept, the rest is pruned", async () => {
	const { id, requests } = await play((request) => [
		started(),
		epoch(request, 1, 0.3),
		{ event: { $case: "epoch", value: { ...epochValue(request, 2), bestEpoch: 1, bestValue: 0.3 } } },
		{ event: { $case: "epoch", value: { ...epochValue(request, 3), bestEpoch: 1, bestValue: 0.3 } } },
		finished(request, 1),
	]);
	expect(await worker.ends(id)).toMatchObject({ state: "SUCCEEDED", lease: 1, crashes: 0, errorCode: null });
	expect(requests).toMatchObject([
		{
			runId: id,
			lease: 1,
			seed: 7,
			configJson: '{"k":4}',
			protocol: { cutoffs: [20] },
			resumeFrom: undefined,
			processes: 1,
		},
	]);
	const { metrics, checkpoints, ...row } = await run(id);
	expect(row).toMatchObject({ epoch: 3, maxEpochs: 3, bestEpoch: 1, stopReason: "max_epochs", secondsLeft: 0 });
	expect(checkpoints.map(({ epoch, isBest, isLast }) => ({ epoch, isBest, isLast }))).toEqual([
		{ epoch: 1, isBest: true, isLast: false },
		{ epoch: 3, isBest: false, isLast: true },
	]);
	expect(metrics.filter(({ split }) => split === "valid")).toHaveLength(3);
	expect(metrics.filter(({ split }) => split === "test")).toMatchObject([{ epoch: 1, value: 0.25 }]);
	expect(worker.trainer.deleted.filter((key) => key.startsWith(`runs/${id}/`))).toEqual([`runs/${id}/epoch-00002`]);
	const types = (await worker.events(id)).map(({ type }) => type);
	expect(types).toEqual(["state", "state", "started", "epoch", "epoch", "epoch", "tested", "state"]);
});

test("the trainer is told what to measure, and what its test leaves beside the means is kept", async () => {
	const { id, requests } = await play((request) => {
		const { event } = finished(request, 1);
		if (event?.$case === "finished") Object.assign(event.value, leftBy(request.runId));
		return [started(), epoch(request, 1), { event }];
	});
	await worker.ends(id);
	expect(requests[0]?.protocol).toEqual({ maskTest: "train", cutoffs: [20], metrics: ["recall", "ndcg"] });
	const { valuesKey, valuesSha256, valuesBytes, valuesUsers, metricGroups } = await run(id);
	expect({ key: valuesKey, sha256: valuesSha256, bytes: Number(valuesBytes), users: valuesUsers }).toEqual(
		leftBy(id).values,
	);
	expect(metricGroups).toEqual([
		{ by: "activity", group: "low", from: 1, to: 4, users: 1, metrics: { "recall@20": 0.25 } },
		{ by: "activity", group: "high", from: 5, to: 9, users: 0, metrics: { "recall@20": null } },
	]);

	const nobody = await play((request) => [started(), epoch(request, 1), finished(request, 1, Number.NaN)]);
	await worker.ends(nobody.id);
	expect(await run(nobody.id)).toMatchObject({ valuesKey: null, valuesUsers: 0, metricGroups: [] });
});

test("an epoch told twice is stored once", async () => {
	const { id } = await play((request) => [started(), epoch(request, 1), epoch(request, 1), finished(request, 1)]);
	expect((await worker.ends(id)).state).toBe("SUCCEEDED");
	expect((await run(id)).metrics).toHaveLength(3);
	expect((await worker.events(id)).filter(({ type }) => type === "epoch")).toHaveLength(1);
});

test("numbers that are not finite are kept as they are", async () => {
	const { id } = await play((request) => [started(), epoch(request, 1, Number.NaN), finished(request, 1)]);
	expect((await worker.ends(id)).state).toBe("SUCCEEDED");
	const { metrics, bestEpoch, bestValue, checkpoints } = await run(id);
	expect(metrics.find(({ split }) => split === "valid")?.value).toBeNaN();
	// Without a validation part there is no best value, but one checkpoint to serve.
	expect([bestEpoch, bestValue, checkpoints.map(({ isBest }) => isBest)]).toEqual([1, null, [true]]);
	const told = (await worker.events(id)).find(({ type }) => type === "epoch")?.data;
	expect(told).toMatchObject({ bestEpoch: 1, bestValue: null });
});

test.each(["out_of_memory", "diverged", "storage_full", "dataset_missing", "bad_configuration"])(
	"%s is final, with its message and the last log lines",
	async (code) => {
		const { id, requests } = await play((request) => [
			started(),
			epoch(request, 1),
			log("warning", "it gets tight"),
			refusal("RESOURCE_EXHAUSTED", code, "a sentence for a person"),
		]);
		const job = await worker.ends(id);
		expect(job).toMatchObject({
			state: "FAILED",
			errorCode: code,
			errorMessage: "a sentence for a person",
			crashes: 0,
		});
		expect(requests).toHaveLength(1);
		expect(await worker.events(id)).toContainEqual({
			type: "log",
			data: { level: "warning", message: "it gets tight" },
		});
		expect((await run(id)).epoch).toBe(1);
	},
);

test.each([
	["dies", refusal("UNAVAILABLE", "trainer_crashed", "ended with SIGKILL")],
	["hangs", refusal("UNAVAILABLE", "trainer_hung", "no progress")],
	["fails inside", refusal("INTERNAL", "internal", "unexpected")],
])("a child that %s costs a crash, and the next attempt resumes from the last commit", async (_, end) => {
	const { id, requests } = await play(
		(request) => [started(), epoch(request, 1), end],
		(request) => [started({ resumedEpoch: 1 }), epoch(request, 2), finished(request, 2)],
	);
	expect(await worker.ends(id)).toMatchObject({ state: "SUCCEEDED", lease: 2, crashes: 1, errorCode: null });
	expect(requests.map(({ lease, resumeFrom }) => ({ lease, from: resumeFrom?.key }))).toEqual([
		{ lease: 1, from: undefined },
		{ lease: 2, from: `runs/${id}/epoch-00001` },
	]);
	expect((await run(id)).metrics.filter(({ split }) => split === "valid")).toHaveLength(2);
});

test("a stream that ends without a result counts as a crash; the third ends the run", async () => {
	const { id, requests } = await play(() => [started()]);
	expect(await worker.ends(id)).toMatchObject({ state: "FAILED", errorCode: "trainer_crashed", crashes: 3 });
	expect(requests).toHaveLength(3);
	expect(await states(id)).toEqual(["QUEUED", ...["RUNNING", "QUEUED", "RUNNING", "QUEUED", "RUNNING", "FAILED"]]);
});

const crash = refusal("UNAVAILABLE", "trainer_crashed", "ended with SIGKILL");

test("a run that dies now and then, with new epochs between, goes on to its end", async () => {
	const { id, requests } = await play(
		...[1, 2, 3, 4, 5].map<Train>((number) => (request) => [started(), epoch(request, number), crash]),
		(request) => [started(), epoch(request, 6), finished(request, 6)],
	);
	expect(await worker.ends(id)).toMatchObject({ state: "SUCCEEDED", crashes: 5, lease: 6 });
	expect(requests).toHaveLength(6);
});

test("an epoch that is trained again, after a checkpoint was lost, is no progress: the third crash there ends the run", async () => {
	const corrupt = refusal("DATA_LOSS", "checkpoint_corrupt", "sha256 differs");
	const { id, requests } = await play(
		(request) => [started(), epoch(request, 1), epoch(request, 2), crash],
		() => [corrupt],
		...[1, 2].map<Train>((number) => (request) => [started(), epoch(request, number), crash]),
		fine,
	);
	expect(await worker.ends(id)).toMatchObject({ state: "FAILED", errorCode: "trainer_crashed", crashes: 3, lease: 3 });
	expect(requests).toHaveLength(4);
	expect(await run(id)).toMatchObject({ epoch: 2, furthestEpoch: 2 });
});

test("no free slot: asked again until there is one, without a crash", async () => {
	const busy: Train = () => [refusal("UNAVAILABLE", "no_free_slot", "every slot is taken")];
	const { id, requests } = await play(busy, busy, busy, busy, fine);
	expect(await worker.ends(id)).toMatchObject({ state: "SUCCEEDED", crashes: 0, lease: 5 });
	expect(requests).toHaveLength(5);
});

test("a trainer that is stopped in an orderly way is no crash, however often", async () => {
	const stopping: Train = () => [started(), refusal("UNAVAILABLE", "stopping", "the trainer is being stopped")];
	const { id } = await play(stopping, stopping, stopping, fine);
	expect(await worker.ends(id)).toMatchObject({ state: "SUCCEEDED", crashes: 0, lease: 4 });
});

test("cancelled while it trains: the call is cancelled at once and the epochs stay", async () => {
	let isCancelled = false;
	const { id } = await play(async function* (request, cancelled) {
		yield started();
		yield epoch(request, 1);
		await forEver(cancelled);
		isCancelled = true;
	});
	await until("an epoch", async () => (await run(id)).epoch === 1);
	await worker.app.jobs.requestCancel(id);
	expect(await worker.ends(id)).toMatchObject({ state: "CANCELLED", errorCode: null, crashes: 0 });
	await until("the trainer hears of it", () => isCancelled, 5);
	expect((await run(id)).checkpoints).toHaveLength(1);
});

test("an owner whose lease was taken stops its call and writes nothing more", async () => {
	let isCancelled = false;
	const { id } = await play(async function* (request, cancelled) {
		yield started();
		yield epoch(request, 1);
		await forEver(cancelled);
		isCancelled = true;
		yield epoch(request, 2);
	});
	await until("an epoch", async () => (await run(id)).epoch === 1);
	await worker.prisma.job.update({ where: { id }, data: { lease: 9 } });
	await until("the call is cancelled", () => isCancelled, 30);
	expect(await worker.see(id)).toMatchObject({ state: "RUNNING", lease: 9, crashes: 0 });
	expect((await run(id)).epoch).toBe(1);
	// Nobody has lease 9: its heartbeat goes stale, and the reaper hands the run on.
	worker.trainer.scripts.train = (request) => [started({ resumedEpoch: 1 }), epoch(request, 2), finished(request, 2)];
	expect(await worker.ends(id)).toMatchObject({ state: "SUCCEEDED", lease: 10, crashes: 1 });
});

test("a trainer that says nothing any more is given up", async () => {
	const { id, requests } = await play(async function* (_, cancelled) {
		yield started();
		await forEver(cancelled);
	}, fine);
	expect(await worker.ends(id)).toMatchObject({ state: "SUCCEEDED", lease: 2, crashes: 1 });
	expect(requests).toHaveLength(2);
	expect(await worker.events(id)).toContainEqual({
		type: "state",
		data: { state: "QUEUED", error: expect.objectContaining({ code: "trainer_hung" }) },
	});
}, 30_000);

test("checkpoints that cannot be read: back to the best, then to the start, without duplicate or gap", async () => {
	const corrupt = refusal("DATA_LOSS", "checkpoint_corrupt", "sha256 differs");
	const { id, requests } = await play(
		(request) => [
			started(),
			epoch(request, 1, 0.5),
			{ event: { $case: "epoch", value: { ...epochValue(request, 2), bestEpoch: 1, bestValue: 0.5 } } },
			refusal("UNAVAILABLE", "trainer_crashed", "ended with SIGKILL"),
		],
		() => [corrupt],
		() => [corrupt],
		fine,
	);
	expect(await worker.ends(id)).toMatchObject({ state: "SUCCEEDED", lease: 2, crashes: 1 });
	expect(requests.map(({ resumeFrom }) => resumeFrom?.key.slice(-5))).toEqual([undefined, "00002", "00001", undefined]);
	const { metrics, checkpoints, bestEpoch } = await run(id);
	expect(metrics.filter(({ split }) => split === "valid").map(({ epoch }) => epoch)).toEqual([1, 2]);
	expect(checkpoints.map(({ epoch, isBest, isLast }) => [epoch, isBest, isLast])).toEqual([[2, true, true]]);
	expect(bestEpoch).toBe(2);
});

test("what is trained again after a damaged checkpoint is not deleted by what was left to delete before", async () => {
	const corrupt = refusal("DATA_LOSS", "checkpoint_corrupt", "sha256 differs");
	const later = (request: Parameters<Train>[0], number: number) =>
		({ event: { $case: "epoch", value: { ...epochValue(request, number), bestEpoch: 1, bestValue: 0.5 } } }) as const;
	const { trainer } = worker;
	trainer.refuseDeletes = refusal("UNAVAILABLE", "unavailable", "it restarts");
	const { id } = await play(
		(request) => [
			started(),
			epoch(request, 1, 0.5),
			later(request, 2),
			later(request, 3),
			refusal("UNAVAILABLE", "trainer_crashed", "ended with SIGKILL"),
		],
		() => [corrupt],
		(request) => {
			trainer.refuseDeletes = null; // not before it has gone back: what is deleted before is made anew
			return [started(), later(request, 2), finished(request, 1)];
		},
	);
	expect((await worker.ends(id)).state).toBe("SUCCEEDED");
	await worker.app.removals.sweep();
	expect((await run(id)).checkpoints.map(({ epoch }) => epoch)).toEqual([1, 2]);
	expect(trainer.deleted.filter((key) => key.startsWith(`runs/${id}`))).toEqual([]);
});

function epochValue(request: Parameters<Train>[0], number: number) {
	const { event } = epoch(request, number);
	if (event?.$case !== "epoch") throw new Error("not an epoch");
	return event.value;
}
