// Comparisons and the leaderboard: what is asked for, refused, shown and left.
import { createHash, randomUUID } from "node:crypto";
import { Prisma } from "../../../services/api/src/generated/prisma/client.js";
import { startApi, type TestApi } from "../../support/api.js";

let api: TestApi;
let dataset: string;
beforeAll(async () => {
	api = await startApi();
	dataset = await api.dataset();
});
afterAll(() => api.close());

const hashOf = (value: unknown) => createHash("sha256").update(JSON.stringify(value)).digest("hex");
interface Tested {
	model?: string;
	config?: object;
	seeds?: number[];
	on?: string;
	cutoffs?: number[];
	metrics?: string[];
	hasValues?: boolean;
}

/** Runs of one configuration as their tests left them, in an experiment of their own. */
async function tested({ model = "valid", config = { k: 4 }, seeds = [1], hasValues = true, ...more }: Tested = {}) {
	const { prisma } = api.app;
	const { on = dataset, cutoffs = [20, 50], metrics = ["recall", "ndcg"] } = more;
	const { id, runs } = await api.experiment(
		seeds.map(() => "SUCCEEDED"),
		{ dataset: on, model },
	);
	const protocolHash = hashOf({ on, cutoffs, metrics });
	await prisma.experiment.update({ where: { id }, data: { name: `of ${model}`, cutoffs, metrics, protocolHash } });
	for (const [place, run] of runs.entries()) {
		const values = { valuesKey: `values/${run}`, valuesSha256: "f".repeat(64), valuesBytes: 900n, valuesUsers: 5 };
		await prisma.run.update({
			where: { id: run },
			data: {
				...{ seed: seeds[place] as number, config, configHash: hashOf({ model, config }), trainSeconds: 2 },
				...{ peakMemoryBytes: 100n + BigInt(place), parameters: 7n, ...(hasValues && values) },
			},
		});
		await prisma.metric.create({
			data: { runId: run, split: "test", name: "recall@20", epoch: 2, value: (seeds[place] as number) / 10 },
		});
	}
	return { experiment: id, runs, protocolHash };
}
const compare = (body: object, headers?: Record<string, string>) => api.call("POST", "/comparisons", body, headers);
const ended = (id: string, result: object) =>
	api.app.prisma.$transaction([
		api.app.prisma.job.update({ where: { id }, data: { state: "SUCCEEDED", finishedAt: new Date() } }),
		api.app.prisma.comparison.update({ where: { id }, data: { result } }),
	]);

test("runs are put into groups by configuration, named by what tells them apart, and queued", async () => {
	const [a, b] = [await tested({ seeds: [1, 2] }), await tested({ config: { k: 8 } })];
	const ease = await tested({ model: "popularity", config: {} });
	const [first, second] = a.runs as [string, string];
	const made = await compare({ runs: [first, ...b.runs, second, ...ease.runs] });
	expect([made.status, made.headers.location]).toEqual([202, `/comparisons/${made.body.id}`]);
	const run = (id: string | undefined, seed: number) => ({ id, seed, isGone: false });
	expect(made.body).toMatchObject({
		name: expect.stringMatching(/^valid k 4, valid k 8, popularity on dataset /),
		...{ state: "QUEUED", error: null, progress: null, baseline: null, draws: 10_000, seed: 1, result: null },
		dataset: { id: dataset },
		protocol: { maskTest: "train", cutoffs: [20, 50], metrics: ["recall", "ndcg"], hash: a.protocolHash },
		metrics: ["recall@20", "recall@50", "ndcg@20", "ndcg@50"],
		groups: [
			{ name: "valid k 4", model: "valid", config: { k: 4 }, effort: null, runs: [run(first, 1), run(second, 2)] },
			{ name: "valid k 8", model: "valid", config: { k: 8 }, effort: null, runs: [run(b.runs[0], 1)] },
			{ name: "popularity", model: "popularity", config: {}, effort: null, runs: [run(ease.runs[0], 1)] },
		],
	});
	expect(await api.app.queue.knows({ kind: "comparison", id: made.body.id, lease: 0 })).toBe(true);

	const named = await compare({
		...{ name: "mine", groups: [{ name: "ours", runs: a.runs }, { runs: ease.runs }] },
		...{ baseline: ease.runs[0], metrics: ["ndcg@50"], draws: 2_000, seed: 3 },
	});
	expect(named.body).toMatchObject({
		...{ name: "mine", baseline: 1, metrics: ["ndcg@50"], draws: 2_000, seed: 3 },
		groups: [{ name: "ours" }, { name: "popularity" }],
	});
	const listed = async (query: string) =>
		(await api.call("GET", `/comparisons?${query}`)).body.items.map(({ id }: { id: string }) => id);
	expect(await listed(`dataset=${dataset}`)).toEqual([named.body.id, made.body.id]);
	expect(await listed(`run=${b.runs[0]}`)).toEqual([made.body.id]);
	expect(await listed(`dataset=${randomUUID()}`)).toEqual([]);
});

