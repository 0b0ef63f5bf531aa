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
		protocol: { maskTest: "train", cutoffs: [20, 50], hash: "p" },
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
