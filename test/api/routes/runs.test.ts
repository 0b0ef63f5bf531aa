import { randomUUID } from "node:crypto";
import { startApi, type TestApi } from "../../support/api.js";

let api: TestApi;
beforeAll(async () => {
	api = await startApi();
});
afterAll(() => api.close());

test("GET /runs/:id shows the run with its checkpoints and last log lines", async () => {
	const dataset = await api.dataset();
	const { id: experimentId, runs } = await api.experiment(["FAILED"], { dataset });
	const [id] = runs as [string];
	await api.app.prisma.jobEvent.createMany({
		data: Array.from({ length: 205 }, (_, i) => ({
			jobId: id,
			seq: i + 2,
			type: "log",
			data: { level: "info", message: `line ${i}` },
		})),
	});
	await api.app.prisma.run.update({
		where: { id },
		data: { parameters: 12_345_678_901n, peakMemoryBytes: 7n, device: "cpu" },
	});
	const { status, body } = await api.call("GET", `/runs/${id}`);
	expect(status).toBe(200);
	expect(body).toMatchObject({
		id,
		experimentId,
		state: "FAILED",
		error: { code: "diverged", message: "the loss is not finite" },
		progress: 1,
		dataset: { id: dataset },
		protocol: { maskTest: "train", cutoffs: [20, 50], metrics: ["recall", "ndcg"], hash: "p" },
		users: null,
		groups: [],
		parameters: 12_345_678_901,
		peakMemoryBytes: 7,
		cancelRequested: false,
		lease: 1,
		crashes: 0,
		checkpoints: [
			{ id: await api.checkpoint(id), epoch: 2, isBest: true, isLast: true, bytes: 10, dataset: { id: dataset } },
		],
	});
	expect(body.log).toHaveLength(200);
	expect([body.log[0].message, body.log[199].message]).toEqual(["line 5", "line 204"]);
});

test("GET /runs/:id/metrics gives each series in the order of epochs; what is not finite is null", async () => {
	const [id] = (await api.experiment(["RUNNING"])).runs as [string];
	expect((await api.call("GET", `/runs/${id}/metrics`)).body).toEqual({
		series: [
			{ split: "train", name: "loss", points: [{ epoch: 1, value: null }] },
			{
				split: "valid",
				name: "recall@20",
				points: [
					{ epoch: 1, value: 0.1 },
					{ epoch: 2, value: 0.2 },
				],
			},
		],
	});
});

test("POST /runs/:id/cancel ends a queued run, asks a running one, and refuses a final one", async () => {
	const [queued, running, done] = (await api.experiment(["QUEUED", "RUNNING", "SUCCEEDED"])).runs as [
		string,
		string,
		string,
	];
	const first = await api.call("POST", `/runs/${queued}/cancel`);
	expect([first.status, first.body.state]).toEqual([202, "CANCELLED"]);
	const second = await api.call("POST", `/runs/${running}/cancel`);
	expect([second.status, second.body.state, second.body.cancelRequested]).toEqual([202, "RUNNING", true]);
	const third = await api.call("POST", `/runs/${done}/cancel`);
	expect([third.status, third.body.code]).toEqual([409, "conflict"]);
});