test("more tests take more draws, and with each of many each is too much", async () => {
	const protocol = { metrics: ["recall", "ndcg", "mrr"], cutoffs: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] };
	const many: string[] = [];
	for (let k = 1; k <= 9; k++) many.push(...(await tested({ config: { k }, ...protocol })).runs);
	const { status, body } = await compare({ runs: many });
	const message = "must be given: 36 pairs times 30 metrics are 1080 tests; at most 1000 are allowed";
	expect([status, body.errors]).toEqual([400, [{ pointer: "/baseline", code: "missing_field", message }]]);
	expect((await compare({ runs: many.slice(0, 8) })).body.draws).toBe(28 * 30 * 100);
	expect((await compare({ runs: many, baseline: many[8] })).body).toMatchObject({ baseline: 8, draws: 8 * 30 * 100 });
});

test("the same Idempotency-Key and body compare once", async () => {
	const runs = [...(await tested()).runs, ...(await tested({ config: { k: 2 } })).runs];
	const key = { "idempotency-key": "compare once" };
	const first = await compare({ runs }, key);
	const again = await compare({ runs }, key);
	expect([again.body, again.headers["idempotent-replayed"]]).toEqual([first.body, "true"]);
	expect((await compare({ runs, seed: 2 }, key)).body.code).toBe("idempotency_mismatch");
});

