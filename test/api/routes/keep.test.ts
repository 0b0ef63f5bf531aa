// Keep rules: which checkpoints of finished runs go, which stay whatever the rule says.
import { randomUUID } from "node:crypto";
import { startApi, type TestApi } from "../../support/api.js";
import { refusal } from "../../support/grpc-server.js";

let api: TestApi;
beforeAll(async () => {
	api = await startApi();
});
afterAll(() => api.close());

type States = Parameters<TestApi["experiment"]>[0];
/** Runs with a best checkpoint of epoch 2 and, once final, a last one of epoch 4; values rise with the position unless given. */
async function experiment(states: States, values: (number | null)[] = []) {
	const made = await api.experiment(states);
	for (const [position, runId] of made.runs.entries()) {
		const { prisma } = api.app;
		if (values.length > 0)
			await prisma.run.update({ where: { id: runId }, data: { bestValue: values[position] ?? null } });
		await prisma.checkpoint.updateMany({ where: { runId }, data: { isLast: false } });
		const last = { epoch: 4, key: `runs/${runId}/epoch-00004`, sha256: "b".repeat(64), bytes: 7 };
		await prisma.checkpoint.create({ data: { runId, ...last, isLast: true } });
	}
	return made;
}
/** Epochs of the checkpoints that each run has. */
async function kept(runs: string[]) {
	const rows = await api.app.prisma.checkpoint.findMany({ where: { runId: { in: runs } }, orderBy: { epoch: "asc" } });
	return runs.map((run) => rows.filter(({ runId }) => runId === run).map(({ epoch }) => epoch));
}
const put = (id: string, rule: object) => api.call("PUT", `/experiments/${id}/keep`, rule);
const preview = (id: string, rule: Record<string, string>) =>
	api.call("GET", `/experiments/${id}/keep?${new URLSearchParams(rule)}`);
const finish = (id: string) =>
	api.app.prisma.job.update({ where: { id }, data: { state: "SUCCEEDED", finishedAt: new Date() } });
async function evaluation(runId: string, epoch: number, state: "QUEUED" | "RUNNING" | "SUCCEEDED") {
	const { prisma } = api.app;
	const { id: checkpointId } = await prisma.checkpoint.findFirstOrThrow({ where: { runId, epoch } });
	const id = randomUUID();
	await prisma.job.create({ data: { id, kind: "evaluation", state } });
	const rule = { split: "test", maskTest: "train", cutoffs: [20], protocolHash: "p", metrics: { "recall@20": 0.4 } };
	await prisma.evaluation.create({ data: { id, runId, checkpointId, epoch, ...rule } });
	return id;
}

test("everything is kept unless the experiment says otherwise; a rule is shown", async () => {
	const dataset = await api.dataset();
	const models = [{ model: "popularity" }];
	const usual = await api.call("POST", "/experiments", { dataset, models });
	expect(usual.body.keep).toEqual({ checkpoints: "best+last", runs: null });
	const asked = await api.call("POST", "/experiments", { dataset, models, keep: { checkpoints: "best", runs: 3 } });
	expect(asked.body.keep).toEqual({ checkpoints: "best", runs: 3 });
	const { body } = await api.call("GET", "/experiments?limit=1");
	expect(body.items[0].keep).toEqual({ checkpoints: "best", runs: 3 });
	const nowhere = randomUUID();
	expect((await put(nowhere, { checkpoints: "best" })).status).toBe(404);
	expect((await preview(nowhere, { checkpoints: "best" })).status).toBe(404);
});

test("best: the last checkpoint of each finished run goes, at once; what it frees is said beforehand", async () => {
	const { id, runs } = await experiment(["SUCCEEDED", "FAILED", "RUNNING"]);
	const expected = { checkpoints: 2, bytes: 14 };
	const said = await preview(id, { checkpoints: "best" });
	expect([said.status, said.body]).toEqual([200, { keep: { checkpoints: "best", runs: null }, removes: expected }]);
	expect(await kept(runs)).toEqual([
		[2, 4],
		[2, 4],
		[2, 4],
	]);
	const { status, body } = await put(id, { checkpoints: "best" });
	expect([status, body]).toEqual([200, { keep: { checkpoints: "best", runs: null }, removed: expected }]);
	// What was answered can be sent back.
	expect((await api.call("PUT", `/experiments/${id}/keep`, body.keep)).status).toBe(200);
	expect(await kept(runs)).toEqual([[2], [2], [2, 4]]);
	expect(api.trainer.deleted).toEqual(expect.arrayContaining(runs.slice(0, 2).map((run) => `runs/${run}/epoch-00004`)));
	expect((await put(id, { checkpoints: "best" })).body.removed).toEqual({ checkpoints: 0, bytes: 0 });
	expect((await api.call("GET", `/runs/${runs[0]}`)).body.checkpointsRemovedAt).toMatch(/^20/);
	expect((await api.call("GET", `/runs/${runs[2]}`)).body.checkpointsRemovedAt).toBeNull();
	const { series } = (await api.call("GET", `/runs/${runs[0]}/metrics`)).body;
	expect(series).toHaveLength(2);
	await finish(runs[2] as string);
	await api.app.keep.afterRun(runs[2] as string);
	expect(await kept(runs)).toEqual([[2], [2], [2]]);
});