test.each(["GET /runs/:id", "GET /runs/:id/metrics", "GET /runs/:id/events", "POST /runs/:id/cancel"])(
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

describe("values of single users", () => {
	const row = (user: string, recall: number) => ({ user, history: 5, items: 2, values: [recall, Number.NaN] });
	const rows = ["a", "b", "c", "d", "e"].map((user, place) => row(user, place / 10));

	/** A run as its test left it. */
	async function tested(): Promise<string> {
		const { id: experiment, runs } = await api.experiment(["SUCCEEDED"]);
		const [id] = runs as [string];
		const key = `values/${id}`;
		const left = { valuesKey: key, valuesSha256: "f".repeat(64), valuesBytes: 900n, valuesUsers: 5 };
		await api.app.prisma.run.update({ where: { id }, data: left });
		const metrics = ["recall", "mrr", "coverage"];
		await api.app.prisma.experiment.update({ where: { id: experiment }, data: { metrics, cutoffs: [20] } });
		api.trainer.userValues.set(key, { columns: ["recall@20", "mrr@20"], rows });
		return id;
	}
	const users = (id: string, query = "") => api.call("GET", `/runs/${id}/users?${query}`);

	test("come a page at a time, in the order asked for; what is not finite is null", async () => {
		const id = await tested();
		const first = await users(id, "limit=2&sort=mrr@20&order=desc");
		expect(first.status).toBe(200);
		expect(first.body).toMatchObject({ total: 5, columns: ["recall@20", "mrr@20"] });
		expect(first.body.items).toEqual([
			{ user: "a", history: 5, items: 2, values: { "recall@20": 0, "mrr@20": null } },
			{ user: "b", history: 5, items: 2, values: { "recall@20": 0.1, "mrr@20": null } },
		]);
		const { datasetId } = await api.app.prisma.run.findUniqueOrThrow({ where: { id } });
		expect(api.trainer.asked.page).toEqual({
			values: { key: `values/${id}`, sha256: "f".repeat(64), bytes: 900, users: 5 },
			datasetKey: `datasets/${datasetId}`,
			...{ sort: "mrr@20", descending: true, offset: 0, limit: 2, user: "", erased: [] },
		});
		const next = `limit=2&sort=mrr@20&order=desc&cursor=${first.body.nextCursor}`;
		const second = await users(id, next);
		expect(second.body.items.map(({ user }: { user: string }) => user)).toEqual(["c", "d"]);
		const last = await users(id, next.replace(/cursor=.*/, `cursor=${second.body.nextCursor}`));
		expect([last.body.items.length, last.body.nextCursor]).toEqual([1, null]);

		// In another order its place means somebody else.
		for (const other of ["sort=mrr@20&order=asc", "sort=recall@20&order=desc", "order=desc"]) {
			const { status, body } = await users(id, `${other}&cursor=${first.body.nextCursor}`);
			expect([other, status, body.code]).toEqual([other, 400, "invalid_cursor"]);
		}
	});

	test("of one user; nobody where the user was not measured", async () => {
		const id = await tested();
		const one = await users(id, "user=c&limit=1");
		expect([one.body.items.map(({ user }: { user: string }) => user), one.body.nextCursor]).toEqual([["c"], null]);
		expect((await users(id, "user=nobody")).body.items).toEqual([]);
	});

	test("without who was erased from a feed with which their dataset is served", async () => {
		const id = await tested();
		await api.call("PUT", "/feeds/people");
		await api.call("DELETE", "/feeds/people/users/a");
		const asked = async () => {
			await users(id);
			await api.call("GET", `/runs/${id}/users/file`);
			return [api.trainer.asked.page, api.trainer.asked.file].map((one) => one?.erased[0]?.digests.length ?? 0);
		};
		expect(await asked()).toEqual([0, 0]);
		const checkpoint = await api.checkpoint(id);
		expect((await api.call("PUT", "/deployments/people", { checkpoint, feed: "people" })).status).toBe(200);
		expect(await asked()).toEqual([1, 1]);
	});

	test("as a file, whose name is safe", async () => {
		const id = await tested();
		const csv = await api.call("GET", `/runs/${id}/users/file`);
		expect([csv.status, csv.body]).toEqual([200, "a\nb\nc\nd\ne\n"]);
		expect(csv.headers).toMatchObject({
			"content-type": "text/csv; charset=utf-8; header=present",
			"content-disposition": `attachment; filename="users-valid-${id.slice(0, 8)}.csv"`,
		});
		expect(api.trainer.asked.file?.format).toBe("csv");
		const parquet = await api.call("GET", `/runs/${id}/users/file?format=parquet`);
		expect(parquet.headers["content-type"]).toBe("application/vnd.apache.parquet");
		expect(api.trainer.asked.file?.format).toBe("parquet");
		expect((await api.call("HEAD", `/runs/${id}/users/file`)).body).toBe("");
	});

	test("what cannot be sorted by is refused with what can; metrics of all lists are of nobody", async () => {
		const { status, body } = await users(await tested(), "sort=coverage@20");
		expect([status, body.errors]).toEqual([
			400,
			[
				{
					pointer: "/query/sort",
					code: "not_allowed",
					message: "must be one of user, history, items, recall@20, mrr@20",
				},
			],
		]);
	});

	test("are refused where there are none, and it is said why", async () => {
		const { runs } = await api.experiment(["RUNNING", "SUCCEEDED", "SUCCEEDED", "SUCCEEDED", "SUCCEEDED"]);
		const [running, old, refit, nobody, lost] = runs as [string, string, string, string, string];
		const { prisma } = api.app;
		await prisma.run.update({ where: { id: refit }, data: { refitOfId: old } });
		await prisma.run.update({ where: { id: nobody }, data: { valuesUsers: 0 } });
		await prisma.run.update({
			where: { id: lost },
			data: { valuesUsers: 3, valuesKey: `values/${lost}`, valuesBytes: 1 },
		});
		const said = async (id: string, path = "users") => {
			const { status, body } = await api.call("GET", `/runs/${id}/${path}`);
			return [status, body.code, body.detail];
		};
		expect(await said(randomUUID())).toEqual([404, "not_found", "There is no run with this id."]);
		expect(await said(running)).toEqual([
			409,
			"conflict",
			"The run is RUNNING; its users are known once it has SUCCEEDED.",
		]);
		expect(await said(old)).toEqual([
			409,
			"values_missing",
			"The run is of an earlier version, which kept no values of single users. Evaluate its run again.",
		]);
		expect(await said(refit)).toEqual([
			409,
			"conflict",
			`A refit has seen what it would be measured on; run ${old} vouches for it.`,
		]);
		expect((await users(nobody)).body).toMatchObject({ items: [], nextCursor: null, total: 0 });
		expect((await said(nobody, "users/file"))[0]).toBe(409);
		// Its row names what the disk has lost.
		expect((await said(lost)).slice(0, 2)).toEqual([409, "values_missing"]);
		const file = await api.call("GET", `/runs/${lost}/users/file`);
		expect([file.status, file.body.code]).toEqual([409, "values_missing"]);
		expect(file.headers["content-disposition"]).toBeUndefined();
	});

	test("of an evaluation on another dataset are of its people", async () => {
		const run = await tested();
		const other = await api.dataset();
		const { id } = (await api.call("POST", `/runs/${run}/evaluations`, { dataset: other, metrics: ["recall"] })).body;
		const waits = await api.call("GET", `/evaluations/${id}/users`);
		expect([waits.status, waits.body.code]).toEqual([409, "conflict"]);
		await api.app.prisma.job.update({ where: { id }, data: { state: "SUCCEEDED" } });
		const left = { valuesKey: `values/${id}`, valuesSha256: "e", valuesBytes: 7n, valuesUsers: 1, users: 1 };
		await api.app.prisma.evaluation.update({ where: { id }, data: left });
		api.trainer.userValues.set(`values/${id}`, { columns: ["recall@20"], rows: [row("z", 0.5)] });
		const { body } = await api.call("GET", `/evaluations/${id}/users?sort=recall@20`);
		expect(body.items).toEqual([{ user: "z", history: 5, items: 2, values: { "recall@20": 0.5 } }]);
		expect(api.trainer.asked.page?.datasetKey).toBe(`datasets/${other}`);
		const file = await api.call("GET", `/evaluations/${id}/users/file`);
		expect([file.status, file.body]).toEqual([200, "z\n"]);
		expect((await api.call("GET", `/evaluations/${randomUUID()}/users`)).status).toBe(404);
	});
});