describe("is refused", () => {
	const said = async (body: object) => {
		const { status, body: problem } = await compare(body);
		const errors = (problem.errors ?? []) as { pointer: string; message: string }[];
		return [status, problem.code, ...errors.map(({ pointer, message }) => `${pointer} ${message}`)];
	};
	let one: string;
	let other: string;
	beforeAll(async () => {
		[one] = (await tested()).runs as [string];
		[other] = (await tested({ config: { k: 9 } })).runs as [string];
	});

	test("what the request alone shows to be wrong", async () => {
		const groups = [{ runs: [one] }, { runs: [other] }];
		expect(await said({})).toEqual([400, "invalid_request", "/runs or groups must be given"]);
		expect(await said({ runs: [one, other], groups })).toEqual([
			...[400, "invalid_request", "/runs cannot be given beside groups"],
		]);
		expect(await said({ groups: [{ runs: [one] }, { runs: [other, one] }] })).toEqual([
			...[400, "invalid_request", "/groups/1/runs/1 is the run of /groups/0/runs/0 once more"],
		]);
		expect(await said({ groups, baseline: randomUUID() })).toEqual([
			...[400, "invalid_request", "/baseline is none of the runs that are compared"],
		]);
		const many = Array.from({ length: 60 }, () => randomUUID());
		expect(await said({ groups: [{ runs: many }, { runs: many }] })).toEqual([
			...[400, "invalid_request", "/groups hold 120 runs; at most 100 are allowed"],
		]);
	});

	test("a run that is not there, not done, a refit, or without values of its users", async () => {
		const gone = randomUUID();
		expect(await said({ runs: [one, gone] })).toEqual([422, "unknown_run", "/runs/1 is not known"]);
		const [running, failed] = (await api.experiment(["RUNNING", "FAILED"], { dataset })).runs as [string, string];
		expect(await said({ runs: [one, running] })).toEqual([
			...[409, "conflict", "/runs/1 is RUNNING; wait for its end"],
		]);
		expect(await said({ runs: [one, failed] })).toEqual([
			...[422, "not_comparable", "/runs/1 is FAILED: it was not tested"],
		]);
		const [refit] = (await tested()).runs as [string];
		await api.app.prisma.run.update({ where: { id: refit }, data: { refitOfId: one } });
		expect(await said({ runs: [other, refit] })).toEqual([
			...[422, "not_comparable", expect.stringContaining(`/runs/1 is a refit`)],
		]);
		const [old, nobody] = (await tested({ seeds: [1, 2], hasValues: false })).runs as [string, string];
		await api.app.prisma.run.update({ where: { id: nobody }, data: { valuesUsers: 0 } });
		expect(await said({ runs: [old, other, nobody] })).toEqual([
			...[422, "not_comparable"],
			`/runs/0 has no values of single users: an earlier version tested it. POST /runs/${old}/evaluations measures them`,
			"/runs/2 has measured nobody: no user has an item in its test part",
		]);
	});

	test("runs that were not measured alike, with both sides of what differs", async () => {
		const [deeper] = (await tested({ config: { k: 3 }, cutoffs: [10], metrics: ["recall"] })).runs as [string];
		expect(await said({ runs: [one, other, deeper] })).toEqual([
			...[422, "protocols_differ"],
			"/runs/2 has metrics recall where /runs/0 has recall, ndcg",
			"/runs/2 has cutoffs 10 where /runs/0 has 20, 50",
		]);
		const elsewhere = await api.dataset();
		const [strange] = (await tested({ config: { k: 3 }, on: elsewhere })).runs as [string];
		const { body } = await compare({ runs: [one, strange] });
		const messages = body.errors.map(({ message }: { message: string }) => message.split(" ").slice(0, 3).join(" "));
		expect([body.code, messages]).toEqual([
			...["protocols_differ", [expect.stringContaining("has dataset"), expect.stringContaining("has split")]],
		]);
	});

	test("one group, or one that holds more than seeds", async () => {
		const { runs } = await tested({ config: { k: 5 }, seeds: [1, 2] });
		expect(await said({ runs })).toEqual([
			...[400, "invalid_request", "/runs are all of one configuration: there is nothing to compare"],
		]);
		const [twin] = (await tested({ config: { k: 5 } })).runs as [string];
		const [third] = (await tested({ model: "popularity", config: {} })).runs as [string];
		expect(await said({ groups: [{ runs: [one, other, third] }, { runs: [...runs, twin] }] })).toEqual([
			...[422, "not_one_group"],
			"/groups/0/runs/1 differs from /groups/0/runs/0 in more than the seed: k 9, not 4",
			"/groups/0/runs/2 differs from /groups/0/runs/0 in more than the seed: model popularity, not valid",
			"/groups/1/runs/2 has seed 1, as /groups/1/runs/0 has: the same work twice",
		]);
	});

	test("a metric of another protocol, or of all lists together", async () => {
		const metrics = ["recall", "coverage"];
		const [a] = (await tested({ metrics, cutoffs: [20] })).runs as [string];
		const [b] = (await tested({ config: { k: 1 }, metrics, cutoffs: [20] })).runs as [string];
		expect(await said({ runs: [a, b], metrics: ["recall@20", "coverage@20", "recall@50"] })).toEqual([
			...[400, "invalid_request"],
			"/metrics/1 is of all lists together: it has no values of single users; there are recall@20",
			"/metrics/2 is not measured under this protocol; there are recall@20",
		]);
		expect((await compare({ runs: [a, b] })).body.metrics).toEqual(["recall@20"]);
	});
});

