import { placeOf } from "../../../services/api/src/estimates/placing.js";
import { dearestOf } from "../../../services/api/src/searches/space.js";
import { startApi, type TestApi } from "../../support/api.js";
import { refusal } from "../../support/grpc-server.js";

const GIB = 2 ** 30;
const STATISTICS = { users: 100, items: 50, interactions: 1_000, train: 800 };

let api: TestApi;
let dataset: string;
beforeAll(async () => {
	api = await startApi();
	dataset = await withStatistics(STATISTICS);
});
afterAll(() => api.close());
afterEach(() => api.app.prisma.machine.deleteMany());

async function withStatistics(statistics: object): Promise<string> {
	const id = await api.dataset();
	await api.app.prisma.dataset.update({ where: { id }, data: { statistics } });
	return id;
}

/** In GiB; of each GPU besides where there are some. */
const machine = (name: string, machineClass: string, memory: number, ...gpus: number[]) =>
	api.app.prisma.machine.create({
		data: {
			name,
			class: machineClass,
			memoryBytes: memory * GIB,
			slots: 1,
			versions: {},
			devices: [
				{ kind: "cpu", name: "a processor", memoryBytes: memory * GIB },
				...gpus.map((gpu) => ({ kind: "cuda", name: "a GPU", memoryBytes: gpu * GIB })),
			],
		},
	});

/** A run that has ended, as a worker leaves it. */
async function done(of: { on?: string; config?: object; processes?: number; epoch?: number; seconds: number }) {
	const { on = dataset, config = { k: 4, tau: 0.1, attention: "none" }, processes = 1, epoch = 10, seconds } = of;
	const { runs } = await api.experiment(["SUCCEEDED"], { dataset: on });
	const [id] = runs as [string];
	await api.app.prisma.job.update({ where: { id }, data: { lease: 1, finishedAt: new Date() } });
	await api.app.prisma.run.update({ where: { id }, data: { config, processes, epoch, trainSeconds: seconds } });
	return id;
}

const launch = (models: object[], more: object = {}) => api.call("POST", "/experiments", { dataset, models, ...more });
const estimate = (models: object[], more: object = {}) =>
	api.call("POST", "/experiments/estimate", { dataset, models, ...more });

test("memory is said of every run at its launch, kept with it, and that of where it trains is shown", async () => {
	const { status, body } = await launch([{ model: "valid", grid: { k: [2, 3] } }, { model: "popularity" }]);
	expect(status).toBe(202);
	const said = body.runs.map(({ estimate }: { estimate: { memoryBytes: number } }) => estimate.memoryBytes / GIB);
	expect(said).toEqual([2, 3, 1]);
	const [{ id }] = body.runs;
	await api.app.prisma.run.update({ where: { id }, data: { device: "cuda (a GPU)", peakMemoryBytes: GIB } });
	const run = (await api.call("GET", `/runs/${id}`)).body;
	expect(run).toMatchObject({ estimate: { memoryBytes: GIB, seconds: null }, peakMemoryBytes: GIB });
});

test("a trainer that does not answer, or a dataset that it knows nothing of, holds no launch up", async () => {
	const unknown = await api.dataset();
	const { status, body } = await launch([{ model: "valid" }], { dataset: unknown });
	expect([status, body.runs[0].estimate]).toEqual([202, { memoryBytes: null, seconds: null }]);
	api.trainer.refuseEstimates = refusal("UNAVAILABLE", "", "away");
	await machine("small", "cpu", 1);
	const away = await launch([{ model: "valid" }]);
	api.trainer.refuseEstimates = null;
	expect([away.status, away.body.runs[0].estimate.memoryBytes]).toEqual([202, null]);
});

test("what no machine has room for is refused before anything is stored, with the numbers", async () => {
	await machine("small", "cpu", 1.5);
	await machine("large", "cpu", 3);
	const before = await api.app.prisma.experiment.count();
	const models = [{ model: "popularity" }, { model: "valid", grid: { k: [4, 5, 2] } }];
	for (const ask of [launch, estimate]) {
		const { status, body } = await ask(models);
		expect([status, body.code]).toEqual([422, "will_not_fit"]);
		const message = "needs about 5.0 GiB of memory; the largest machine, large, has 3.0 GiB";
		expect(body.detail).toBe(`valid ${message}.`);
		expect(body.errors).toEqual([{ pointer: "/models/1", code: "will_not_fit", message }]);
	}
	expect(await api.app.prisma.experiment.count()).toBe(before);
	expect((await launch([{ model: "valid", params: { k: 3 } }])).status).toBe(202);
});

