// The keep rule of an experiment, as the worker applies it: when a run ends, and by the sweeper where nobody else has.
import { until } from "../../support/processes.js";
import { epoch, finished, type Scripts, started } from "../../support/scripted-trainer.js";
import { startWorker, type TestWorker } from "../../support/worker.js";

let worker: TestWorker;
beforeAll(async () => {
	worker = await startWorker();
	worker.trainer.scripts.train = bestFirst;
});
afterAll(() => worker?.close());

/** Ends with the best checkpoint at epoch 1 and the last one at epoch 2. */
const bestFirst: Scripts["train"] = (request) => {
	const second = epoch(request, 2);
	if (second.event?.$case === "epoch") Object.assign(second.event.value, { bestEpoch: 1, bestValue: 0.3 });
	return [started(), epoch(request, 1, 0.3), second, finished(request, 1)];
};
const epochsOf = async (runId: string) =>
	(await worker.prisma.checkpoint.findMany({ where: { runId }, orderBy: { epoch: "asc" } })).map(({ epoch }) => epoch);
const keepBest = (runId: string) =>
	worker.prisma.experiment.updateMany({ where: { runs: { some: { id: runId } } }, data: { keepCheckpoints: "best" } });

test("the end of a run applies the rule; without one nothing goes", async () => {
	const sweep = worker.app.keep.sweep;
	worker.app.keep.sweep = async () => undefined;
	try {
		const kept = await worker.submitRun();
		await worker.ends(kept);
		const ruled = await worker.submitRun();
		await keepBest(ruled);
		await worker.ends(ruled);
		await until("the rule is applied", async () => (await epochsOf(ruled)).length === 1, 30);
		expect([await epochsOf(kept), await epochsOf(ruled)]).toEqual([[1, 2], [1]]);
		await until("the file is gone", () => worker.trainer.deleted.includes(`runs/${ruled}/epoch-00002`), 30);
	} finally {
		worker.app.keep.sweep = sweep;
	}
});

test("a rule that nobody has applied is applied by the sweeper", async () => {
	const id = await worker.submitRun();
	await worker.ends(id);
	expect(await epochsOf(id)).toEqual([1, 2]);
	await keepBest(id);
	await until("the sweeper applies it", async () => (await epochsOf(id)).length === 1, 30);
	await until("the file is gone", () => worker.trainer.deleted.includes(`runs/${id}/epoch-00002`), 30);
});
