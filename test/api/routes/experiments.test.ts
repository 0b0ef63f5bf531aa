import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { wrongAnswers } from "../../support/answers.js";
import { startApi, type TestApi } from "../../support/api.js";
import { refusal } from "../../support/grpc-server.js";

let api: TestApi;
let dataset: string;
beforeAll(async () => {
	api = await startApi();
	dataset = await api.dataset();
});
afterAll(() => api.close());

const counts = async () => ({
	experiments: await api.app.prisma.experiment.count(),
	jobs: await api.app.prisma.job.count(),
});
const launch = (body: object, key?: string) =>
	api.call("POST", "/experiments", body, key ? { "idempotency-key": key } : {});

describe("POST /experiments", () => {
	test("expands models × grid × seeds into runs with whole configurations, and queues each", async () => {
		const { status, headers, body } = await launch({
			name: "first",
			dataset,
			models: [{ model: "valid", params: { tau: 0.2 }, grid: { k: [2, 8] } }, { model: "popularity" }],
			seeds: [1, 2],
			protocol: { cutoffs: [10] },
		});
		expect(status).toBe(202);
		expect(headers.location).toBe(`/experiments/${body.id}`);
		const runs = body.runs.map(({ model, seed, config }: never) => ({ model, seed, config }));
		const valid = (k: number, seed: number) => ({ model: "valid", seed, config: { k, tau: 0.2, attention: "none" } });
		// A closed form gives the same numbers with every seed.
		const popularity = { model: "popularity", seed: 1, config: {} };
		expect(runs).toEqual([valid(2, 1), valid(2, 2), valid(8, 1), valid(8, 2), popularity]);
		expect(body).toMatchObject({
			name: "first",
			state: "QUEUED",
			progress: 0,
			runCounts: { QUEUED: 5, RUNNING: 0, SUCCEEDED: 0, FAILED: 0, CANCELLED: 0 },
			models: ["popularity", "valid"],
			best: null,
			protocol: { maskTest: "train", cutoffs: [10] },
		});
		expect(body.groups).toHaveLength(3);
		for (const { id } of body.runs) expect(await api.app.queue.knows({ kind: "run", id, lease: 0 })).toBe(true);
		expect((await api.call("GET", `/experiments/${body.id}`)).body).toEqual(body);
	});

	test("runs of several processes are no seeds of the same as runs of one", async () => {
		const both = [{ model: "valid" }, { model: "valid", processes: 2 }];
		const { status, body } = await launch({ dataset, models: both, seeds: [1, 2] });
		expect(status).toBe(202);
		expect(body.runs.map(({ processes }: { processes: number }) => processes)).toEqual([1, 1, 2, 2]);
		expect(body.groups).toMatchObject([
			{ processes: 1, seeds: [1, 2] },
			{ processes: 2, seeds: [1, 2] },
		]);
		const [one, two] = body.groups.map(({ configHash }: { configHash: string }) => configHash);
		expect(one).not.toBe(two);
		expect((await api.call("GET", `/runs/${body.runs[2].id}`)).body).toMatchObject({ processes: 2, configHash: two });
	});

	test("refuses several processes for a model that trains in one, and says which can; and more than 16", async () => {
		const before = await counts();
		const models = [{ model: "popularity", processes: 2 }];
		const { status, body } = await launch({ dataset, models });
		expect([status, body.code]).toEqual([422, "bad_configuration"]);
		const message = "cannot be more than 1 for popularity. These models can train in several processes: valid";
		expect(body.errors).toEqual([{ pointer: "/models/0/processes", code: "not_allowed", message }]);
		const many = (await launch({ dataset, models: [{ model: "valid", processes: 17 }] })).body;
		expect(many).toMatchObject({ code: "invalid_request", errors: [{ pointer: "/models/0/processes" }] });
		expect(await counts()).toEqual(before);
	});

	test("fills in a name, one seed and the protocol; equal protocols have equal hashes", async () => {
		const first = (await launch({ dataset, models: [{ model: "popularity" }] })).body;
		const same = (
			await launch({ dataset, models: [{ model: "valid" }], protocol: { maskTest: "train", cutoffs: [20, 50] } })
		).body;
		const other = (await launch({ dataset, models: [{ model: "valid" }], protocol: { maskTest: "train+valid" } })).body;
		expect(first.name).toMatch(/^popularity on dataset /);
		expect(first.runs.map((run: { seed: number }) => run.seed)).toEqual([1]);
		expect(first.protocol).toEqual({
			maskTest: "train",
			cutoffs: [20, 50],
			metrics: ["recall", "ndcg"],
			hash: expect.stringMatching(/^[0-9a-f]{64}$/),
		});
		expect(same.protocol.hash).toBe(first.protocol.hash);
		expect(other.protocol.hash).not.toBe(first.protocol.hash);
	});

	test("metrics are in the order of the catalogue, and the usual ones are the protocol that they always were", async () => {
		const pinned = await api.dataset();
		await api.app.prisma.dataset.update({ where: { id: pinned }, data: { splitDigest: "split" } });
		const under = async (metrics?: string[]) =>
			(await launch({ dataset: pinned, models: [{ model: "popularity" }], protocol: { metrics } })).body;
		// sha256 of {"cutoffs":[20,50],"maskTest":"train","metrics":["recall","ndcg"],"splitDigest":"split"}
		const hash = "411add04a097871db2889395e27f4208ef2344d862f041c9e4b40819955b2ce7";
		expect((await under()).protocol).toMatchObject({ metrics: ["recall", "ndcg"], hash });
		expect((await under(["ndcg", "recall"])).protocol).toMatchObject({ metrics: ["recall", "ndcg"], hash });
		const [one, other] = [await under(["coverage", "mrr", "recall"]), await under(["recall", "coverage", "mrr"])];
		expect(one.protocol.metrics).toEqual(["recall", "mrr", "coverage"]);
		expect(one.protocol).toEqual(other.protocol);
		expect(one.protocol.hash).not.toBe(hash);
		expect((await api.call("GET", `/experiments/${one.id}`)).body.protocol).toEqual(one.protocol);
		expect((await api.call("GET", `/runs/${one.runs[0].id}`)).body.protocol).toEqual(one.protocol);
	});

	test("refuses metrics that there are not, and says which there are", async () => {
		const before = await counts();
		const protocol = { metrics: ["recall", "accuracy", "auc"] };
		const { status, body } = await launch({ dataset, models: [{ model: "popularity" }], protocol });
		expect([status, body.code]).toEqual([400, "invalid_request"]);
		const message = "is no metric; there are recall, ndcg, mrr, novelty, calibration, coverage";
		expect(body.errors).toEqual([
			{ pointer: "/protocol/metrics/1", code: "not_allowed", message },
			{ pointer: "/protocol/metrics/2", code: "not_allowed", message },
		]);
		expect(await counts()).toEqual(before);
	});

	test.each([
		["a value out of range", { model: "valid", params: { tau: 0 } }, "/models/0/params/tau"],
		["a field no model has", { model: "valid", params: { kk: 1 } }, "/models/0/params/kk"],
		["a rule between two fields", { model: "valid", grid: { k: [2, 1], attention: ["cosine"] } }, "/models/0/params"],
		["a number as text", { model: "valid", params: { k: "4" } }, "/models/0/params/k"],
		["a wrong value in the grid", { model: "valid", grid: { k: [4, 65] } }, "/models/0/grid/k"],
		["a field in params and grid", { model: "valid", params: { k: 2 }, grid: { k: [3] } }, "/models/0/grid/k"],
		[
			"a field named like a method of every object",
			{ model: "valid", grid: { toString: [1] } },
			"/models/0/grid/toString",
		],
	])("refuses %s before anything is stored", async (_, model, pointer) => {
		const before = await counts();
		const { status, body } = await launch({ dataset, models: [model] });
		expect(status).toBe(422);
		expect(body.code).toBe("bad_configuration");
		expect(body.errors.map((error: { pointer: string }) => error.pointer)).toEqual([pointer]);
		expect(await counts()).toEqual(before);
	});

	test("names every wrong field of every model at once", async () => {
		const models = [
			{ model: "valid", params: { k: 0, tau: 11 } },
			{ model: "popularity", params: { k: 1 } },
		];
		const { body } = await launch({ dataset, models });
		const pointers = body.errors.map((error: { pointer: string }) => error.pointer).sort();
		expect(pointers).toEqual(["/models/0/params/k", "/models/0/params/tau", "/models/1/params/k"]);
	});

	test("refuses an unknown model, naming the known ones", async () => {
		const { status, body } = await launch({ dataset, models: [{ model: "valib" }] });
		expect([status, body.code]).toEqual([422, "unknown_model"]);
		expect(body.errors).toEqual([
			{ pointer: "/models/0/model", code: "unknown_model", message: "known models: valid, popularity" },
		]);
	});

	test("refuses models that cannot fold in where users are held out, naming those that can", async () => {
		const strong = await api.dataset();
		await api.app.prisma.dataset.update({ where: { id: strong }, data: { rule: { split: { kind: "strong" } } } });
		const { status, body } = await launch({ dataset: strong, models: [{ model: "valid" }, { model: "popularity" }] });
		expect([status, body.code]).toEqual([422, "fold_in_unsupported"]);
		expect(body.errors.map((error: { pointer: string }) => error.pointer)).toEqual(["/models/1/model"]);
		expect(body.detail).toMatch(/^popularity cannot be measured .* These models can: valid\.$/);
		expect((await launch({ dataset: strong, models: [{ model: "valid" }] })).status).toBe(202);
		expect((await launch({ dataset, models: [{ model: "popularity" }] })).status).toBe(202);
	});

	test("refuses the same configuration twice: it would count as two seeds", async () => {
		const { status, body } = await launch({
			dataset,
			models: [{ model: "valid", params: { k: 4 } }, { model: "valid" }],
		});
		expect([status, body.errors[0].pointer]).toEqual([422, "/models/1"]);
	});

	test("counts before it expands", async () => {
		const grid = Object.fromEntries(["k", "tau", "a", "b", "c", "d"].map((name) => [name, [...Array(1000).keys()]]));
		const started = Date.now();
		const { status, body } = await launch({ dataset, models: [{ model: "valid", grid }] });
		expect([status, body.code]).toEqual([422, "too_many_runs"]);
		expect(Date.now() - started).toBeLessThan(2_000);
		const seeds = [...Array(1000).keys()];
		const most = await launch({ dataset, models: [{ model: "valid" }], seeds });
		expect([most.status, most.body.runs.length]).toEqual([202, 1000]);
		const closed = await launch({ dataset, models: [{ model: "valid" }, { model: "popularity" }], seeds });
		expect([closed.status, closed.body.detail]).toEqual([422, expect.stringContaining("1001 runs")]);
	});

	test("refuses a dataset that is unknown or not imported", async () => {
		for (const state of ["QUEUED", "RUNNING", "FAILED"] as const) {
			const { status, body } = await launch({ dataset: await api.dataset(state), models: [{ model: "valid" }] });
			expect([status, body.code, body.detail]).toEqual([409, "dataset_not_ready", `The dataset is ${state}.`]);
		}
		const unknown = await launch({ dataset: randomUUID(), models: [{ model: "valid" }] });
		expect([unknown.status, unknown.body.code, unknown.body.errors[0].pointer]).toEqual([
			422,
			"unknown_dataset",
			"/dataset",
		]);
	});
});

