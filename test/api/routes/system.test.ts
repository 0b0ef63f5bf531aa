// What the disk holds, what of it nobody names, and that nothing else is ever deleted.
import { randomUUID } from "node:crypto";
import { startApi, type TestApi } from "../../support/api.js";
import { refusal } from "../../support/grpc-server.js";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let api: TestApi;
beforeAll(async () => {
	api = await startApi();
});
afterAll(() => api.close());

beforeEach(async () => {
	api.trainer.artifacts = [];
	api.trainer.onListed = async () => undefined;
	await api.app.prisma.artifactRemoval.deleteMany();
});

/** Puts something on the disk, changed so long ago. */
function lies(key: string, bytes: number, { shape, ago = 2 * DAY_MS }: { shape?: string; ago?: number } = {}) {
	const usual = { datasets: "dataset", runs: "checkpoint", values: "values", uploads: "upload", exports: "export" }[
		key.split("/")[0] as string
	];
	api.trainer.artifacts.push({ key, bytes, changedMs: Date.now() - ago, shape: shape ?? usual ?? "unknown" });
	return key;
}
const measured = async (query = "") => (await api.call("GET", `/system/disk?again=true${query}`)).body;
const orphans = async () => ((await measured()).orphanFiles as { key: string }[]).map(({ key }) => key).sort();
const removeOrphans = async () => (await api.call("DELETE", "/system/orphans")).body;
const left = () => api.trainer.artifacts.map(({ key }) => key).sort();
const digest = () => randomUUID().replaceAll("-", "").repeat(2);

/** A dataset whose files are on disk under its digest. */
async function importing(state: "QUEUED" | "RUNNING" | "FAILED" | "SUCCEEDED", uploadKey = `uploads/${randomUUID()}`) {
	const id = await api.dataset(state);
	const { digest } = await api.app.prisma.dataset.findUniqueOrThrow({ where: { id } });
	const files = [{ role: "train", uploadKey, displayName: "a.csv", sha256: "0", bytes: 3 }];
	const artifactKey = state === "SUCCEEDED" ? `datasets/${digest}` : null;
	await api.app.prisma.dataset.update({ where: { id }, data: { files, artifactKey } });
	return { id, key: `datasets/${digest}`, uploadKey };
}

