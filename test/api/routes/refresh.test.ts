// The rule by which a deployment renews itself, asking for a refresh, and going back to what was served before.
import { randomUUID } from "node:crypto";
import { startApi, type TestApi } from "../../support/api.js";
import { refusal } from "../../support/grpc-server.js";

const KEY = "first-key-of-24-characters";
const OTHER = "second-key-of-24-characters";
const WITH = { authorization: `Bearer ${OTHER}` };

let api: TestApi;
beforeAll(async () => {
	api = await startApi({ API_KEYS: `${KEY},${OTHER}` });
	for (const name of ["shop", "elsewhere"]) await call("PUT", `/feeds/${name}`);
});
afterAll(() => api.close());

const call: TestApi["call"] = (method, url, payload, headers = {}) =>
	api.call(method, url, payload, { ...WITH, ...headers });
const RULE = { feed: "shop", model: "valid", every: "6h" };
let names = 0;
const newName = () => `d-${++names}`;
async function withRule(more: object = {}) {
	const name = newName();
	const { status, body } = await call("PUT", `/deployments/${name}/refresh`, { ...RULE, ...more });
	expect([status, body.code]).toEqual([200, undefined]);
	return { name, rule: body };
}
const push = (count: number) =>
	call(
		"POST",
		"/feeds/shop/interactions",
		Array.from({ length: count }, () => ({ user: randomUUID(), item: "i" })),
	);
const finish = (id: string, data: object = { state: "SUCCEEDED" }) =>
	api.app.prisma.job.update({ where: { id }, data: { finishedAt: new Date(), ...data } });
/** A deployment of runs in this order. */
async function served(count: number, name = newName()) {
	const { runs } = await api.experiment(Array.from({ length: count }, () => "SUCCEEDED"));
	const checkpoints: string[] = [];
	for (const run of runs) {
		const checkpoint = await api.checkpoint(run);
		checkpoints.push(checkpoint);
		expect((await call("PUT", `/deployments/${name}`, { checkpoint })).status).toBe(200);
	}
	return { name, checkpoints, runs };
}

test("a rule is kept with what it left out, before there is a deployment, and ticks", async () => {
	const { name, rule } = await withRule();
	expect(rule).toMatchObject({
		deployment: name,
		spec: {
			...RULE,
			params: {},
			seeds: [1],
			rule: { split: { kind: "temporal", quantiles: [0.8, 0.9] } },
			minNew: 1,
			gate: { metric: "recall@20", tolerance: 0.02, margin: 0 },
			refit: true,
			keep: { refreshes: 3 },
			paused: false,
		},
		last: null,
		newInteractions: expect.any(Number),
	});
	const wait = Date.parse(rule.nextAt) - Date.now();
	expect(wait / 3_600_000).toBeCloseTo(6, 1);
	// As it was answered it may be sent again.
	const again = await call("PUT", `/deployments/${name}/refresh`, rule.spec);
	expect(again.body.spec).toEqual(rule.spec);
	const nightly = await call("PUT", `/deployments/${name}/refresh`, {
		...RULE,
		every: undefined,
		cron: "30 3 * * *",
		timezone: "Europe/Berlin",
	});
	expect(nightly.body.spec).toMatchObject({ cron: "30 3 * * *", timezone: "Europe/Berlin" });
	expect(nightly.body.spec).not.toHaveProperty("every");
	expect(new Date(nightly.body.nextAt).getUTCMinutes()).toBe(30);
	const paused = await call("PUT", `/deployments/${name}/refresh`, { ...RULE, paused: true });
	expect(paused.body.nextAt).toBeNull();
	expect((await api.app.queue.schedules()).map(({ id }) => id)).not.toContain(name);
	expect((await call("GET", `/deployments/${name}/refresh`)).body).toEqual(paused.body);
	expect((await call("DELETE", `/deployments/${name}/refresh`)).status).toBe(204);
	expect(await call("DELETE", `/deployments/${name}/refresh`)).toMatchObject({ status: 404 });
	expect(await call("GET", `/deployments/${name}/refresh`)).toMatchObject({ status: 404 });
});

