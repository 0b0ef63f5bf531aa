// An evaluation as the worker leaves it.
import { epoch, finished, leftBy, refusal, type Scripts, started } from "../../support/scripted-trainer.js";
import { startWorker, type TestWorker } from "../../support/worker.js";

let worker: TestWorker;
let checkpoint: { id: string; runId: string; epoch: number; key: string; sha256: string };
beforeAll(async () => {
	worker = await startWorker();
	worker.trainer.scripts.train = (request) => [started(), epoch(request, 1), finished(request, 1)];
	const runId = await worker.submitRun();
	await worker.ends(runId);
	checkpoint = await worker.prisma.checkpoint.findFirstOrThrow({ where: { runId } });
});
afterAll(() => worker?.close());

async function evaluate(script: Scripts["evaluate"], datasetId: string | null = null) {
	worker.trainer.scripts.evaluate = script;
	const { id: checkpointId, runId, epoch } = checkpoint;
	const rule = {
		split: "valid",
		maskTest: "train+valid",
		cutoffs: [5, 10],
		metricNames: ["recall", "mrr"],
		protocolHash: "p",
	};
	const id = await worker.submit("evaluation", (tx, id) =>
		tx.evaluation.create({ data: { id, runId, checkpointId, epoch, datasetId, ...rule } }),
	);
	const job = await worker.ends(id);
	return { job, evaluation: await worker.prisma.evaluation.findUniqueOrThrow({ where: { id } }) };
}

const done = {
	event: {
		$case: "finished" as const,
		value: {
			metrics: [
				{ split: "valid", name: "recall@5", value: 0.5 },
				{ split: "valid", name: "ndcg@5", value: Number.NaN },
			],
			users: 12,
			seconds: 0.5,
			learntFrom: 3,
			unknownItems: 2,
			...leftBy("e"),
		},
	},
};

test("metrics by name, what is not finite as null", async () => {
	let asked: unknown;
	const { job, evaluation } = await evaluate((request) => {
		asked = request;
		return [{ event: { $case: "progress", value: { usersDone: 1, usersTotal: 12 } } }, done];
	});
	expect(job.state).toBe("SUCCEEDED");
	expect(evaluation).toMatchObject({ metrics: { "recall@5": 0.5, "ndcg@5": null }, users: 12, seconds: 0.5 });
	expect(asked).toMatchObject({
		checkpoint: { key: checkpoint.key, sha256: checkpoint.sha256 },
		split: "valid",
		protocol: { maskTest: "train+valid", cutoffs: [5, 10], metrics: ["recall", "mrr"] },
		datasetKey: "",
	});
	expect(evaluation).toMatchObject({ learntFrom: null, unknownItems: null });
	expect(evaluation).toMatchObject({ valuesKey: "values/e", valuesBytes: 2_000n, valuesUsers: 1 });
	expect(evaluation.metricGroups).toMatchObject([{ group: "low" }, { group: "high", metrics: { "recall@20": null } }]);
});

test("on another dataset the trainer is given its key, and what it found is kept", async () => {
	const { datasetId } = await worker.prisma.run.findUniqueOrThrow({ where: { id: await worker.submitRun() } });
	const { digest } = await worker.prisma.dataset.update({ where: { id: datasetId }, data: { artifactKey: null } });
	let asked: unknown;
	const { evaluation } = await evaluate((request) => {
		asked = request;
		return [done];
	}, datasetId);
	expect(asked).toMatchObject({ datasetKey: `datasets/${digest}` });
	expect(evaluation).toMatchObject({ metrics: { "recall@5": 0.5 }, learntFrom: 3, unknownItems: 2 });
});

test("a checkpoint that is gone fails the evaluation, not the run", async () => {
	const { job, evaluation } = await evaluate(() => [refusal("NOT_FOUND", "checkpoint_missing", "it is not there")]);
	expect(job).toMatchObject({ state: "FAILED", errorCode: "checkpoint_missing" });
	expect(evaluation.metrics).toBeNull();
	expect((await worker.see(checkpoint.runId)).state).toBe("SUCCEEDED");
});

test("while the one slot is taken it waits", async () => {
	let attempts = 0;
	const { job } = await evaluate(() =>
		++attempts < 3 ? [refusal("UNAVAILABLE", "no_free_slot", "every slot is taken")] : [done],
	);
	expect(job).toMatchObject({ state: "SUCCEEDED", crashes: 0, lease: 3 });
});
