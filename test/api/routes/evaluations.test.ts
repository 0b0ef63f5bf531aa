import { randomUUID } from "node:crypto";
import { startApi, type TestApi } from "../../support/api.js";

let api: TestApi;
beforeAll(async () => {
	api = await startApi();
});
afterAll(() => api.close());

test("are queued jobs on a checkpoint, under the run's protocol unless told otherwise", async () => {
	const { runs } = await api.experiment(["SUCCEEDED"]);
	const [run] = runs as [string];
	const first = await api.call("POST", `/runs/${run}/evaluations`, {});
	expect(first.status).toBe(202);
	expect(first.headers.location).toBe(`/evaluations/${first.body.id}`);
	expect(first.body).toMatchObject({
		runId: run,
		checkpointId: await api.checkpoint(run),
		epoch: 2,
		split: "test",
		protocol: { maskTest: "train", cutoffs: [20, 50], metrics: ["recall", "ndcg"] },
		groups: [],
		state: "QUEUED",
		metrics: null,
	});
	const other = await api.call("POST", `/runs/${run}/evaluations`, {
		split: "valid",
		maskTest: "train+valid",
		cutoffs: [5],
		metrics: ["coverage", "recall"],
	});
	expect(other.body.protocol).toMatchObject({
		maskTest: "train+valid",
		cutoffs: [5],
		metrics: ["recall", "coverage"],
	});
	const strange = await api.call("POST", `/runs/${run}/evaluations`, { metrics: ["recal"] });
	expect([strange.status, strange.body.errors[0].pointer]).toEqual([400, "/metrics/0"]);
	expect(other.body.protocol.hash).not.toBe(first.body.protocol.hash);
	expect(await api.app.queue.knows({ kind: "evaluation", id: other.body.id, lease: 0 })).toBe(true);

	await api.app.prisma.evaluation.update({
		where: { id: first.body.id },
		data: { metrics: { "recall@20": 0.3 }, users: 9, seconds: 1 },
	});
	const read = await api.call("GET", `/evaluations/${first.body.id}`);
	expect(read.body).toMatchObject({ metrics: { "recall@20": 0.3 }, users: 9, seconds: 1 });
	const { items } = (await api.call("GET", `/runs/${run}/evaluations`)).body;
	expect(items.map((item: { id: string }) => item.id)).toEqual([other.body.id, first.body.id]);
});

test("wait for the end of the run, and need a checkpoint of it", async () => {
	const [running, other] = (await api.experiment(["RUNNING", "SUCCEEDED"])).runs as [string, string];
	expect((await api.call("POST", `/runs/${running}/evaluations`, {})).status).toBe(409);
	const [done] = (await api.experiment(["SUCCEEDED"])).runs as [string];
	const foreign = await api.call("POST", `/runs/${done}/evaluations`, { checkpoint: await api.checkpoint(other) });
	expect([foreign.status, foreign.body.code]).toEqual([409, "conflict"]);
});

test("the same Idempotency-Key and body measure once; for another run they are another request", async () => {
	const [one, two] = (await api.experiment(["SUCCEEDED", "SUCCEEDED"])).runs as [string, string];
	const measure = (run: string, body: object) =>
		api.call("POST", `/runs/${run}/evaluations`, body, { "idempotency-key": "k" });
	const first = await measure(one, {});
	const again = await measure(one, {});
	expect([again.status, again.body, again.headers["idempotent-replayed"]]).toEqual([202, first.body, "true"]);
	expect(again.headers.location).toBe(first.headers.location);
	expect((await measure(one, { split: "valid" })).body.code).toBe("idempotency_mismatch");
	expect((await measure(two, {})).body.runId).toBe(two);
	expect((await api.call("GET", `/runs/${one}/evaluations`)).body.items).toHaveLength(1);
});

