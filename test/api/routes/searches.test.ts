// Searches from the request on: what they expand to, what is refused, what is shown, and the winner once more.
import { randomUUID } from "node:crypto";
import { startApi, type TestApi } from "../../support/api.js";
import { type Ended, SPACE, searchedOn } from "../../support/searched.js";

let api: TestApi;
let dataset: string;
beforeAll(async () => {
	api = await startApi();
	dataset = await api.dataset();
});
afterAll(() => api.close());

const launch = (search: object, more: object = {}, whole: object = {}) =>
	api.call("POST", "/experiments", { dataset, models: [{ model: "valid", search, ...more }], ...whole });
const searchOf = async (id: string) => (await api.call("GET", `/searches/${id}`)).body;

test("a search expands to its trials, with the first seed and without a configuration until it is their turn", async () => {
	const { status, body } = await launch(
		{ trials: 3, space: SPACE },
		{ params: { attention: "none" } },
		{ seeds: [5, 6] },
	);
	expect(status).toBe(202);
	const [search] = body.searches;
	expect(body.searches).toEqual([
		{
			...{ id: search.id, experimentId: body.id, model: "valid", position: 0, params: { attention: "none" } },
			...{
				strategy: "tpe",
				trials: 3,
				space: SPACE,
				prune: null,
				seed: 1,
				best: null,
				confirmedBy: null,
				isOver: false,
			},
			counts: { waiting: 3, running: 0, complete: 0, pruned: 0, failed: 0, cancelled: 0 },
		},
	]);
	expect(body.runs.map(({ seed, config, trial }: never) => ({ seed, config, trial }))).toEqual(
		[0, 1, 2].map((number) => ({ seed: 5, config: {}, trial: { search: search.id, number, chosen: null } })),
	);
	expect(new Set(body.runs.map((run: { configHash: string }) => run.configHash)).size).toBe(3);
	expect(body.groups).toEqual([]);
	for (const { id } of body.runs) expect(await api.app.queue.knows({ kind: "run", id, lease: 0 })).toBe(true);
	const rows = await api.app.prisma.run.findMany({ where: { searchId: search.id }, orderBy: { trial: "asc" } });
	expect(rows[0]?.config).toEqual({ k: 4, tau: 0.1, attention: "none" });
	expect((await searchOf(search.id)).history).toHaveLength(3);
});

const range = (more: object) => ({ tau: { low: 0.1, high: 1, ...more } });
test.each<[string, object, object, string, string]>([
	["a grid beside it", { space: SPACE }, { grid: { k: [2] } }, "", "not_allowed"],
	["a field of params", { space: SPACE }, { params: { k: 2 } }, "/space/k", "not_allowed"],
	["a field no model has", { space: { kk: { values: [1, 2] } } }, {}, "/space/kk", "unknown_field"],
	["a value out of range", { space: { k: { values: [2, 65] } } }, {}, "/space/k/values/1", "out_of_range"],
	["a value of another type", { space: { k: { values: [2, "4"] } } }, {}, "/space/k/values/1", "wrong_type"],
	["a low that is not allowed", { space: range({ low: 0 }) }, {}, "/space/tau/low", "out_of_range"],
	["a high that is not allowed", { space: range({ high: 11 }) }, {}, "/space/tau/high", "out_of_range"],
	["part of a whole number", { space: { k: { low: 1.5, high: 4 } } }, {}, "/space/k/low", "wrong_type"],
	["a step of part of one", { space: { k: { low: 1, high: 4, step: 0.5 } } }, {}, "/space/k/step", "wrong_type"],
	["a step that is too short", { space: range({ step: 1e-17 }) }, {}, "/space/tau/step", "out_of_range"],
	["a step that is too long", { space: range({ step: 1 }) }, {}, "/space/tau/step", "out_of_range"],
	["ends the wrong way round", { space: range({ high: 0.1 }) }, {}, "/space/tau/high", "out_of_range"],
	["a step on logarithms", { space: range({ log: true, step: 0.1 }) }, {}, "/space/tau/step", "not_allowed"],
	["one end alone", { space: { tau: { low: 1 } } }, {}, "/space/tau/high", "missing_field"],
	["nothing to choose from", { space: { tau: {} } }, {}, "/space/tau/low", "missing_field"],
	["values beside ends", { space: { k: { values: [1, 2], high: 3 } } }, {}, "/space/k/high", "not_allowed"],
	["a range of words", { space: { attention: { low: 0, high: 1 } } }, {}, "/space/attention", "not_allowed"],
	[
		"more trials than configurations",
		{ trials: 4, space: { k: { values: [2, 4, 8] } } },
		{},
		"/trials",
		"out_of_range",
	],
	["more than whole numbers", { trials: 4, space: { k: { low: 2, high: 6, step: 2 } } }, {}, "/trials", "out_of_range"],
])("refuses %s before anything is stored", async (_, search, more, pointer, code) => {
	const before = await api.app.prisma.experiment.count();
	const { status, body } = await launch({ trials: 2, ...search }, more);
	expect([status, body.code]).toEqual([422, "bad_configuration"]);
	expect(body.errors).toMatchObject([{ pointer: `/models/0/search${pointer}`, code }]);
	expect(await api.app.prisma.experiment.count()).toBe(before);
});