test("several processes need room for each of them; each takes what is said", async () => {
	await machine("host", "cpu", 3);
	const { status, body } = await launch([{ model: "valid", params: { k: 4 }, processes: 2 }]);
	expect([status, body.errors[0].message]).toEqual([422, expect.stringContaining("about 4.0 GiB")]);
	const fits = await estimate([{ model: "valid", params: { k: 2 }, processes: 2 }]);
	expect(fits.body.models[0].memoryBytes).toBe(GIB);
});

test("each process needs a GPU with room, where there are GPUs, whether or not the memory is known", async () => {
	await machine("pair", "gpu", 8, 1, 4);
	await machine("one", "gpu", 8, 8);
	const four = [{ model: "valid", params: { k: 16 }, processes: 4 }];
	const { body } = await launch(four);
	const needs = "needs 4 GPUs with about 2.0 GiB of memory each; the largest machine, one, has 1";
	expect([body.code, body.errors[0].message]).toEqual(["will_not_fit", needs]);
	api.trainer.refuseEstimates = refusal("UNAVAILABLE", "", "away");
	const away = await launch(four);
	api.trainer.refuseEstimates = null;
	expect(away.body.errors[0].message).toBe("needs 4 GPUs; the largest machine, pair, has 2");
	const two = (k: number) => launch([{ model: "valid", params: { k }, processes: 2 }]);
	expect([(await two(4)).status, (await two(8)).status]).toEqual([202, 422]);
});

test("of a class that is asked for its own machines count, and a GPU by its own memory", async () => {
	await machine("host", "cpu", 8);
	await machine("accelerated", "gpu", 4, 1);
	const models = [{ model: "valid", params: { k: 4 } }];
	const { body } = await launch(models, { class: "gpu" });
	expect(body.errors[0].message).toMatch(/2\.0 GiB.*the largest machine of class gpu, accelerated, has 1\.0 GiB/);
	const onHost = await launch(models, { class: "cpu" });
	expect(onHost.body.runs[0].estimate.memoryBytes).toBe(4 * GIB);
	const onGpu = await launch([{ model: "valid", params: { k: 2 } }], { class: "gpu" });
	expect(onGpu.body.runs[0].estimate.memoryBytes).toBe(GIB);
});

test("without a class it is left open where every class has room, else the smallest class that has it is picked", async () => {
	await machine("small", "cpu", 2);
	await machine("mid", "big", 5);
	await machine("huge", "huge", 50);
	const { body } = await launch([{ model: "valid", grid: { k: [2, 4, 40] } }, { model: "popularity" }]);
	expect(body.runs.map((run: { class: string | null }) => run.class)).toEqual([null, "big", "huge", null]);
	const asked = (await estimate([{ model: "valid", params: { k: 4 } }])).body.models;
	expect(asked).toEqual([{ model: "valid", runs: 1, class: "big", memoryBytes: 4 * GIB, seconds: null }]);
});

const MEMORY = { cpuBytes: 4 * GIB, gpuBytes: GIB, gpuHostBytes: GIB };

test("whether a run trains on a GPU is told by devices, whatever their class is called", async () => {
	const classes = new Map([["cpu", [await machine("accelerated", "cpu", 2, 2)]]]);
	expect(placeOf(MEMORY, 1, classes, null)).toEqual({ machineClass: null, kind: "gpu" });
});

test("a class whose machines are only declared may have room: nothing is refused for it", async () => {
	const small = await machine("small", "cpu", 2);
	const classes = new Map([
		["cpu", [small]],
		["later", []],
	]);
	expect(placeOf(MEMORY, 1, classes, null)).toEqual({ machineClass: "later", kind: "cpu" });
	expect(placeOf(MEMORY, 1, classes, "later")).toEqual({ machineClass: "later", kind: "cpu" });
	expect(placeOf(MEMORY, 1, classes, "cpu")).toEqual({ needed: 4 * GIB, largest: { name: "small", bytes: 2 * GIB } });
});