test("on another dataset it has that one's protocol; the run's own is as if none was named", async () => {
	const { runs, id: experiment } = await api.experiment(["SUCCEEDED", "SUCCEEDED"]);
	const [run, refit] = runs as [string, string];
	const other = await api.dataset();
	const { prisma } = api.app;
	const own = (await prisma.run.findUniqueOrThrow({ where: { id: run } })).datasetId;
	const measure = (of: string, dataset: string) => api.call("POST", `/runs/${of}/evaluations`, { dataset });
	const [plain, named] = [await api.call("POST", `/runs/${run}/evaluations`, {}), await measure(run, own)];
	expect(named.body.protocol).toEqual(plain.body.protocol);
	expect(named.body).toMatchObject({ datasetId: null, learntFrom: null, unknownItems: null });

	const first = await measure(run, other);
	expect(first).toMatchObject({ status: 202, body: { datasetId: other, learntFrom: null, unknownItems: null } });
	expect(first.body.protocol.hash).not.toBe(plain.body.protocol.hash);
	await prisma.run.update({ where: { id: refit }, data: { refitOfId: run } });
	expect((await measure(refit, own)).body.code).toBe("conflict");
	const ofRefit = await measure(refit, other);
	expect(ofRefit.body.protocol).toEqual(first.body.protocol);

	// Held while it is measured on; what was measured goes along.
	const held = await api.call("DELETE", `/datasets/${other}`);
	expect([held.status, held.body.code]).toEqual([409, "conflict"]);
	expect(held.body.detail).toBe("2 evaluations are measuring on it; cancel what is under way first.");
	for (const { body } of [first, ofRefit]) await api.call("POST", `/evaluations/${body.id}/cancel`);
	expect((await api.call("DELETE", `/datasets/${other}`)).status).toBe(204);
	const { items } = (await api.call("GET", `/runs/${run}/evaluations`)).body;
	expect(items.map((item: { id: string }) => item.id).sort()).toEqual([plain.body.id, named.body.id].sort());
	expect(await prisma.job.count({ where: { id: { in: [first.body.id, ofRefit.body.id] } } })).toBe(0);
	expect(api.trainer.deleted).toEqual(expect.arrayContaining([first, ofRefit].map(({ body }) => `values/${body.id}`)));
	expect((await api.call("GET", `/experiments/${experiment}`)).status).toBe(200);
});

test("a dataset that nothing can be measured on is refused by name", async () => {
	const measure = async (dataset: string, model = "valid") => {
		const [run] = (await api.experiment(["SUCCEEDED"], { model })).runs as [string];
		const { status, body } = await api.call("POST", `/runs/${run}/evaluations`, { dataset });
		return [status, body.code, body.errors?.[0]?.pointer];
	};
	expect(await measure(randomUUID())).toEqual([422, "unknown_dataset", "/dataset"]);
	for (const state of ["QUEUED", "FAILED"] as const) {
		expect(await measure(await api.dataset(state))).toEqual([409, "dataset_not_ready", "/dataset"]);
	}
	expect(await measure(await api.dataset(), "popularity")).toEqual([422, "fold_in_unsupported", "/dataset"]);
});

test("an evaluation is cancelled once", async () => {
	const [run] = (await api.experiment(["SUCCEEDED"])).runs as [string];
	const { id } = (await api.call("POST", `/runs/${run}/evaluations`, {})).body;
	const { status, body } = await api.call("POST", `/evaluations/${id}/cancel`);
	expect([status, body.state]).toEqual([202, "CANCELLED"]);
	expect((await api.call("POST", `/evaluations/${id}/cancel`)).body.code).toBe("conflict");
});

test.each(["GET /runs/:id/evaluations", "GET /evaluations/:id", "POST /evaluations/:id/cancel"])(
	"%s answers 404 for an id that is not there",
	async (route) => {
		const [method, url] = route.split(" ") as ["GET", string];
		const dataset = await api.dataset();
		for (const id of [randomUUID(), dataset]) {
			const { status, body } = await api.call(method, url.replace(":id", id));
			expect([status, body.code]).toEqual([404, "not_found"]);
		}
	},
);