const temporal = { kind: "temporal" };
test.each<[object, number, string]>([
	[{ feed: "nowhere" }, 404, "/feed"],
	[{ feed: 1 }, 400, "/feed"],
	[{ feed: undefined }, 400, "/feed"],
	[{ model: 5 }, 400, "/model"],
	[{ model: null }, 400, "/model"],
	[{ model: ["valid"] }, 400, "/model"],
	[{ model: "" }, 400, "/model"],
	[{ model: "x".repeat(101) }, 400, "/model"],
	[{ model: undefined }, 400, "/model"],
	[{ model: "nonsense" }, 422, "/model"],
	[{ model: "popularity" }, 400, "/model"],
	[{ params: { k: 0 } }, 422, "/params/k"],
	[{ params: { zzz: 1 } }, 422, "/params/zzz"],
	[{ params: [] }, 400, "/params"],
	[{ params: { k: 1, attention: "cosine" } }, 422, "/params"],
	[{ seeds: [] }, 400, "/seeds"],
	[{ seeds: [1, 1] }, 400, "/seeds"],
	[{ seeds: [-1] }, 400, "/seeds/0"],
	[{ seeds: [2 ** 31] }, 400, "/seeds/0"],
	[{ seeds: ["1"] }, 400, "/seeds/0"],
	[{ seeds: 1 }, 400, "/seeds"],
	[{ seeds: Array.from({ length: 21 }, (_, seed) => seed) }, 400, "/seeds"],
	[{ processes: 0 }, 400, "/processes"],
	[{ processes: 17 }, 400, "/processes"],
	[{ processes: "2" }, 400, "/processes"],
	[{ class: "two words" }, 400, "/class"],
	[{ class: 1 }, 400, "/class"],
	[{ rule: "{}" }, 400, "/rule"],
	[{ rule: [] }, 400, "/rule"],
	[{ rule: null }, 400, "/rule"],
	[{ rule: { minRating: "4" } }, 400, "/rule/minRating"],
	[{ rule: { skipBadRows: 1 } }, 400, "/rule/skipBadRows"],
	[{ rule: { columns: { user: "u" } } }, 400, "/rule/columns"],
	[{ rule: { split: { kind: "given" } } }, 400, "/rule/split/kind"],
	[{ rule: { split: { ...temporal, quantiles: [0.9, 0.8] } } }, 400, "/rule/split/quantiles"],
	[{ rule: { split: { ...temporal, seed: 1 } } }, 400, "/rule/split/seed"],
	[{ rule: { since: "yesterday" } }, 400, "/rule/since"],
	[{ every: undefined }, 400, "/every"],
	[{ every: "9s" }, 400, "/every"],
	[{ every: "367d" }, 400, "/every"],
	[{ every: "6 hours" }, 400, "/every"],
	[{ every: 6 }, 400, "/every"],
	[{ cron: "0 3 * * *" }, 400, "/cron"],
	[{ timezone: "UTC" }, 400, "/timezone"],
	[{ every: undefined, cron: "0 0 3 * * *" }, 400, "/cron"],
	[{ every: undefined, cron: "@daily" }, 400, "/cron"],
	[{ every: undefined, cron: "61 * * * *" }, 400, "/cron"],
	[{ every: undefined, cron: "0 0 31 2 *" }, 400, "/cron"],
	[{ every: undefined, cron: "H 3 * * *" }, 400, "/cron"],
	[{ every: undefined, cron: "0 3 * * *", timezone: "Nowhere/X" }, 400, "/timezone"],
	[{ minNew: -1 }, 400, "/minNew"],
	[{ minNew: 1.5 }, 400, "/minNew"],
	[{ minNew: 1_000_000_001 }, 400, "/minNew"],
	[{ minNew: "5" }, 400, "/minNew"],
	[{ gate: "recall@20" }, 400, "/gate"],
	[{ gate: [] }, 400, "/gate"],
	[{ gate: null }, 400, "/gate"],
	[{ gate: { metric: 20 } }, 400, "/gate/metric"],
	[{ gate: { metric: "recall@7" } }, 400, "/gate/metric"],
	[{ gate: { tolerance: 1.1 } }, 400, "/gate/tolerance"],
	[{ gate: { tolerance: -0.1 } }, 400, "/gate/tolerance"],
	[{ gate: { tolerance: "0.1" } }, 400, "/gate/tolerance"],
	[{ gate: { margin: -0.1 } }, 400, "/gate/margin"],
	[{ gate: { margin: 1_001 } }, 400, "/gate/margin"],
	[{ gate: { margin: null } }, 400, "/gate/margin"],
	[{ gate: { zzz: 1 } }, 400, "/gate/zzz"],
	[{ refit: "yes" }, 400, "/refit"],
	[{ keep: 3 }, 400, "/keep"],
	[{ keep: [] }, 400, "/keep"],
	[{ keep: null }, 400, "/keep"],
	[{ keep: { refreshes: 0 } }, 400, "/keep/refreshes"],
	[{ keep: { refreshes: 101 } }, 400, "/keep/refreshes"],
	[{ keep: { refreshes: "3" } }, 400, "/keep/refreshes"],
	[{ keep: { days: 3 } }, 400, "/keep/days"],
	[{ paused: 1 }, 400, "/paused"],
])("a rule with %j is refused and the field named", async (more, status, pointer) => {
	const { body, ...reply } = await call("PUT", "/deployments/refused/refresh", { ...RULE, ...more });
	expect([reply.status, body.errors?.map((error: { pointer: string }) => error.pointer)]).toEqual([status, [pointer]]);
	expect((await call("GET", "/deployments/refused/refresh")).status).toBe(404);
});