describe("Idempotency-Key", () => {
	const request = () => ({ name: "once", dataset, models: [{ model: "valid" }], seeds: [1, 2] });

	test("fifty equal requests at once make one experiment", async () => {
		const before = await counts();
		const key = randomUUID();
		const replies = await Promise.all(Array.from({ length: 50 }, () => launch(request(), key)));
		const made = replies.filter((reply) => reply.status === 202);
		expect(new Set(made.map((reply) => reply.body.id)).size).toBe(1);
		expect(made.filter((reply) => !reply.headers["idempotent-replayed"])).toHaveLength(1);
		const waiting = replies.filter((reply) => reply.status !== 202);
		expect(
			waiting.every((reply) => reply.body.code === "idempotency_in_progress" && reply.headers["retry-after"]),
		).toBe(true);
		expect(await counts()).toEqual({ experiments: before.experiments + 1, jobs: before.jobs + 2 });
	});

	test("gives the first answer again, whatever has happened since", async () => {
		const key = randomUUID();
		const first = await launch(request(), key);
		await api.call("POST", `/experiments/${first.body.id}/cancel`);
		const { seeds, models, ...rest } = request();
		const again = await launch({ seeds, ...rest, models }, key);
		expect([again.status, again.headers.location, again.headers["idempotent-replayed"]]).toEqual([
			202,
			first.headers.location,
			"true",
		]);
		expect(again.body).toEqual(first.body);
	});

	test("gives it again after an upgrade has added fields", async () => {
		const key = randomUUID();
		const { body } = await launch(request(), key);
		const { progress: _progress, ...older } = body;
		await api.app.prisma.idempotencyKey.updateMany({ where: { id: { endsWith: key } }, data: { body: older } });
		const again = await launch(request(), key);
		expect([again.status, again.body]).toEqual([202, older]);
		expect(wrongAnswers()).toEqual([expect.stringContaining("progress")]);
	});

	test("refuses the same key with another body", async () => {
		const key = randomUUID();
		await launch(request(), key);
		const { status, body } = await launch({ ...request(), seeds: [3] }, key);
		expect([status, body.code]).toEqual([422, "idempotency_mismatch"]);
	});

	test("a refused request frees its key", async () => {
		const key = randomUUID();
		expect((await launch({ ...request(), models: [{ model: "none" }] }, key)).status).toBe(422);
		expect((await launch(request(), key)).status).toBe(202);
	});

	test("a key left by a crash is taken over after a while, and a slow first owner then stores nothing", async () => {
		const key = randomUUID();
		const id = `POST /experiments ${key}`;
		const { digest } = await import("../../../services/api/src/http/digest.js");
		await api.app.prisma.idempotencyKey.create({
			data: { id, fingerprint: digest({ ...request(), protocol: { maskTest: "train", cutoffs: [20, 50] } }) },
		});
		expect((await launch(request(), key)).body.code).toBe("idempotency_in_progress");
		await api.app.prisma.idempotencyKey.update({ where: { id }, data: { createdAt: new Date(Date.now() - 61_000) } });
		expect((await launch(request(), key)).status).toBe(202);
	});

	test.each(["", "k".repeat(201)])("refuses the key %p", async (key) => {
		const { status, body } = await api.call("POST", "/experiments", request(), { "idempotency-key": key });
		expect([status, body.errors[0].pointer]).toEqual([400, "/headers/idempotency-key"]);
	});
});

