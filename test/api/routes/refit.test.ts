// A refit is a run beside the one that vouches for it: nothing that compares runs knows of it.
import { randomUUID } from "node:crypto";
import { startApi, type TestApi } from "../../support/api.js";

let api: TestApi;
beforeAll(async () => {
	api = await startApi();
});
afterAll(() => api.close());

const one = async (state: "SUCCEEDED" | "RUNNING" | "FAILED" = "SUCCEEDED") => {
	const { id, runs } = await api.experiment([state]);
	return { experiment: id, run: runs[0] as string };
};
const end = (id: string, state: "SUCCEEDED" | "FAILED" | "CANCELLED") =>
	api.app.prisma.job.update({ where: { id }, data: { state, finishedAt: new Date() } });
/** With a checkpoint, as its training leaves it. */
async function refitOf(run: string): Promise<string> {
	const { id } = (await api.call("POST", `/runs/${run}/refit`)).body;
	await end(id, "SUCCEEDED");
	await api.app.prisma.run.update({ where: { id }, data: { epoch: 1, bestEpoch: 1, bestSteps: 14 } });
	const key = `runs/${id}/epoch-00001`;
	const stored = { runId: id, epoch: 1, key, sha256: "b".repeat(64), bytes: 10, isBest: true, isLast: true };
	await api.app.prisma.checkpoint.create({ data: stored });
	return id;
}

test("POST /runs/:id/refit makes a run with the same configuration and seed, and each names the other", async () => {
	const { experiment, run } = await one();
	await api.app.prisma.run.update({ where: { id: run }, data: { bestSteps: 5_000_000_000n } });
	const { status, headers, body } = await api.call("POST", `/runs/${run}/refit`);
	expect(status).toBe(202);
	expect(headers.location).toBe(`/runs/${body.id}`);
	const vouching = (await api.call("GET", `/runs/${run}`)).body;
	const { model, seed, config, configHash, dataset } = vouching;
	expect(body).toMatchObject({ model, seed, config, configHash, dataset, experimentId: experiment, state: "QUEUED" });
	expect(body).toMatchObject({ vouchedBy: run, refit: null, metrics: {}, bestEpoch: null, chosenBy: null });
	expect(vouching).toMatchObject({
		vouchedBy: null,
		refit: { id: body.id, state: "QUEUED" },
		bestSteps: 5_000_000_000,
		chosenBy: "validation",
	});
	expect(await api.app.queue.knows({ kind: "run", id: body.id, lease: 0 })).toBe(true);
});

test("asked again, also at the same time, it is the same refit; one that failed or was cancelled is made anew", async () => {
	const { run } = await one();
	const ask = () => api.call("POST", `/runs/${run}/refit`);
	const answers = await Promise.all([ask(), ask(), ask()]);
	expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 202]);
	const first = answers[0]?.body.id;
	expect(new Set(answers.map(({ body }) => body.id))).toEqual(new Set([first]));
	await end(first, "FAILED");
	const second = await ask();
	expect([second.status, second.body.id === first]).toEqual([202, false]);
	await end(second.body.id, "CANCELLED");
	const third = await ask();
	await end(third.body.id, "SUCCEEDED");
	expect(await ask()).toMatchObject({ status: 200, body: { id: third.body.id, state: "SUCCEEDED" } });
	expect((await api.call("GET", `/runs/${run}`)).body.refit).toEqual({ id: third.body.id, state: "SUCCEEDED" });
});