test("values of an evaluation that measured the same stand in for those of an earlier version's test", async () => {
	const { runs, protocolHash } = await tested({ hasValues: false });
	const [old] = runs as [string];
	const [fresh] = (await tested({ config: { k: 6 } })).runs as [string];
	const { id } = (await api.call("POST", `/runs/${old}/evaluations`, {})).body;
	const values = { valuesKey: `values/${id}`, valuesSha256: "e".repeat(64), valuesBytes: 1n, valuesUsers: 5 };
	await api.app.prisma.evaluation.update({ where: { id }, data: { ...values, protocolHash } });
	const made = await compare({ runs: [old, fresh] });
	expect(made.status).toBe(202);
	const where = { comparisonId_runId: { comparisonId: made.body.id, runId: old } };
	expect((await api.app.prisma.comparisonRun.findUniqueOrThrow({ where })).values).toEqual({
		...{ key: `values/${id}`, sha256: "e".repeat(64), bytes: 1, users: 5 },
	});
	await api.app.prisma.evaluation.update({ where: { id }, data: { protocolHash: "another" } });
	expect((await compare({ runs: [old, fresh] })).body.code).toBe("not_comparable");
});

test("is cancelled once, and deleted once it is over", async () => {
	const runs = [...(await tested()).runs, ...(await tested({ config: { k: 2 } })).runs];
	const { id } = (await compare({ runs })).body;
	const deleted = () => api.call("DELETE", `/comparisons/${id}`);
	expect((await deleted()).body.detail).toBe("The comparison is QUEUED; cancel it first.");
	const { status, body } = await api.call("POST", `/comparisons/${id}/cancel`);
	expect([status, body.state]).toEqual([202, "CANCELLED"]);
	expect((await api.call("POST", `/comparisons/${id}/cancel`)).body.code).toBe("conflict");
	expect((await deleted()).status).toBe(204);
	for (const method of ["GET", "DELETE"] as const) {
		expect((await api.call(method, `/comparisons/${id}`)).body.code).toBe("not_found");
	}
	expect(await api.app.prisma.job.count({ where: { id } })).toBe(0);
	expect(await api.app.prisma.run.count({ where: { id: { in: runs } } })).toBe(2);
});

test("holds its runs while it is open, keeps its numbers without them, and goes with the dataset", async () => {
	const on = await api.dataset();
	const [a, b] = [await tested({ on }), await tested({ on, config: { k: 2 } })];
	const made = await compare({ runs: [...a.runs, ...b.runs] }, { "idempotency-key": "kept" });
	const { id } = made.body;
	const forget = (path: string) => api.call("DELETE", path);
	const held = { status: 409, body: { detail: expect.stringContaining("1 comparison is not final") } };
	expect(await forget(`/experiments/${a.experiment}`)).toMatchObject(held);
	expect(await forget(`/datasets/${on}?withExperiments=true`)).toMatchObject(held);
	const user = (name: string) => ({ user: name, value: 0.5, baseline: null });
	const difference = {
		...{ group: 0, baseline: 1, metric: "recall@20", difference: 0.1, relative: null, usersInterval: null },
		...{ seedsInterval: null, t: 1, pT: 0.1, pRandomisation: 0.1, pRandomisationHolm: 0.2, pTHolm: 0.2, effect: 0.1 },
		...{
			won: 1,
			tied: 2,
			lost: 2,
			pSeeds: null,
			seedsTest: null,
			detectable: [],
			histogram: [{ from: 0, to: 1, users: 5 }],
		},
		...{ wonMost: [user("u1")], lostMost: [user("u2")] },
	};
	const found = { users: 5, family: 4, draws: 10_000, intervalMethod: "bca", seconds: 1 };
	const result = { ...found, means: [], differences: [difference], overlaps: [] };
	await ended(id, result);
	expect((await forget(`/experiments/${a.experiment}`)).status).toBe(204);
	const { body } = await api.call("GET", `/comparisons/${id}`);
	expect(body).toMatchObject({ state: "SUCCEEDED", result });
	expect(body.groups.map(({ runs }: { runs: { isGone: boolean }[] }) => runs[0]?.isGone)).toEqual([true, false]);
	expect((await forget(`/datasets/${on}?withExperiments=true`)).status).toBe(204);
	expect((await api.call("GET", `/comparisons/${id}`)).status).toBe(404);
	expect(await api.app.prisma.idempotencyKey.count({ where: { location: `/comparisons/${id}` } })).toBe(0);
});