test("totals, the largest first with their names, and what nobody names", async () => {
	const small = await importing("SUCCEEDED");
	const large = await importing("SUCCEEDED");
	lies(small.key, 10);
	lies(large.key, 30);
	const first = await api.experiment(["SUCCEEDED", "FAILED"], { dataset: large.id });
	const second = await api.experiment(["SUCCEEDED"], { dataset: large.id });
	for (const [index, run] of [...first.runs, ...second.runs].entries()) lies(`runs/${run}/epoch-00002`, 100 + index);
	lies(small.uploadKey, 7);
	const young = lies(`uploads/${randomUUID()}`, 8, { ago: 23 * HOUR_MS });
	const orphan = lies(`runs/${randomUUID()}/epoch-00001`, 1_000);
	const waiting = lies(`runs/${randomUUID()}/epoch-00001`, 2_000);
	await api.app.removals.note(api.app.prisma, [waiting.split("/", 2).join("/")]);
	const half = ["runs/.tmp-x", `runs/${randomUUID()}/.tmp-epoch-00001`, "uploads/.tmp-x"];
	lies("datasets/.tmp-x", 3, { shape: "temporary", ago: 0 });
	for (const key of half) lies(key, 0, { shape: "temporary" });
	lies("runs/not a run", 0, { shape: "unknown" });
	lies("lost+found", 4, { shape: "unknown" });
	lies("from a later trainer", 5, { shape: "never heard of" });

	const body = await measured();
	expect(body).toMatchObject({
		datasets: 40,
		runs: 303,
		uploads: 15,
		orphans: 1_000,
		removals: 2_000,
		temporary: 3,
		unknown: 9,
		free: 1_000,
		total: 5_000,
		counts: { datasets: 2, experiments: 2, runs: 3, orphans: 1, temporary: 4, unknown: 3 },
	});
	expect(body.database).toBeGreaterThan(1_000_000);
	expect(Date.now() - Date.parse(body.measuredAt)).toBeLessThan(60_000);
	const names = (ids: string[]) => ids.map((id) => `dataset ${id.slice(0, 4)}`);
	expect(body.byDataset).toEqual([
		{ id: large.id, name: names([large.id])[0], bytes: 30 },
		{ id: small.id, name: names([small.id])[0], bytes: 17 }, // with its upload
	]);
	expect(body.byExperiment).toMatchObject([
		{ id: first.id, name: "an experiment", dataset: { id: large.id }, runs: 2, bytes: 201 },
		{ id: second.id, runs: 1, bytes: 102 },
	]);
	expect(body.byRun.map((run: { id: string }) => run.id)).toEqual([...second.runs, ...first.runs.toReversed()]);
	expect(body.byRun[0]).toMatchObject({ experiment: { id: second.id }, model: "valid", seed: 1, bytes: 102 });
	expect(body.orphanFiles).toMatchObject([{ key: orphan, bytes: 1_000 }]);
	expect(body.unknownFiles).toMatchObject([
		{ key: "from a later trainer" },
		{ key: "lost+found" },
		{ key: "runs/not a run" },
	]);

	const some = await measured("&limit=1");
	expect([some.byDataset.length, some.byRun.length, some.unknownFiles.length, some.counts]).toEqual([
		1,
		1,
		1,
		body.counts,
	]);
	const one = await measured(`&experiment=${first.id}`);
	expect([one.byExperiment.length, one.byRun.length, one.counts.experiments]).toEqual([1, 2, 1]);

	const { version, disk } = (await api.call("GET", "/system")).body;
	expect(version).toBe("0.1.0");
	expect(disk).toEqual(Object.fromEntries(Object.keys(disk).map((name) => [name, one[name]])));

	expect(await removeOrphans()).toEqual({ keys: 1, bytes: 1_000 });
	expect(left()).not.toContain(orphan);
	expect(left()).toEqual(
		expect.arrayContaining([young, "lost+found", "from a later trainer", "datasets/.tmp-x", ...half]),
	);
	expect(left()).toHaveLength(15);
	expect((await api.call("GET", "/system/disk")).body.orphans).toBe(0); // what was known is not told any more
});

test("exports count as long as their rows speak of a file, and while they are made", async () => {
	const { runs } = await api.experiment(["SUCCEEDED"]);
	const checkpoint = await api.checkpoint(runs[0] as string);
	await api.call("PUT", "/deployments/exporting", { checkpoint });
	const exported = async (state: "QUEUED" | "RUNNING" | "SUCCEEDED" | "CANCELLED", isThere: boolean, bytes: number) => {
		const { id } = (await api.call("POST", "/deployments/exporting/exports", { format: "csv" })).body;
		await api.app.prisma.job.update({ where: { id }, data: { state } });
		const artifactKey = isThere ? `exports/${id}` : null;
		await api.app.prisma.export.update({ where: { id }, data: { artifactKey } });
		return lies(`exports/${id}`, bytes);
	};
	const owned = [
		await exported("SUCCEEDED", true, 1),
		await exported("RUNNING", true, 2),
		await exported("QUEUED", false, 4),
		lies(`exports/${randomUUID()}`, 8, { ago: HOUR_MS - 5_000 }), // its row is committed any moment
	];
	const forgotten = [await exported("SUCCEEDED", false, 16), lies(`exports/${randomUUID()}`, 32)];
	expect(await measured()).toMatchObject({ exports: 15, orphans: 48, counts: { orphans: 2 } });
	expect(await orphans()).toEqual(forgotten.sort());
	expect(await removeOrphans()).toEqual({ keys: 2, bytes: 48 });
	expect(left()).toEqual(owned.sort());
});

test("values of users are of their run, also those of its evaluations, while rows name them and while they are made", async () => {
	const { id, runs } = await api.experiment(["SUCCEEDED", "RUNNING", "SUCCEEDED"]);
	const [run, open, bare] = runs as [string, string, string];
	const { body } = await api.call("POST", `/runs/${run}/evaluations`, {});
	for (const [owner, bytes] of [run, open, body.id, bare].map((owner, place) => [owner, 2 ** place] as const))
		lies(`values/${owner}`, bytes);
	await api.app.prisma.run.update({ where: { id: run }, data: { valuesKey: `values/${run}` } });
	const lost = [lies(`values/${randomUUID()}`, 16), `values/${bare}`];
	const found = await measured(`&experiment=${id}`);
	expect(found).toMatchObject({ runs: 7, orphans: 24, byExperiment: [{ bytes: 7 }] });
	expect(found.byRun.map(({ id, bytes }: never) => [id, bytes])).toEqual([
		[run, 5],
		[open, 2],
	]);
	expect(await orphans()).toEqual(lost.sort());
	await api.call("POST", `/evaluations/${body.id}/cancel`);
	expect(await orphans()).toEqual([...lost, `values/${body.id}`].sort());
});