test("what cannot be refit is refused in words", async () => {
	const refused = async (id: string) => {
		const { status, body } = await api.call("POST", `/runs/${id}/refit`);
		return [status, body.code, body.detail];
	};
	expect(await refused(randomUUID())).toEqual([404, "not_found", expect.any(String)]);
	expect((await api.call("POST", "/runs/nonsense/refit")).status).toBe(400);
	expect(await refused((await one("RUNNING")).run)).toEqual([409, "conflict", expect.stringContaining("is RUNNING")]);
	expect(await refused((await one("FAILED")).run)).toEqual([409, "conflict", expect.stringContaining("is FAILED")]);
	const { run } = await one();
	expect(await refused(await refitOf(run))).toEqual([409, "conflict", expect.stringContaining("a refit itself")]);
	const without = await one();
	await api.app.prisma.run.update({ where: { id: without.run }, data: { bestEpoch: null } });
	expect(await refused(without.run)).toEqual([409, "conflict", expect.stringContaining("no best epoch")]);
	const whole = await one();
	await api.app.prisma.dataset.updateMany({
		where: { runs: { some: { id: whole.run } } },
		data: { statistics: { train: 5, valid: 0, test: 0 } },
	});
	expect(await refused(whole.run)).toEqual([409, "conflict", expect.stringContaining("nothing to add")]);
});

test("it is in no table, mean, best, count or state of its experiment, but in its refits", async () => {
	const { id, runs } = await api.experiment(["SUCCEEDED", "SUCCEEDED"]);
	const before = (await api.call("GET", `/experiments/${id}`)).body;
	const refit = await refitOf(runs[1] as string);
	await api.app.prisma.run.update({ where: { id: refit }, data: { bestValue: 0.9 } }); // whatever it holds
	const open = (await api.call("POST", `/runs/${runs[0]}/refit`)).body.id;
	const after = (await api.call("GET", `/experiments/${id}`)).body;
	const known = (view: typeof before) => view.runs.map(({ refit: _refit, ...run }: { refit: unknown }) => run);
	expect({ ...after, runs: known(after), refits: [] }).toEqual({ ...before, runs: known(before) });
	expect(after.refits).toMatchObject([
		{ id: refit, vouchedBy: runs[1], state: "SUCCEEDED", chosenBy: "steps", bestSteps: 14 },
		{ id: open, vouchedBy: runs[0], state: "QUEUED" },
	]);
	const listed = (await api.call("GET", "/experiments?state=SUCCEEDED&limit=200")).body.items;
	expect(listed.map((one: { id: string }) => one.id)).toContain(id);
	const groups = after.groups as { seeds: number[] }[];
	expect(groups.map(({ seeds }) => seeds)).toEqual([[1, 2]]);
});

test("no keep rule touches its checkpoint, and none counts it", async () => {
	const { id, runs } = await api.experiment(["SUCCEEDED", "SUCCEEDED"]);
	const refit = await refitOf(runs[1] as string);
	const { body } = await api.call("PUT", `/experiments/${id}/keep`, { checkpoints: "best", runs: 1 });
	expect(body.removed.checkpoints).toBe(1); // of the worse run
	const left = await api.app.prisma.checkpoint.findMany({ where: { run: { experimentId: id } } });
	expect(left.map(({ runId }) => runId).sort()).toEqual([runs[1], refit].sort());
});

test("it is never measured, and says who is", async () => {
	const { run } = await one();
	const refit = await refitOf(run);
	const { status, body } = await api.call("POST", `/runs/${refit}/evaluations`, { split: "test" });
	expect([status, body.code]).toEqual([409, "conflict"]);
	expect(body.detail).toContain(run);
});

test("deploying says what the checkpoint leaves out, and whether it is a refit", async () => {
	const { run } = await one();
	const refit = await refitOf(run);
	const deploy = (id: string) => api.call("PUT", "/deployments/refitted", { checkpoint: id });
	const split = await deploy(await api.checkpoint(run));
	expect(split.body).toMatchObject({ leavesOut: { interactions: 9, items: 2 }, checkpoint: { vouchedBy: null } });
	api.recommender.leftOut = { interactions: 0, items: 0 };
	const whole = await deploy(await api.checkpoint(refit));
	expect(whole.body).toMatchObject({ leavesOut: { interactions: 0, items: 0 }, checkpoint: { vouchedBy: run } });
	await api.app.prisma.$executeRaw`UPDATE deployments SET leaves_out = NULL WHERE name = 'refitted'`;
	expect((await api.call("GET", "/deployments/refitted")).body.leavesOut).toBeNull();
	// Both are of one dataset, and count differently: each has its own catalogue.
	expect(api.recommender.requests.catalogue.map(({ checkpoint }) => checkpoint?.key)).toEqual([
		`runs/${run}/epoch-00002`,
		`runs/${refit}/epoch-00001`,
	]);
});