const difference = (metric: string, by: number, pRandomisationHolm: number | null, seeds?: [number, number]) => ({
	...{ group: 0, baseline: 1, metric, difference: by, relative: 0.1, usersInterval: null, pRandomisationHolm },
	...{ t: 1, pT: 0.1, pRandomisation: 0.001, pTHolm: 0.2, effect: 0.1, won: 1, tied: 2, lost: 2, pSeeds: null },
	...{ seedsInterval: seeds ? { low: seeds[0], high: seeds[1] } : null, seedsTest: null },
	...{ detectable: [], histogram: [], wonMost: [], lostMost: [] },
});

/** What is told of these differences between two runs of a model with this capability. */
async function toldOf(config: { model: string; configs: [object, object] }, differences: object[]) {
	const on = await api.dataset();
	const [a, b] = config.configs;
	const { model } = config;
	const runs = [...(await tested({ on, model, config: a })).runs, ...(await tested({ on, model, config: b })).runs];
	const { id } = (await compare({ runs })).body;
	const mean = { group: 0, metric: "recall@20", mean: 0.2, interval: null, seeds: 1, seedDeviation: null };
	const found = { users: 5, family: 4, draws: 1, intervalMethod: "bca", seconds: 1, overlaps: [] };
	await ended(id, { ...found, means: [mean], differences });
	const { result } = (await api.call("GET", `/comparisons/${id}`)).body;
	const told = result.differences.map((one: { verdict: string; isUnsettled: boolean }) =>
		one.isUnsettled ? `${one.verdict}, unsettled` : one.verdict,
	);
	return { told, isClosedForm: result.means[0].isClosedForm };
}

test("says of each difference which way it is shown, if it is, by what is better and by what seeds allow", async () => {
	const above: [number, number] = [0.01, 0.2];
	const { told, isClosedForm } = await toldOf({ model: "valid", configs: [{ k: 4 }, { k: 2 }] }, [
		difference("recall@20", 0.1, 0.049, above),
		difference("recall@20", -0.1, 0.049, [-0.2, -0.01]),
		difference("recall@20", 0.1, 0.05, above),
		difference("recall@20", 0.1, null, above),
		difference("calibration@20", -0.1, 0.01, [-0.2, -0.01]),
		difference("novelty@20", 0.1, 0.01, above),
		difference("novelty@20", -0.1, 0.01, [-0.2, -0.01]),
		difference("recall@20", 0.1, 0.01, [-0.01, 0.2]),
		difference("recall@20", 0.1, 0.2, [-0.01, 0.2]),
	]);
	expect(told).toEqual([
		...["better", "worse", "undecided", "undecided", "better", "more", "less"],
		...["undecided, unsettled", "undecided"],
	]);
	expect(isClosedForm).toBe(false);
});

test("says nothing of methods by one seed of a model that is trained; closed forms need none", async () => {
	const [shown, not] = [difference("recall@20", 0.1, 0.01), difference("recall@20", 0.1, 0.2)];
	expect(await toldOf({ model: "valid", configs: [{ k: 4 }, { k: 2 }] }, [shown, not])).toEqual({
		...{ told: ["undecided, unsettled", "undecided"], isClosedForm: false },
	});
	expect(await toldOf({ model: "popularity", configs: [{}, { other: 1 }] }, [shown, not])).toEqual({
		...{ told: ["better", "undecided"], isClosedForm: true },
	});
});