test.each([
	["0 3 * *", "must have five fields: minute"],
	["61 * * * *", "names no moment that ever comes, or a value that its field cannot have"],
	["0 0 31 2 *", "names no moment that ever comes"],
])("cron %s is refused for what is wrong with it", async (cron, message) => {
	const { body } = await call("PUT", "/deployments/refused/refresh", { ...RULE, every: undefined, cron });
	expect(body.errors[0].message).toContain(message);
});

test("a rule names the class of machines and the processes of its runs; a class that nobody is of is refused", async () => {
	const { name, rule } = await withRule({ class: "gpu", processes: 2 });
	expect(rule.spec).toMatchObject({ class: "gpu", processes: 2 });
	const machine = { name: "a", class: "gpu", slots: 1, memoryBytes: 1, instance: randomUUID() };
	await api.app.prisma.machine.create({ data: { ...machine, devices: [], versions: {} } });
	await withRule({ class: "gpu" });
	const { status, body } = await call("PUT", "/deployments/elsewhere/refresh", { ...RULE, class: "tpu" });
	expect([status, body.code, body.errors[0].pointer]).toEqual([422, "unknown_class", "/class"]);
	// Of a rule that has it the class may be gone, and one process is what there is without a word.
	await api.app.prisma.machine.updateMany({ data: { class: "cpu" } });
	const paused = await call("PUT", `/deployments/${name}/refresh`, { ...rule.spec, processes: 1, paused: true });
	expect([paused.status, paused.body.spec]).toEqual([200, { ...rule.spec, processes: undefined, paused: true }]);
	await api.app.prisma.machine.deleteMany();
	const { find } = api.app.catalogue;
	api.app.catalogue.find = async (...asked) => ({ ...(await find(...asked)), capabilities: [] });
	const alone = await call("PUT", "/deployments/elsewhere/refresh", { ...RULE, processes: 2 }).finally(() => {
		api.app.catalogue.find = find;
	});
	expect([alone.status, alone.body.errors[0].pointer]).toEqual([422, "/processes"]);
});

test("a strong split needs a model that folds in", async () => {
	const { find } = api.app.catalogue;
	api.app.catalogue.find = async (...asked) => ({ ...(await find(...asked)), capabilities: [] });
	const rule = { split: { kind: "strong" } };
	const { status, body } = await call("PUT", "/deployments/strong/refresh", { ...RULE, rule });
	expect([status, body.code, body.errors[0].pointer]).toEqual([422, "fold_in_unsupported", "/model"]);
	api.app.catalogue.find = find;
});