test("deleting the experiment takes it along; open or served, it holds it back", async () => {
	const { experiment, run } = await one();
	const { id } = (await api.call("POST", `/runs/${run}/refit`)).body;
	expect(await api.call("DELETE", `/experiments/${experiment}`)).toMatchObject({ status: 409 });
	expect((await api.call("POST", `/experiments/${experiment}/cancel`)).status).toBe(202);
	expect((await api.call("GET", `/runs/${id}`)).body.state).toBe("CANCELLED");
	const second = await refitOf(run);
	await api.call("PUT", "/deployments/held", { checkpoint: await api.checkpoint(second) });
	expect(await api.call("DELETE", `/experiments/${experiment}`)).toMatchObject({ status: 409 });
	await api.call("DELETE", "/deployments/held");
	expect((await api.call("DELETE", `/experiments/${experiment}`)).status).toBe(204);
	expect((await api.call("GET", `/runs/${second}`)).status).toBe(404);
	expect(api.trainer.deleted).toContain(`runs/${second}`);
});

test("refit: true of an experiment is kept, and refused where it could not be done", async () => {
	const dataset = await api.dataset();
	const launch = (refit: unknown, more: object = {}) =>
		api.call("POST", "/experiments", { dataset, models: [{ model: "valid" }], ...more, refit });
	expect((await launch(true)).body).toMatchObject({ refit: true, refits: [] });
	expect((await api.call("POST", "/experiments", { dataset, models: [{ model: "valid" }] })).body.refit).toBe(false);
	for (const wrong of ["yes", 1, null, {}]) {
		expect(await launch(wrong)).toMatchObject({ status: 400, body: { errors: [{ pointer: "/refit" }] } });
	}
	const holds = (statistics: object) => api.app.prisma.dataset.update({ where: { id: dataset }, data: { statistics } });
	await holds({ valid: 0, test: 3 });
	expect((await launch(true)).status).toBe(202); // one run is the best of one
	const several = await launch(true, { seeds: [1, 2] });
	expect(several).toMatchObject({ status: 400, body: { errors: [{ pointer: "/refit" }] } });
	await holds({ valid: 0, test: 0 });
	expect(await launch(true)).toMatchObject({ status: 400, body: { errors: [{ pointer: "/refit" }] } });
});

test("cancelling an experiment leaves nothing to refit by itself", async () => {
	const { id } = await api.experiment(["SUCCEEDED", "QUEUED"]);
	await api.app.prisma.experiment.update({ where: { id }, data: { refit: true } });
	expect((await api.call("POST", `/experiments/${id}/cancel`)).body).toMatchObject({ refit: false, refits: [] });
});

test("cancelling one whose runs have all ended takes back the refit that nobody has begun", async () => {
	const { id } = await api.experiment(["SUCCEEDED"]);
	await api.app.prisma.run.updateMany({ where: { experimentId: id }, data: { bestEpoch: 1, bestValue: 0.5 } });
	expect((await api.call("POST", `/experiments/${id}/cancel`)).status).toBe(409);
	await api.app.prisma.experiment.update({ where: { id }, data: { refit: true } });
	const cancelled = await api.call("POST", `/experiments/${id}/cancel`);
	expect(cancelled).toMatchObject({ status: 202, body: { refit: false, refits: [] } });
	expect((await api.call("POST", `/experiments/${id}/cancel`)).status).toBe(409);
});
