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
		protocol: { maskTest: "train", cutoffs: [20, 50] },
		state: "QUEUED",
		metrics: null,
	});
	const other = await api.call("POST", `/runs/${run}/evaluations`, {
		split: "valid",
		maskTest: "train+valid",
		cutoffs: [5],
	});
	expect(other.body.protocol).toMatchObject({ maskTest: "train+valid", cutoffs: [5] });
	expect(other.body.protocol.hash).not.toBe(first.body.protocol.hash);
	expect(await api.app.queue.knows("evaluation", other.body.id, 0)).toBe(true);

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