test("names nobody who was erased since the dataset was taken", async () => {
	const { prisma } = api.app;
	const on = await api.dataset();
	await api.call("PUT", "/feeds/people");
	await api.call(
		"POST",
		"/feeds/people/interactions",
		["u1", "u2"].map((user) => ({ user, item: "i" })),
	);
	await prisma.dataset.update({
		where: { id: on },
		data: { feed: { name: "people", at: "2026-01-01", rows: 2, upTo: 2 } },
	});
	const runs = [...(await tested({ on })).runs, ...(await tested({ on, config: { k: 2 } })).runs];
	const { id } = (await compare({ runs })).body;
	const found = (user: string) => ({ user, value: 1, baseline: 0 });
	const difference = {
		...{ group: 0, baseline: 1, metric: "recall@20", difference: 0.1, relative: 0.1, usersInterval: null },
		...{ seedsInterval: null, t: 1, pT: 0.1, pRandomisation: 0.1, pRandomisationHolm: 0.2, pTHolm: 0.2, effect: 0.1 },
		...{ won: 1, tied: 2, lost: 2, pSeeds: null, seedsTest: null, detectable: [], histogram: [] },
		...{ wonMost: [found("u1"), found("u2")], lostMost: [] },
	};
	const two = { users: 2, family: 4, draws: 1, intervalMethod: "bca", seconds: 1 };
	await ended(id, { ...two, means: [], differences: [difference], overlaps: [] });
	const named = async () =>
		(await api.call("GET", `/comparisons/${id}`)).body.result.differences[0].wonMost.map(
			({ user }: { user: string }) => user,
		);
	const stored = async () => (await prisma.comparison.findUniqueOrThrow({ where: { id } })).result as object;
	expect(await named()).toEqual(["u1", "u2"]);
	const before = await stored();
	const erase = async () => expect((await api.call("DELETE", "/feeds/people/users/u1")).status).toBe(200);
	await erase();
	expect(await named()).toEqual(["u2"]);
	expect(JSON.stringify(await stored())).not.toContain("u1");

	// Of an upload a deployment says which feed its people are of. What is written while somebody is erased may name them still.
	await prisma.dataset.update({ where: { id: on }, data: { feed: Prisma.DbNull } });
	await prisma.comparison.update({ where: { id }, data: { result: before } });
	expect(await named()).toEqual(["u1", "u2"]);
	const checkpoint = await api.checkpoint(runs[0] as string);
	expect((await api.call("PUT", "/deployments/people", { checkpoint, feed: "people" })).status).toBe(200);
	expect(await named()).toEqual(["u2"]);
	await erase();
	expect(JSON.stringify(await stored())).not.toContain("u1");
});