test.each([
	[0.1, 0.3, 0.2, 2],
	[0.1, 0.4, 0.1, 4],
])("of steps from %d to %d by %d rounding takes none away", async (low, high, step, most) => {
	const tau = { low, high, step };
	expect((await launch({ trials: most, space: { tau } })).status).toBe(202);
	expect((await launch({ trials: most + 1, space: { tau } })).body.errors).toMatchObject([
		{ pointer: "/models/0/search/trials", message: `must be <= ${most}: the space has no more to try` },
	]);
});

test("refuses what the schema does not know, too many runs, pruning without epochs, and a dataset that tells nothing apart", async () => {
	const pointers = async (asked: ReturnType<typeof launch>) => {
		const { status, body } = await asked;
		return [status, body.errors[0].pointer];
	};
	expect(await pointers(launch({ trials: 0, space: SPACE }))).toEqual([400, "/models/0/search/trials"]);
	expect(await pointers(launch({ trials: 1, space: {} }))).toEqual([400, "/models/0/search/space"]);
	expect(await pointers(launch({ trials: 1, space: SPACE, strategy: "grid" }))).toEqual([
		400,
		"/models/0/search/strategy",
	]);
	const many = { model: "valid", search: { trials: 600, space: SPACE } };
	const both = await api.call("POST", "/experiments", { dataset, models: [many, many] });
	expect([both.status, both.body.code]).toEqual([422, "too_many_runs"]);
	const closed = await launch({ trials: 1, space: SPACE, prune: "halving" }, { model: "popularity" });
	expect(closed.body.errors).toContainEqual(expect.objectContaining({ pointer: "/models/0/search/prune" }));
	const blind = await api.dataset();
	await api.app.prisma.dataset.update({ where: { id: blind }, data: { statistics: { train: 5, valid: 0, test: 1 } } });
	expect(await pointers(launch({ trials: 1, space: SPACE }, {}, { dataset: blind }))).toEqual([
		400,
		"/models/0/search",
	]);
});

const searched = (trials: Ended[]) => searchedOn(api, dataset, trials);
const OVER: Ended[] = [
	["SUCCEEDED", 0.2],
	["SUCCEEDED", 0.9, "pruned"],
	["FAILED", 0.8],
	["SUCCEEDED", 0.3],
	["SUCCEEDED", 0.25],
];

test("a search shows its trials, and the best that is complete: one that was pruned never wins", async () => {
	const { id, experiment, runs } = await searched([...OVER, ["RUNNING", 0.7], ["QUEUED", null]]);
	const body = await searchOf(id);
	expect(body.counts).toEqual({ waiting: 1, running: 1, complete: 3, pruned: 1, failed: 1, cancelled: 0 });
	expect(body).toMatchObject({ isOver: false, best: { runId: runs[3], number: 3, value: 0.3 } });
	expect(body.history.map(({ value, bestSoFar }: never) => [value, bestSoFar])).toEqual([
		...[
			[0.2, 0.2],
			[0.9, 0.2],
			[0.8, 0.2],
			[0.3, 0.3],
		],
		...[
			[0.25, 0.3],
			[0.7, 0.3],
			[null, 0.3],
		],
	]);
	expect(body.history[1]).toMatchObject({ runId: runs[1], stopReason: "pruned", epochs: 2, seconds: 3 });
	const whole = (await api.call("GET", `/experiments/${experiment}`)).body;
	expect(whole.groups).toHaveLength(6);
	expect(whole.best.runId).not.toBe(runs[1]);
	expect((await api.call("GET", `/searches/${randomUUID()}`)).status).toBe(404);
});