test("the dearest of a search may have the least of a field, or another value of what is no number", () => {
	const space = { sampled_items: { values: [100, 0, 50] }, k: { low: 2, high: 8 }, norm: { values: ["a", "b", null] } };
	const [largest, ...others] = dearestOf({ config: { k: 4, tau: 1 }, trial: { search: { space } } });
	expect(largest).toEqual({ sampled_items: 100, k: 8, norm: "a", tau: 1 });
	const changed = [{ sampled_items: 0 }, { k: 2 }, { norm: "b" }, { norm: null }];
	expect(others).toEqual(changed.map((change) => ({ ...largest, ...change })));
	expect(dearestOf({ config: { k: 4 } })).toEqual([{ k: 4 }]);
});

test("trials of a search are said to take what the dearest of them does", async () => {
	const attention = { values: ["none", "cosine"] };
	const search = { trials: 3, space: { k: { values: [2, 8, 4] }, tau: { low: 0.1, high: 1 }, attention } };
	const statistics = { ...STATISTICS, valid: 10 };
	const { body } = await launch([{ model: "valid", search }], { dataset: await withStatistics(statistics) });
	const said = body.runs.map(({ estimate }: { estimate: { memoryBytes: number } }) => estimate.memoryBytes / GIB);
	expect(said).toEqual([16, 16, 16]);
	const unbuildable = { trials: 3, space: { k: { low: 2, high: 64 } } };
	const other = await launch([{ model: "valid", search: unbuildable }], { dataset: await withStatistics(statistics) });
	expect(other.body.runs[0].estimate.memoryBytes).toBeNull();
});

describe("seconds, from the last runs like it", () => {
	const secondsOf = async (params: object, on = dataset) =>
		(await launch([{ model: "valid", params }], { dataset: on })).body.runs[0].estimate.seconds;
	let fresh: string;
	beforeAll(async () => {
		fresh = await withStatistics({ ...STATISTICS, train: 1_600 });
	});

	test("nobody knows of a model that was never trained; elsewhere it is scaled by the interactions", async () => {
		expect(await secondsOf({})).toBeNull();
		await done({ seconds: 20 });
		expect(await secondsOf({}, fresh)).toEqual({ low: 4, high: 4, like: "model" });
	});

	test("on the same dataset those of the same configuration count before others", async () => {
		await done({ seconds: 5, epoch: 5, config: { k: 8, tau: 0.1, attention: "none" } });
		expect(await secondsOf({ k: 16 })).toEqual({ low: 1, high: 2, like: "dataset" });
		await done({ seconds: 30 });
		expect(await secondsOf({})).toEqual({ low: 2, high: 3, like: "configuration" });
		const inTwo = await launch([{ model: "valid", processes: 2 }]);
		expect(inTwo.body.runs[0].estimate.seconds).toBeNull();
	});

	test("many in another number of processes hide none", async () => {
		const on = await withStatistics(STATISTICS);
		await done({ on, processes: 2, seconds: 20 });
		const { runs } = await api.experiment(Array(50).fill("SUCCEEDED"), { dataset: on });
		await api.app.prisma.job.updateMany({ where: { id: { in: runs } }, data: { lease: 1, finishedAt: new Date() } });
		await api.app.prisma.run.updateMany({ where: { id: { in: runs } }, data: { trainSeconds: 1 } });
		const inTwo = await launch([{ model: "valid", processes: 2 }], { dataset: on });
		expect(inTwo.body.runs[0].estimate.seconds).toEqual({ low: 2, high: 2, like: "configuration" });
	});

	test("what was resumed, pruned or failed tells nothing, nor what a machine of another class did", async () => {
		const [resumed, pruned, other] = [
			await done({ seconds: 90 }),
			await done({ seconds: 91 }),
			await done({ seconds: 92 }),
		];
		await api.app.prisma.job.update({ where: { id: resumed as string }, data: { lease: 2 } });
		await api.app.prisma.run.update({ where: { id: pruned as string }, data: { stopReason: "pruned" } });
		await api.app.prisma.job.update({ where: { id: other as string }, data: { machineClass: "elsewhere" } });
		await machine("here", "cpu", 50);
		const { body } = await launch([{ model: "valid" }], { class: "cpu" });
		expect(body.runs[0].estimate.seconds).toBeNull();
		const [mine] = [await done({ seconds: 40 })];
		await api.app.prisma.job.update({ where: { id: mine }, data: { machine: "here" } });
		const again = await launch([{ model: "valid" }], { class: "cpu" });
		expect(again.body.runs[0].estimate.seconds).toMatchObject({ low: 4, high: 4 });
	});
});