test("a run whose values were never finite has no best checkpoint and keeps its last", async () => {
	const { id, runs } = await experiment(["FAILED"]);
	await api.app.prisma.checkpoint.updateMany({ where: { runId: runs[0] as string }, data: { isBest: false } });
	await put(id, { checkpoints: "best" });
	expect(await kept(runs)).toEqual([[2, 4]]);
});

test("runs: the best by validation value, the earlier of equals, those without a value last", async () => {
	const { id, runs } = await experiment(
		["SUCCEEDED", "SUCCEEDED", "CANCELLED", "SUCCEEDED", "FAILED", "SUCCEEDED"],
		[0.2, 0.3, null, 0.3, Number.NaN, 0.3],
	);
	const all = [2, 4];
	await put(id, { checkpoints: "best+last", runs: 5 });
	expect(await kept(runs)).toEqual([all, all, all, all, [], all]); // of two without a value the earlier
	await put(id, { checkpoints: "best+last", runs: 2 });
	expect(await kept(runs)).toEqual([[], all, [], all, [], []]);
	await put(id, { checkpoints: "best", runs: 1 });
	expect(await kept(runs)).toEqual([[], [2], [], [], [], []]);
	await put(id, { checkpoints: "best+last" }); // what is gone does not come back, and nothing else goes
	expect(await kept(runs)).toEqual([[], [2], [], [], [], []]);
	expect((await api.call("GET", `/experiments/${id}`)).body.keep).toEqual({ checkpoints: "best+last", runs: null });
	const { status, body } = await api.call("POST", `/runs/${runs[0]}/evaluations`, {});
	expect([status, body.detail]).toEqual([
		409,
		"The run has no such checkpoint any more: the keep rule of its experiment has removed some.",
	]);
});

test("runs: pruned trials come after all others, also those without a value, and among them the best first", async () => {
	const { id, runs } = await experiment(
		["SUCCEEDED", "SUCCEEDED", "FAILED", "SUCCEEDED", "SUCCEEDED"],
		[0.9, 0.2, null, 0.95, 0.3],
	);
	const pruned = { id: { in: [runs[0], runs[3]] as string[] } };
	await api.app.prisma.run.updateMany({ where: pruned, data: { stopReason: "pruned" } });
	const all = [2, 4];
	await put(id, { checkpoints: "best+last", runs: 4 });
	expect(await kept(runs)).toEqual([[], all, all, all, all]);
	await put(id, { checkpoints: "best+last", runs: 3 });
	expect(await kept(runs)).toEqual([[], all, all, [], all]);
	await put(id, { checkpoints: "best+last", runs: 1 });
	expect(await kept(runs)).toEqual([[], [], [], [], all]);
});

test("runs wait for the end of the last run, also of one that is cancelled before it starts", async () => {
	const { id, runs } = await experiment(["SUCCEEDED", "SUCCEEDED", "QUEUED"]);
	expect((await put(id, { checkpoints: "best+last", runs: 1 })).body.removed).toEqual({ checkpoints: 0, bytes: 0 });
	await api.app.keep.sweep();
	expect(await kept(runs.slice(0, 2))).toEqual([
		[2, 4],
		[2, 4],
	]);
	await api.call("POST", `/runs/${runs[2]}/cancel`);
	await api.app.keep.sweep(); // of the worker
	expect(await kept(runs.slice(0, 2))).toEqual([[], [2, 4]]);
});

test("what is served and what is being evaluated stays, and goes once it is neither", async () => {
	const { id, runs } = await experiment(["SUCCEEDED", "SUCCEEDED", "SUCCEEDED", "SUCCEEDED"]);
	const [served, measured, waiting] = runs as [string, string, string];
	const { id: checkpoint } = await api.app.prisma.checkpoint.findFirstOrThrow({ where: { runId: served, epoch: 4 } });
	await api.app.prisma.deployment.create({ data: { name: "kept", checkpointId: checkpoint } });
	const running = await evaluation(measured, 2, "RUNNING");
	const queued = await evaluation(waiting, 4, "QUEUED");
	const ended = await evaluation(waiting, 2, "SUCCEEDED");
	await put(id, { checkpoints: "best", runs: 1 });
	expect(await kept(runs)).toEqual([[4], [2], [4], [2]]);
	const { body } = await api.call("GET", `/evaluations/${ended}`);
	expect(body).toMatchObject({ checkpointId: null, epoch: 2, state: "SUCCEEDED", metrics: { "recall@20": 0.4 } });
	const { items } = (await api.call("GET", `/runs/${waiting}/evaluations`)).body;
	expect(items).toHaveLength(2);

	await finish(running);
	await finish(queued);
	await api.app.prisma.deployment.delete({ where: { name: "kept" } });
	await api.app.keep.sweep();
	expect(await kept(runs)).toEqual([[], [], [], [2]]);
});