test("importance is what the trainer says of the trials", async () => {
	const { id } = await searched(OVER);
	api.trainer.searching.weights = [
		{ field: "tau", share: 0.75 },
		{ field: "k", share: 0.25 },
	];
	const { status, body } = await api.call("GET", `/searches/${id}/importance`);
	expect([status, body]).toEqual([200, { fields: api.trainer.searching.weights, complete: 3, leastComplete: 10 }]);
	const asked = api.trainer.searching.weighed.at(-1);
	expect(asked?.trials.map(({ state, values }) => [state, values])).toEqual([
		[2, [0.2]],
		[3, [0.9]],
		[4, [0.8]],
		[2, [0.3]],
		[2, [0.25]],
	]);
	expect(asked?.plan?.space.map(({ field }) => field).sort()).toEqual(["k", "tau"]);
	expect((await api.call("GET", `/searches/${randomUUID()}/importance`)).status).toBe(404);
});

test("the winner is trained with fresh seeds and refit; asked again, also at once, it is the same", async () => {
	const { id, experiment, runs } = await searched(OVER);
	const confirm = (body: object, key?: string) =>
		api.call("POST", `/searches/${id}/confirm`, body, key ? { "idempotency-key": key } : {});
	const [first, second] = await Promise.all([confirm({}), confirm({})]);
	expect([first.status, second.status]).toEqual([202, 202]);
	const made = first.body.experiment;
	expect([second.body.experiment.id, second.body.refit]).toEqual([made.id, first.body.refit]);
	expect(made).toMatchObject({ name: "looking: the winner, fresh seeds", dataset: { id: dataset } });
	expect(first.headers.location).toBe(`/experiments/${made.id}`);
	expect(made.runs.map(({ seed, config }: never) => ({ seed, config }))).toEqual(
		[2, 3, 4].map((seed) => ({ seed, config: { attention: "none", tau: 0.13, k: 2 } })),
	);
	for (const run of made.runs) expect(await api.app.queue.knows({ kind: "run", id: run.id, lease: 0 })).toBe(true);
	expect((await api.call("GET", `/runs/${first.body.refit.id}`)).body).toMatchObject({
		vouchedBy: runs[3],
		trial: null,
	});
	expect((await searchOf(id)).confirmedBy).toEqual({ id: made.id, name: made.name });
	const other = await confirm({ seeds: [7], refit: false }, "once");
	expect(other.body).toMatchObject({ experiment: { runs: [{ seed: 7 }] }, refit: null });
	expect((await confirm({ seeds: [7], refit: false }, "once")).body.experiment.id).toBe(other.body.experiment.id);
	const own = await confirm({ seeds: [2, 1] });
	expect([own.status, own.body.errors[0].pointer]).toEqual([400, "/seeds/1"]);
	const { body } = await api.call("GET", `/experiments/${experiment}`);
	expect(body.refits).toHaveLength(1);
});

test("a confirmation whose runs all failed or were cancelled confirms nothing: the winner is trained once more", async () => {
	const { id } = await searched(OVER);
	const confirm = async () => (await api.call("POST", `/searches/${id}/confirm`, { refit: false })).body.experiment;
	const first = await confirm();
	const become = (which: number, state: "FAILED" | "CANCELLED" | "SUCCEEDED") =>
		api.app.prisma.job.update({ where: { id: first.runs[which].id }, data: { state, finishedAt: new Date() } });
	await become(0, "FAILED");
	await become(1, "CANCELLED");
	expect((await confirm()).id).toBe(first.id);
	await become(2, "SUCCEEDED");
	expect((await confirm()).id).toBe(first.id);
	expect((await searchOf(id)).confirmedBy.id).toBe(first.id);
	await become(2, "CANCELLED");
	expect((await searchOf(id)).confirmedBy).toBeNull();
	const second = await confirm();
	expect(second.id).not.toBe(first.id);
	expect((await searchOf(id)).confirmedBy.id).toBe(second.id);
});