describe("the leaderboard", () => {
	test("has every configuration of all experiments under one protocol, the newest run of each seed", async () => {
		const on = await api.dataset();
		expect((await api.call("GET", `/datasets/${on}/leaderboard`)).body).toMatchObject({
			...{ dataset: { id: on }, protocol: null, protocols: [], groups: [], isWhole: true },
		});
		await tested({ on, seeds: [1] });
		const again = await tested({ on, seeds: [1, 2] });
		const better = await tested({ on, seeds: [3], config: { k: 8 }, hasValues: false });
		const other = await tested({ on, seeds: [9], cutoffs: [10] });
		await api.experiment(["FAILED", "QUEUED"], { dataset: on });
		const [refit] = (await tested({ on, seeds: [7] })).runs as [string];
		await api.app.prisma.run.update({ where: { id: refit }, data: { refitOfId: better.runs[0] as string } });

		const { status, body } = await api.call("GET", `/datasets/${on}/leaderboard?protocol=${again.protocolHash}`);
		expect(status).toBe(200);
		expect(body).toMatchObject({
			protocol: { cutoffs: [20, 50], hash: again.protocolHash },
			protocols: [
				{ protocol: { hash: other.protocolHash }, groups: 1 },
				{ protocol: { hash: again.protocolHash }, groups: 2 },
			],
			isWhole: true,
		});
		expect(body.groups).toMatchObject([
			{
				...{ model: "valid", config: { k: 8 }, label: "k 8", parameters: 7, peakMemoryBytes: 100 },
				runs: [{ id: better.runs[0], seed: 3, users: null, experiment: { name: "of valid" } }],
				metrics: { "test.recall@20": { mean: 0.3, deviation: null, n: 1 } },
				seconds: { mean: 2, deviation: null, n: 1 },
			},
			{
				...{ label: "k 4", peakMemoryBytes: 101 },
				runs: again.runs.map((id, place) => ({ id, seed: place + 1, users: 5 })),
				metrics: { "test.recall@20": { mean: expect.closeTo(0.15), deviation: expect.closeTo(0.0707), n: 2 } },
			},
		]);
		expect(Object.keys(body.groups[0].metrics).sort()).toEqual(["test.recall@20", "valid.recall@20"]);
		// The one used last, unless another is asked for.
		expect((await api.call("GET", `/datasets/${on}/leaderboard`)).body.protocol.hash).toBe(other.protocolHash);
		const unknown = await api.call("GET", `/datasets/${on}/leaderboard?protocol=${"0".repeat(64)}`);
		expect([unknown.status, unknown.body.code]).toEqual([404, "not_found"]);
	});

	test("says how many seeds are still to come in, each once, and none that is trained once more", async () => {
		const on = await api.dataset();
		const { protocolHash } = await tested({ on, seeds: [1, 2] });
		const under = async (state: "QUEUED" | "RUNNING", seed: number, more: { k?: number; refit?: boolean } = {}) => {
			const { runs } = await tested({ on, seeds: [seed], config: { k: more.k ?? 4 } });
			const [id] = runs as [string];
			await api.app.prisma.job.update({ where: { id }, data: { state, finishedAt: null } });
			if (more.refit) await api.app.prisma.run.update({ where: { id }, data: { refitOfId: id } });
		};
		const open = async () => {
			const { body } = await api.call("GET", `/datasets/${on}/leaderboard?protocol=${protocolHash}`);
			return body.groups.map(({ label, runs, openSeeds }: { label: string; runs: []; openSeeds: number }) => [
				label,
				runs.length,
				openSeeds,
			]);
		};
		expect(await open()).toEqual([["", 2, 0]]);
		await under("QUEUED", 3);
		await under("RUNNING", 3);
		await under("RUNNING", 4);
		await under("QUEUED", 2);
		await under("QUEUED", 5, { refit: true });
		await under("QUEUED", 6, { k: 8 });
		expect(await open()).toEqual([["", 2, 2]]);
	});

	test("the best first, where less is better too", async () => {
		const on = await api.dataset();
		const metrics = ["calibration"];
		const hashes: string[] = [];
		for (const [k, value] of [0.4, 0.2, 0.3].entries()) {
			const { runs, protocolHash } = await tested({ on, config: { k }, metrics, cutoffs: [20] });
			await api.app.prisma.metric.create({
				data: { runId: runs[0] as string, split: "test", name: "calibration@20", epoch: 2, value },
			});
			hashes.push(protocolHash);
		}
		const { body } = await api.call("GET", `/datasets/${on}/leaderboard?protocol=${hashes[0]}`);
		expect(body.groups.map(({ config }: { config: { k: number } }) => config.k)).toEqual([1, 2, 0]);
	});

	test("of a dataset that is not there", async () => {
		expect((await api.call("GET", `/datasets/${randomUUID()}/leaderboard`)).body.code).toBe("not_found");
	});
});

test.each(["GET /comparisons/:id", "POST /comparisons/:id/cancel", "DELETE /comparisons/:id"])(
	"%s answers 404 for an id that is not there",
	async (route) => {
		const [method, url] = route.split(" ") as ["GET", string];
		for (const id of [randomUUID(), dataset]) {
			const { status, body } = await api.call(method, url.replace(":id", id));
			expect([status, body.code]).toEqual([404, "not_found"]);
		}
	},
);