describe("GET /experiments", () => {
	test("pages newest first without gap or duplicate while new ones come", async () => {
		const fresh = await api.dataset();
		const ids: string[] = [];
		for (let i = 0; i < 7; i++) ids.unshift((await api.experiment(["QUEUED"], { dataset: fresh })).id);
		const seen: string[] = [];
		let url = `/experiments?limit=3&dataset=${fresh}`;
		for (let cursor: string | null = ""; cursor !== null; ) {
			const { body } = await api.call("GET", cursor ? `${url}&cursor=${cursor}` : url);
			seen.push(...body.items.map((item: { id: string }) => item.id));
			cursor = body.nextCursor;
			await api.experiment(["QUEUED"], { dataset: fresh });
		}
		expect(seen).toEqual(ids);
		url = `/experiments?limit=200&dataset=${fresh}`;
		expect((await api.call("GET", url)).body.items).toHaveLength(10);
	});

	test("filters by state and model; the state follows from the runs", async () => {
		const fresh = await api.dataset();
		const made = {
			QUEUED: await api.experiment(["QUEUED", "QUEUED"], { dataset: fresh }),
			RUNNING: await api.experiment(["SUCCEEDED", "QUEUED"], { dataset: fresh, model: "popularity" }),
			SUCCEEDED: await api.experiment(["SUCCEEDED", "SUCCEEDED"], { dataset: fresh }),
			FAILED: await api.experiment(["SUCCEEDED", "FAILED", "CANCELLED"], { dataset: fresh }),
			CANCELLED: await api.experiment(["CANCELLED", "SUCCEEDED"], { dataset: fresh }),
		};
		for (const [state, { id }] of Object.entries(made)) {
			const { items } = (await api.call("GET", `/experiments?state=${state}&dataset=${fresh}`)).body;
			expect(items.map((item: { id: string; state: string }) => [item.id, item.state])).toEqual([[id, state]]);
		}
		const { items } = (await api.call("GET", `/experiments?model=popularity&dataset=${fresh}`)).body;
		expect(items.map((item: { id: string }) => item.id)).toEqual([made.RUNNING.id]);
	});

	test("progress, the best run, and mean and deviation over seeds", async () => {
		const { id, runs } = await api.experiment(["SUCCEEDED", "SUCCEEDED", "RUNNING", "QUEUED"]);
		const { body } = await api.call("GET", `/experiments/${id}`);
		expect(body.progress).toBeCloseTo((1 + 1 + 0.5 + 0) / 4);
		expect(body.best).toEqual({ runId: runs[2], model: "valid", metric: "recall@20", value: 0.22 });
		const [group] = body.groups;
		expect(group).toMatchObject({ model: "valid", config: { k: 4 }, seeds: [1, 2, 3, 4], seedsIn: 2, seedsOpen: 2 });
		const { mean, deviation, n } = group.metrics["valid.recall@20"];
		expect([mean, deviation, n]).toEqual([expect.closeTo(0.21), expect.closeTo(0.01), 3]);
		expect(body.runs[0].metrics).toEqual({ "valid.recall@20": 0.2 });
	});

	test("where nobody was measured there is no best, and no mean of nothing", async () => {
		const { id, runs } = await api.experiment(["SUCCEEDED", "SUCCEEDED"]);
		const { prisma } = api.app;
		await prisma.run.updateMany({ where: { id: { in: runs } }, data: { bestValue: null } });
		await prisma.metric.updateMany({ where: { runId: { in: runs }, split: "valid" }, data: { value: Number.NaN } });
		const { body } = await api.call("GET", `/experiments/${id}`);
		expect(body.best).toBeNull();
		expect(body.groups[0]).toMatchObject({
			seedsIn: 2,
			seedsOpen: 0,
			metrics: { "valid.recall@20": { mean: null, deviation: null, n: 0 } },
		});
		const measured = { bestEpoch: 2, bestValue: null, chosenBy: "last_epoch", metrics: { "valid.recall@20": null } };
		expect(body.runs[0]).toMatchObject(measured);
		expect((await api.call("GET", `/runs/${runs[0]}`)).body).toMatchObject(measured);
		// Stored by an earlier version, which took a mean over nobody for a value.
		await prisma.run.update({ where: { id: runs[1] as string }, data: { bestEpoch: 1, epoch: 2 } });
		expect((await api.call("GET", `/runs/${runs[1]}`)).body).toMatchObject({ bestEpoch: 1, chosenBy: null });
		const other = await api.experiment(["SUCCEEDED", "QUEUED"]);
		const { runs: compared } = (await api.call("GET", `/experiments/${other.id}`)).body;
		expect(compared.map((run: { chosenBy: string | null }) => run.chosenBy)).toEqual(["validation", null]);
	});

	test("stays fast with ten thousand runs", async () => {
		await api.app.prisma.$executeRaw`
			WITH e AS (
				INSERT INTO experiments (id, name, dataset_id, spec, mask_test, cutoffs, protocol_hash)
				SELECT gen_random_uuid(), 'bulk', ${dataset}::uuid, '{}', 'train', '{20}', 'p' FROM generate_series(1, 100) RETURNING id),
			j AS (
				INSERT INTO jobs (id, kind, state, finished_at) SELECT gen_random_uuid(), 'run', 'SUCCEEDED', now() FROM e, generate_series(1, 100) RETURNING id),
			numbered AS (SELECT id, row_number() OVER () AS n FROM j)
			INSERT INTO runs (id, experiment_id, dataset_id, model, config, config_hash, seed, position, best_epoch, best_value)
			SELECT n.id, (array(SELECT id FROM e))[1 + (n - 1) / 100], ${dataset}::uuid, 'valid', '{}', 'c', n % 100, n % 100, 50, 0.3 FROM numbered n`;
		await api.app.prisma.$executeRaw`
			INSERT INTO metrics SELECT r.id, 'valid', 'recall@20', e, 0.2 FROM (SELECT id FROM runs WHERE best_epoch = 50 LIMIT 1000) r, generate_series(1, 300) e`;
		await api.app.prisma.$executeRaw`ANALYZE`;
		for (const url of [
			"/experiments?limit=50",
			"/experiments?state=SUCCEEDED&limit=50",
			"/experiments?model=valid&state=FAILED",
		]) {
			await api.call("GET", url);
			const started = Date.now();
			expect((await api.call("GET", url)).status).toBe(200);
			expect(Date.now() - started).toBeLessThan(500);
		}
	}, 60_000);
});