test("asked for now: one at a time, not for too little, the same key twice is one, and it is cancelled", async () => {
	const { name } = await withRule({ minNew: 1_000_000 });
	await push(3);
	const post = (body: object = {}, headers?: Record<string, string>) =>
		call("POST", `/deployments/${name}/refreshes`, body, headers);
	expect(await call("POST", "/deployments/without/refreshes", {})).toMatchObject({ status: 404 });
	const little = await post();
	expect([little.status, little.body.code]).toEqual([409, "conflict"]);
	expect(little.body.detail).toContain("minNew is 1000000");
	const key = { "idempotency-key": "once" };
	const begun = await post({ force: true }, key);
	expect(begun).toMatchObject({
		status: 202,
		headers: { location: `/refreshes/${begun.body.id}` },
		body: {
			deployment: name,
			state: "QUEUED",
			step: "snapshot",
			outcome: null,
			trigger: "person",
			by: "key 2",
			jobs: { snapshot: null, runs: [], evaluation: null, refit: null },
			verdict: null,
			newInteractions: expect.any(Number),
		},
	});
	expect((await post({ force: true }, key)).body).toEqual(begun.body);
	expect(await api.app.queue.knows({ kind: "refresh", id: begun.body.id, lease: 0 })).toBe(true);
	const second = await post({ force: true });
	expect([second.status, second.body.detail]).toEqual([409, expect.stringContaining("is open")]);
	const { id } = begun.body;
	expect((await call("GET", `/refreshes/${id}`)).body).toEqual(begun.body);
	expect((await call("GET", `/deployments/${name}/refresh`)).body.last.id).toBe(id);
	expect(await call("POST", `/refreshes/${id}/cancel`)).toMatchObject({
		status: 202,
		body: { state: "CANCELLED", reason: "Cancelled." },
	});
	expect((await call("POST", `/refreshes/${id}/cancel`)).status).toBe(409);
	for (const path of ["", "/cancel"]) {
		expect((await call(path ? "POST" : "GET", `/refreshes/${randomUUID()}${path}`)).status).toBe(404);
	}
	const third = (await post({ force: true })).body.id;
	const pages = await call("GET", `/deployments/${name}/refreshes?limit=1`);
	expect(pages.body.items.map((one: { id: string }) => one.id)).toEqual([third]);
	const next = await call("GET", `/deployments/${name}/refreshes?limit=1&cursor=${pages.body.nextCursor}`);
	expect(next.body).toMatchObject({ items: [{ id }], nextCursor: null });
	await finish(third, { state: "FAILED", errorCode: "diverged", errorMessage: "A run failed: the loss" });
	expect((await call("GET", `/refreshes/${third}`)).body).toMatchObject({
		state: "FAILED",
		error: { code: "diverged" },
		reason: "Failed: A run failed: the loss",
	});
	const { body } = await call("GET", "/metrics");
	expect(body).toContain('valence_refreshes_total{outcome="failed"} 1');
	expect(body).toContain('valence_refreshes_total{outcome="switched"} 0');
});

test("asked for by many at once there is one", async () => {
	const { name } = await withRule({ minNew: 0 });
	const replies = await Promise.all(
		Array.from({ length: 8 }, () => call("POST", `/deployments/${name}/refreshes`, {})),
	);
	expect(replies.map(({ status }) => status).sort()).toEqual([202, 409, 409, 409, 409, 409, 409, 409]);
});

test("an open refresh holds its snapshot and its experiment; cancelling it cancels what it waits for", async () => {
	const { name } = await withRule({ minNew: 0 });
	const { id } = (await call("POST", `/deployments/${name}/refreshes`, {})).body;
	const { id: experimentId, runs } = await api.experiment(["SUCCEEDED", "SUCCEEDED"]);
	const { datasetId } = await api.app.prisma.experiment.findUniqueOrThrow({ where: { id: experimentId } });
	await api.app.prisma.refresh.update({ where: { id }, data: { datasetId, experimentId } });
	for (const url of [`/experiments/${experimentId}`, `/datasets/${datasetId}?withExperiments=true`]) {
		const { status, body } = await call("DELETE", url);
		expect([status, body.detail]).toEqual([
			409,
			expect.stringContaining(`refresh of the deployment "${name}" is open`),
		]);
	}
	await api.app.prisma.job.update({ where: { id: runs[0] }, data: { state: "QUEUED", finishedAt: null } });
	const shown = (await call("GET", `/refreshes/${id}`)).body;
	expect(shown.jobs).toMatchObject({
		snapshot: { id: datasetId, state: "SUCCEEDED" },
		runs: [{ id: runs[0], state: "QUEUED", model: "valid", seed: 1 }, { id: runs[1] }],
	});
	await api.app.prisma.job.update({ where: { id: runs[0] }, data: { createdAt: new Date(0) } });
	expect((await call("POST", `/refreshes/${id}/cancel`)).status).toBe(202);
	expect((await call("GET", `/runs/${runs[0]}`)).body.state).toBe("CANCELLED");
	expect((await call("DELETE", `/datasets/${datasetId}?withExperiments=true`)).status).toBe(204);
	expect((await call("GET", `/refreshes/${id}`)).body).toMatchObject({ dataset: null, experiment: null });
});

test("a feed that a rule names is not deleted; deleting the deployment ends its rule and what is open", async () => {
	const { name } = await served(1);
	const renews = async () => (await call("GET", `/deployments/${name}`)).body.renews;
	expect(await renews()).toBe(false);
	expect((await call("PUT", `/deployments/${name}/refresh`, { ...RULE, feed: "elsewhere", minNew: 0 })).status).toBe(
		200,
	);
	expect(await renews()).toBe(true);
	const refused = await call("DELETE", "/feeds/elsewhere");
	expect([refused.status, refused.body.detail]).toEqual([409, expect.stringContaining(`renews "${name}"`)]);
	const { id } = (await call("POST", `/deployments/${name}/refreshes`, {})).body;
	expect((await call("DELETE", `/deployments/${name}`)).status).toBe(204);
	expect((await call("GET", `/deployments/${name}/refresh`)).status).toBe(404);
	expect((await call("GET", `/refreshes/${id}`)).body.state).toBe("CANCELLED");
	expect((await api.app.queue.schedules()).map((one) => one.id)).not.toContain(name);
	expect((await call("DELETE", "/feeds/elsewhere")).status).toBe(204);
});