test("what the checkpoints of a run have in common is the run's as long as it has one", async () => {
	const { runs } = await api.experiment(["SUCCEEDED", "SUCCEEDED", "RUNNING"]);
	const [kept, bare, open] = runs as [string, string, string];
	await api.app.prisma.checkpoint.deleteMany({ where: { runId: bare } });
	const common = (run: string, bytes: number) => lies(`runs/${run}/constant-${digest()}`, bytes, { shape: "constant" });
	const owned = [common(kept, 1), common(open, 2)];
	const lost = [common(bare, 4), common(randomUUID(), 8)];
	const found = await measured();
	expect(found).toMatchObject({ runs: 3, orphans: 12, unknown: 0 });
	expect(found.byRun).toMatchObject([
		{ id: open, bytes: 2 },
		{ id: kept, bytes: 1 },
	]);
	expect(await orphans()).toEqual(lost.sort());
	expect(await removeOrphans()).toEqual({ keys: 2, bytes: 12 });
	expect(left()).toEqual(owned.sort());
});

test("one walk serves all who ask, until somebody asks for a new one", async () => {
	await measured();
	const before = api.trainer.listings;
	await Promise.all([api.call("GET", "/system"), api.call("GET", "/system/disk"), api.call("GET", "/system/disk")]);
	expect(api.trainer.listings).toBe(before);
	await Promise.all([measured(), measured(), measured()]);
	expect(api.trainer.listings).toBe(before + 1);
});

test("what is being made, and what was made within the hour, is no orphan", async () => {
	const running = await importing("RUNNING");
	const queued = await importing("QUEUED");
	const failed = await importing("FAILED");
	const { runs } = await api.experiment(["RUNNING", "QUEUED", "SUCCEEDED", "CANCELLED"]);
	const [training, waiting, done, cancelled] = runs as [string, string, string, string];
	for (const key of [running.key, queued.key, running.uploadKey, failed.uploadKey]) lies(key, 1);
	for (const run of [training, waiting]) lies(`runs/${run}/epoch-00099`, 1); // written, its epoch is not committed yet
	lies(`runs/${done}/epoch-00002`, 1);
	lies(`runs/${done}`, 0, { shape: "run" });
	for (const key of [`datasets/${digest()}`, `runs/${randomUUID()}/epoch-00001`, `uploads/${randomUUID()}`]) {
		lies(key, 1, { ago: HOUR_MS - 5_000 });
		lies(key, 1, { ago: -HOUR_MS }); // of a clock that is ahead
	}
	expect(await orphans()).toEqual([]);
	const expected = [
		lies(`datasets/${digest()}`, 1, { ago: HOUR_MS + 5_000 }),
		lies(failed.key, 1),
		lies(`runs/${cancelled}/epoch-00099`, 1),
		lies(`runs/${done}/epoch-00001`, 1),
		lies(`runs/${randomUUID()}`, 0, { shape: "run" }),
		lies(`uploads/${randomUUID()}`, 1),
	].sort();
	expect(await orphans()).toEqual(expected);
	const before = left();
	expect(await removeOrphans()).toEqual({ keys: 6, bytes: 5 });
	expect(left()).toEqual(before.filter((key) => !expected.includes(key)));
	expect(await removeOrphans()).toEqual({ keys: 0, bytes: 0 });
});

test("what gets its row while the disk is listed is no orphan", async () => {
	const { runs } = await api.experiment(["SUCCEEDED"]);
	const late = lies(`runs/${runs[0]}/epoch-00077`, 1);
	const lost = lies(`runs/${runs[0]}/epoch-00078`, 1);
	api.trainer.onListed = async () => {
		const row = { runId: runs[0] as string, epoch: 77, key: late, sha256: "0", bytes: 1 };
		await api.app.prisma.checkpoint.create({ data: row });
	};
	expect(await removeOrphans()).toEqual({ keys: 1, bytes: 1 });
	expect(left()).toEqual([late]);
	expect(api.trainer.deleted).toContain(lost);
});