describe("POST /experiments/:id/cancel", () => {
	test("ends queued runs at once and asks running ones to stop", async () => {
		const { id, runs } = await api.experiment(["SUCCEEDED", "RUNNING", "QUEUED"]);
		const { status, body } = await api.call("POST", `/experiments/${id}/cancel`);
		expect(status).toBe(202);
		expect(body.runs.map((run: { state: string }) => run.state)).toEqual(["SUCCEEDED", "RUNNING", "CANCELLED"]);
		expect((await api.call("GET", `/runs/${runs[1]}`)).body.cancelRequested).toBe(true);
		const done = await api.experiment(["SUCCEEDED"]);
		expect((await api.call("POST", `/experiments/${done.id}/cancel`)).body.code).toBe("conflict");
		const measured = await api.call("POST", `/runs/${done.runs[0]}/evaluations`, {});
		expect((await api.call("DELETE", `/experiments/${done.id}`)).body.code).toBe("conflict");
		expect((await api.call("POST", `/experiments/${done.id}/cancel`)).status).toBe(202);
		expect((await api.call("GET", `/evaluations/${measured.body.id}`)).body.state).toBe("CANCELLED");
		expect((await api.call("DELETE", `/experiments/${done.id}`)).status).toBe(204);
		expect((await api.call("POST", `/experiments/${randomUUID()}/cancel`)).status).toBe(404);
	});
});