test("deleting a deployment cancels its refresh in the same transaction: an api that dies right after it leaves none that would deploy", async () => {
	const { name } = await served(1);
	expect((await call("PUT", `/deployments/${name}/refresh`, { ...RULE, minNew: 0 })).status).toBe(200);
	const { id } = (await call("POST", `/deployments/${name}/refreshes`, {})).body;
	const { refresh } = api.app.deployments;
	api.app.deployments.refresh = () => Promise.reject(new Error("died"));
	expect((await call("DELETE", `/deployments/${name}`)).status).toBe(500);
	api.app.deployments.refresh = refresh;
	expect((await call("GET", `/refreshes/${id}`)).body.state).toBe("CANCELLED");
});

test("a rollback serves the newest earlier checkpoint, or the one that is named, and the history says who and why", async () => {
	const { name, checkpoints } = await served(3);
	const [first, second, third] = checkpoints as [string, string, string];
	const back = (body: object) => call("POST", `/deployments/${name}/rollback`, body);
	const warmed = api.recommender.requests.warm.length;
	const reply = await back({ reason: "clicks fell" });
	expect(reply).toMatchObject({ status: 200, body: { name, checkpoint: { id: second } } });
	expect(api.recommender.requests.warm).toHaveLength(warmed + 1);
	expect(reply.body.history[0]).toMatchObject({
		checkpointId: second,
		by: "key 2",
		cause: "rollback",
		reason: "clicks fell",
		refreshId: null,
		numbers: null,
		until: null,
	});
	expect(reply.body.history[1]).toMatchObject({ checkpointId: third, cause: "deploy", by: "key 2", reason: null });
	// What a refresh had made says so, whoever brings it back.
	const refreshId = randomUUID();
	await api.app.prisma.job.create({ data: { id: refreshId, kind: "refresh", state: "SUCCEEDED" } });
	const made = { deploymentName: name, spec: {}, recipe: "r", trigger: "schedule", newInteractions: 1n };
	await api.app.prisma.refresh.create({ data: { id: refreshId, ...made } });
	const where = { deploymentName: name, checkpointId: first };
	await api.app.prisma.deploymentHistory.updateMany({ where, data: { cause: "refresh", refreshId } });
	const again = (await back({ to: first })).body;
	expect([again.checkpoint.id, again.history[0].cause, again.history[0].refreshId]).toEqual([
		first,
		"rollback",
		refreshId,
	]);
	expect(await back({ to: first })).toMatchObject({ status: 409, body: { errors: [{ pointer: "/to" }] } });
	const strange = await api.checkpoint((await api.experiment(["SUCCEEDED"])).runs[0] as string);
	expect(await back({ to: strange })).toMatchObject({ status: 404, body: { errors: [{ pointer: "/to" }] } });
	expect(await back({ to: "x" })).toMatchObject({ status: 400, body: { errors: [{ pointer: "/to" }] } });
	expect(await back({ reason: "" })).toMatchObject({ status: 400, body: { errors: [{ pointer: "/reason" }] } });
	api.recommender.refuse = refusal("FAILED_PRECONDITION", "checkpoint_corrupt", "damaged");
	expect(await back({})).toMatchObject({ status: 409, body: { code: "checkpoint_corrupt" } });
	api.recommender.refuse = null;
	expect((await call("GET", `/deployments/${name}`)).body.checkpoint.id).toBe(first);
	// What is deleted cannot be gone back to.
	await api.app.prisma.checkpoint.deleteMany({ where: { id: { in: [second, third] } } });
	expect(await back({})).toMatchObject({ status: 409, body: { code: "conflict" } });
	expect(await call("POST", "/deployments/nowhere/rollback", {})).toMatchObject({ status: 404 });
});

test("a deployment may say why", async () => {
	const { name, checkpoints } = await served(1);
	const body = { checkpoint: checkpoints[0], reason: "tried in the office" };
	const { history } = (await call("PUT", `/deployments/${name}`, body)).body;
	expect(history[0]).toMatchObject({ reason: "tried in the office", cause: "deploy", by: "key 2" });
});