test("what gets its row between the listing and the deletion stays", async () => {
	const { runs } = await api.experiment(["SUCCEEDED"]);
	const checkpoint = lies(`runs/${runs[0]}/epoch-00055`, 1);
	const upload = lies(`uploads/${randomUUID()}`, 1);
	const lost = lies(`uploads/${randomUUID()}`, 2);
	const { claim } = api.app.removals;
	let dataset = { key: "" };
	// As it happens when the rows are committed after the measurement has read them.
	api.app.removals.claim = async (keys, ownersOf) => {
		expect(keys.length).toBe(3);
		const row = { runId: runs[0] as string, epoch: 55, key: checkpoint, sha256: "0", bytes: 1 };
		await api.app.prisma.checkpoint.create({ data: row });
		dataset = await importing("QUEUED", upload);
		return claim([...keys, lies(dataset.key, 4)], ownersOf);
	};
	try {
		expect(await removeOrphans()).toEqual({ keys: 1, bytes: 2 });
	} finally {
		api.app.removals.claim = claim;
	}
	expect(left()).toEqual([checkpoint, upload, dataset.key].sort());
	expect(api.trainer.deleted).toContain(lost);
	expect(await api.app.prisma.artifactRemoval.count()).toBe(0);
});

test("an import that begins while its dataset's key is claimed waits, and its dataset stays", async () => {
	const { removals, prisma } = api.app;
	const key = `datasets/${digest()}`;
	let forgone: Promise<void> | undefined;
	const claimed = await removals.claim([key], async () => {
		// Nobody owns it yet; before this commits, its import is queued, claimed and forgoes the key.
		forgone = removals.forgo(key);
		await Promise.race([forgone, new Promise((resolve) => setTimeout(resolve, 300))]);
		return new Set();
	});
	expect(claimed).toEqual([key]);
	await forgone;
	await removals.carryOut(claimed);
	expect(api.trainer.deleted).not.toContain(key);
	expect(await prisma.artifactRemoval.count()).toBe(0);
});

test("without its trainer it answers all the same, and orphans are told to come again", async () => {
	lies(`uploads/${randomUUID()}`, 1);
	expect(await orphans()).toHaveLength(1);
	api.trainer.refuseDeletes = refusal("UNAVAILABLE", "unavailable", "it restarts");
	try {
		// Noted: the sweep deletes it when the trainer is back.
		expect(await removeOrphans()).toEqual({ keys: 1, bytes: 1 });
		expect(await measured()).toMatchObject({ orphans: 0, removals: 1 });
	} finally {
		api.trainer.refuseDeletes = null;
	}
	await api.app.removals.sweep();
	expect(left()).toEqual([]);

	const alone = await startApi();
	try {
		await alone.trainer.close();
		const { status, body } = await alone.call("GET", "/system");
		expect([status, body]).toEqual([
			200,
			{
				version: null,
				queue: process.env.VALENCE_TEST_REDIS ? "redis" : "postgresql",
				authentication: false,
				key: null,
				device: null,
				torchVersion: null,
				recommenders: [{ address: alone.recommender.address, up: true }],
				disk: null,
			},
		]);
		for (const [method, path] of [
			["GET", "/system/disk"],
			["DELETE", "/system/orphans"],
		] as const) {
			const refused = await alone.call(method, path);
			expect([path, refused.status, refused.body.code]).toEqual([path, 503, "unavailable"]);
		}
	} finally {
		await alone.close();
	}
});

test("a walk that takes long holds nobody up who asks what runs here", async () => {
	const other = await startApi();
	try {
		let end = () => {};
		other.trainer.onListed = () => new Promise((resolve) => (end = resolve));
		const { body } = await other.call("GET", "/system");
		expect(body).toMatchObject({ version: "0.1.0", disk: null });
		end();
		await other.call("GET", "/system/disk");
		expect((await other.call("GET", "/system")).body.disk).toMatchObject({ orphans: 0, free: 1_000 });
	} finally {
		await other.close();
	}
});