test("there is no winner while trials are open, or where none is complete", async () => {
	const refused = async (trials: Parameters<typeof searched>[0]) => {
		const { id } = await searched(trials);
		const { status, body } = await api.call("POST", `/searches/${id}/confirm`, {});
		return [status, body.code, body.detail];
	};
	const open = "1 trials of the search are not final; wait, or cancel its experiment.";
	expect(
		await refused([
			["SUCCEEDED", 0.1],
			["QUEUED", null],
		]),
	).toEqual([409, "conflict", open]);
	const none = "No trial of the search is complete, so there is no winner.";
	expect(
		await refused([
			["SUCCEEDED", 0.1, "pruned"],
			["FAILED", 0.2],
		]),
	).toEqual([409, "conflict", none]);
	expect((await api.call("POST", `/searches/${randomUUID()}/confirm`, {})).status).toBe(404);
});

test("an experiment goes with its searches; the confirmation stays, and its answer is forgotten", async () => {
	const { id, experiment } = await searched(OVER);
	const key = { "idempotency-key": "kept" };
	const made = (await api.call("POST", `/searches/${id}/confirm`, {}, key)).body;
	await api.app.prisma.job.update({
		where: { id: made.refit.id },
		data: { state: "CANCELLED", finishedAt: new Date() },
	});
	expect((await api.call("DELETE", `/experiments/${experiment}`)).status).toBe(204);
	expect((await api.call("GET", `/searches/${id}`)).status).toBe(404);
	expect((await api.call("GET", `/experiments/${made.experiment.id}`)).status).toBe(200);
	expect((await api.call("POST", `/searches/${id}/confirm`, {}, key)).status).toBe(404);
	expect(await api.app.prisma.run.count({ where: { searchId: id } })).toBe(0);
});

test("what confirms a search is deleted first: the search stays, forgets it, and is confirmed anew", async () => {
	const { id, runs } = await searched(OVER);
	const key = { "idempotency-key": "again" };
	const confirm = async () =>
		(await api.call("POST", `/searches/${id}/confirm`, { refit: false }, key)).body.experiment.id;
	const first = await confirm();
	expect(await confirm()).toBe(first);
	expect((await api.call("DELETE", `/experiments/${first}`)).status).toBe(409);
	await api.call("POST", `/experiments/${first}/cancel`);
	expect((await api.call("DELETE", `/experiments/${first}`)).status).toBe(204);
	const left = await searchOf(id);
	expect([left.confirmedBy, left.best.runId, left.history.length]).toEqual([null, runs[3], OVER.length]);
	const second = await confirm();
	expect(second).not.toBe(first);
	expect((await searchOf(id)).confirmedBy.id).toBe(second);
});

test("a dataset takes a search and what confirms it along, with what they have trained", async () => {
	dataset = await api.dataset();
	const { id, experiment, runs } = await searched(OVER);
	const { body } = await api.call("POST", `/searches/${id}/confirm`, {});
	const made = [body.experiment.id, experiment];
	const whole = () => api.call("DELETE", `/datasets/${dataset}?withExperiments=true`);
	expect((await whole()).status).toBe(409);
	for (const one of made) await api.call("POST", `/experiments/${one}/cancel`);
	expect((await whole()).status).toBe(204);
	const { prisma } = api.app;
	expect(await prisma.experiment.count({ where: { id: { in: made } } })).toBe(0);
	expect(await prisma.search.count({ where: { id } })).toBe(0);
	expect(await prisma.job.count({ where: { id: { in: [...runs, body.refit.id] } } })).toBe(0);
	expect(api.trainer.deleted).toEqual(expect.arrayContaining([...runs, body.refit.id].map((run) => `runs/${run}`)));
});