test("what something else still names stays, and holds nothing else up", async () => {
	const { id, runs } = await experiment(["SUCCEEDED", "SUCCEEDED", "SUCCEEDED"]);
	const { prisma } = api.app;
	const { id: named } = await prisma.checkpoint.findFirstOrThrow({ where: { runId: runs[0] as string, epoch: 4 } });
	await prisma.$executeRaw`CREATE TABLE names (checkpoint_id uuid REFERENCES checkpoints (id) ON DELETE RESTRICT)`;
	try {
		await prisma.$executeRaw`INSERT INTO names VALUES (${named}::uuid)`;
		expect((await put(id, { checkpoints: "best" })).body.removed).toEqual({ checkpoints: 2, bytes: 14 });
		expect(await kept(runs)).toEqual([[2, 4], [2], [2]]);
	} finally {
		await prisma.$executeRaw`DROP TABLE names`;
	}
	await api.app.keep.sweep();
	expect(await kept(runs)).toEqual([[2], [2], [2]]);
});

test("who deploys or evaluates a checkpoint first keeps it, who comes later is told", async () => {
	const { id, runs } = await experiment(["SUCCEEDED"]);
	const [run] = runs as [string];
	const { prisma } = api.app;
	const last = await prisma.checkpoint.findFirstOrThrow({ where: { runId: run, epoch: 4 } });
	await prisma.$transaction(async (tx) => {
		// As an evaluation is launched: its row holds the checkpoint before it is committed.
		const evaluation = randomUUID();
		await tx.job.create({ data: { id: evaluation, kind: "evaluation" } });
		const rule = { split: "test", maskTest: "train", cutoffs: [20], protocolHash: "p" };
		await tx.evaluation.create({ data: { id: evaluation, runId: run, checkpointId: last.id, epoch: 4, ...rule } });
		expect((await put(id, { checkpoints: "best" })).body.removed.checkpoints).toBe(0);
	});
	await api.app.keep.sweep();
	expect(await kept(runs)).toEqual([[2, 4]]);
	await api.call("POST", `/experiments/${id}/cancel`);
	const removal = prisma.$transaction(async (tx) => {
		await tx.$queryRaw`SELECT 1 FROM checkpoints WHERE id = ${last.id}::uuid FOR UPDATE`;
		const late = api.call("POST", `/runs/${run}/evaluations`, { checkpoint: last.id });
		await new Promise((resolve) => setTimeout(resolve, 300));
		await tx.checkpoint.delete({ where: { id: last.id } });
		return { late };
	});
	const { status, body } = await (await removal).late;
	expect([status, body.detail]).toEqual([409, "The checkpoint has just been removed."]);
});

test("rows and keys go together: what a crash or an absent trainer leaves is done by the sweep", async () => {
	const { id, runs } = await experiment(["SUCCEEDED", "SUCCEEDED"]);
	// The rule was stored, and nobody came to apply it.
	await api.app.prisma.experiment.update({ where: { id }, data: { keepCheckpoints: "best" } });
	api.trainer.refuseDeletes = refusal("UNAVAILABLE", "unavailable", "it restarts");
	try {
		await api.app.keep.sweep();
	} finally {
		api.trainer.refuseDeletes = null;
	}
	const keys = runs.map((run) => `runs/${run}/epoch-00004`).sort();
	const noted = async () =>
		(await api.app.prisma.artifactRemoval.findMany({ orderBy: { key: "asc" } })).map(({ key }) => key);
	expect(await noted()).toEqual(keys);
	expect(await kept(runs)).toEqual([[2], [2]]);
	await api.app.keep.sweep();
	await api.app.removals.sweep();
	expect(await noted()).toEqual([]);
	expect(api.trainer.deleted).toEqual(expect.arrayContaining(keys));
});

test("more checkpoints than one transaction takes", async () => {
	const { id, runs } = await experiment(["SUCCEEDED"]);
	const rows = Array.from({ length: 230 }, (_, index) => ({
		runId: runs[0] as string,
		epoch: 100 + index,
		key: `runs/${runs[0]}/epoch-00${100 + index}`,
		sha256: "0",
		bytes: 1,
	}));
	await api.app.prisma.checkpoint.createMany({ data: rows });
	expect((await put(id, { checkpoints: "best" })).body.removed).toEqual({ checkpoints: 231, bytes: 237 });
	expect(await kept(runs)).toEqual([[2]]);
});

test("an experiment is deleted while its rule is applied: both end well", async () => {
	const { id } = await experiment(["SUCCEEDED", "SUCCEEDED"]);
	const [applied, deleted] = await Promise.all([
		put(id, { checkpoints: "best", runs: 1 }),
		api.call("DELETE", `/experiments/${id}`),
	]);
	expect(deleted.status).toBe(204);
	expect([200, 404]).toContain(applied.status);
});