describe("DELETE /experiments/:id", () => {
	test("takes rows and artifacts of a finished one", async () => {
		const { id, runs } = await api.experiment(["SUCCEEDED", "FAILED"]);
		const evaluation = (await api.call("POST", `/runs/${runs[0]}/evaluations`, {})).body.id;
		await api.call("POST", `/evaluations/${evaluation}/cancel`);
		const before = await counts();
		expect((await api.call("DELETE", `/experiments/${id}`)).status).toBe(204);
		expect(await counts()).toEqual({ experiments: before.experiments - 1, jobs: before.jobs - 3 });
		expect(api.trainer.deleted).toEqual(expect.arrayContaining(runs.map((run) => `runs/${run}`)));
		expect(api.trainer.deleted).toEqual(expect.arrayContaining([...runs, evaluation].map((one) => `values/${one}`)));
		expect((await api.call("GET", `/experiments/${id}`)).status).toBe(404);
		expect((await api.call("DELETE", `/experiments/${id}`)).status).toBe(404);
	});

	test("artifacts that the trainer cannot delete now are noted for the sweep", async () => {
		const { id, runs } = await api.experiment(["SUCCEEDED"]);
		api.trainer.refuseDeletes = refusal("UNAVAILABLE", "unavailable", "it restarts");
		try {
			expect((await api.call("DELETE", `/experiments/${id}`)).status).toBe(204);
		} finally {
			api.trainer.refuseDeletes = null;
		}
		const noted = async () => (await api.app.prisma.artifactRemoval.findMany()).map(({ key }) => key);
		expect((await noted()).sort()).toEqual([`runs/${runs[0]}`, `values/${runs[0]}`]);
		await api.app.removals.sweep();
		expect(await noted()).toEqual([]);
		expect(api.trainer.deleted).toContain(`runs/${runs[0]}`);
	});

	test("refuses while a run is open or a checkpoint is served, and names what holds it back", async () => {
		const open = await api.experiment(["SUCCEEDED", "RUNNING", "QUEUED"]);
		const first = await api.call("DELETE", `/experiments/${open.id}`);
		expect([first.status, first.body.detail]).toEqual([
			409,
			'2 runs and evaluations of "an experiment" are not final; cancel the experiment first.',
		]);
		const { id, runs } = await api.experiment(["SUCCEEDED", "SUCCEEDED"]);
		for (const name of ["one", "two"])
			await api.call("PUT", `/deployments/${name}`, { checkpoint: await api.checkpoint(runs[0] as string) });
		const second = await api.call("DELETE", `/experiments/${id}`);
		expect([second.status, second.body.detail]).toEqual([
			409,
			'What "an experiment" has trained is served as "one" and "two"; deploy something else there, or delete the deployment, first.',
		]);
		expect((await api.call("GET", `/experiments/${id}`)).status).toBe(200);
		await api.call("DELETE", "/deployments/one");
		expect((await api.call("DELETE", `/experiments/${id}`)).body.detail).toContain('served as "two";');
		await api.call("DELETE", "/deployments/two");
		expect((await api.call("DELETE", `/experiments/${id}`)).status).toBe(204);
	});

	test("whoever deploys or evaluates a checkpoint at the same moment finds it gone, or holds it back", async () => {
		for (let round = 0; round < 6; round++) {
			const { id, runs } = await api.experiment(["SUCCEEDED"]);
			const [run] = runs as [string];
			const checkpoint = await api.checkpoint(run);
			const [deleted, deployed, evaluated] = await Promise.all([
				api.call("DELETE", `/experiments/${id}`),
				api.call("PUT", "/deployments/contested", { checkpoint }),
				api.call("POST", `/runs/${run}/evaluations`, {}),
			]);
			const isGone = deleted.status === 204;
			expect([204, 409]).toContain(deleted.status);
			for (const { status } of [deployed, evaluated]) expect(status < 300).toBe(!isGone || status < 300);
			if (isGone) expect([404, 409]).toContain(deployed.status);
			if (isGone) expect([404, 409]).toContain(evaluated.status);
			else await api.call("POST", `/experiments/${id}/cancel`);
			await api.call("DELETE", "/deployments/contested");
		}
		// Every evaluation's job has its evaluation: none is left to fail for ever.
		const orphans = await api.app.prisma.job.count({ where: { kind: "evaluation", evaluation: null } });
		expect(orphans).toBe(0);
	});

	test("an evaluation whose rows are being written holds it back", async () => {
		const { id, runs } = await api.experiment(["SUCCEEDED"]);
		const [run] = runs as [string];
		const { prisma, jobs } = api.app;
		const evaluation = { runId: run, checkpointId: await api.checkpoint(run), epoch: 2, split: "test" };
		let commit = () => {};
		const told = new Promise<void>((resolve) => {
			commit = resolve;
		});
		const own = randomUUID();
		const storing = prisma.$transaction(async (tx) => {
			await jobs.create(tx, [own], "evaluation");
			await tx.evaluation.create({
				data: { id: own, ...evaluation, maskTest: "train", cutoffs: [20], protocolHash: "p" },
			});
			await told;
		});
		await sleep(200);
		const deleted = api.call("DELETE", `/experiments/${id}`);
		await sleep(300);
		commit();
		await storing;
		expect((await deleted).body.detail).toBe(
			'1 run or evaluation of "an experiment" is not final; cancel the experiment first.',
		);
	});

	test("the first answer to its launch is not given again", async () => {
		const headers = { "idempotency-key": "once and gone" };
		const body = { dataset: await api.dataset(), models: [{ model: "popularity" }] };
		const { id } = (await api.call("POST", "/experiments", body, headers)).body;
		await api.call("POST", `/experiments/${id}/cancel`);
		expect((await api.call("DELETE", `/experiments/${id}`)).status).toBe(204);
		expect(await api.app.prisma.idempotencyKey.count({ where: { location: `/experiments/${id}` } })).toBe(0);
		expect((await api.call("POST", "/experiments", body, headers)).body.id).not.toBe(id);
	});
});

test("while no catalogue has ever been seen, launching answers 503 with Retry-After", async () => {
	const lonely = await startApi();
	try {
		await lonely.trainer.close();
		const { status, headers, body } = await lonely.call("POST", "/experiments", {
			dataset: await lonely.dataset(),
			models: [{ model: "valid" }],
		});
		expect([status, body.code, headers["retry-after"]]).toEqual([503, "unavailable", "2"]);
		expect((await lonely.call("GET", "/models")).status).toBe(503);
	} finally {
		await lonely.close();
	}
});
