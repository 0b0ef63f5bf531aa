// A key may be used again: what is made under it anew is never taken for what was forgotten.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { ARTIFACT_LOCK } from "../../../services/api/src/artifacts/artifact-lock.js";
import { startApi, type TestApi } from "../../support/api.js";
import { refusal } from "../../support/grpc-server.js";

let api: TestApi;
beforeAll(async () => {
	api = await startApi();
});
afterAll(() => api.close());

const noted = async () => (await api.app.prisma.artifactRemoval.findMany()).map(({ key }) => key);

test("what has been forgone is neither deleted nor noted again", async () => {
	const { removals, prisma } = api.app;
	await removals.note(prisma, ["datasets/a", "runs/a"]);
	await removals.forgo("datasets/a");
	await removals.carryOut(["datasets/a", "runs/a"]);
	expect(api.trainer.deleted).toEqual(["runs/a"]);
	expect(await noted()).toEqual([]);
});

test("who forgoes a key waits for its removal under way; another removal leaves it alone", async () => {
	const { removals, prisma } = api.app;
	await removals.note(prisma, ["datasets/b"]);
	let letGo = () => {};
	api.trainer.deletesWaitFor = new Promise((resolve) => {
		letGo = resolve;
	});
	let isForgone = false;
	try {
		const removal = removals.carryOut(["datasets/b"]);
		await sleep(300);
		const forgone = removals.forgo("datasets/b").then(() => {
			isForgone = true;
		});
		await removals.sweep();
		await sleep(300);
		expect(isForgone).toBe(false);
		letGo();
		await Promise.all([removal, forgone]);
		expect(api.trainer.deleted.filter((key) => key === "datasets/b")).toEqual(["datasets/b"]);
		expect(await noted()).toEqual([]);
	} finally {
		letGo();
		api.trainer.deletesWaitFor = null;
	}
});

test("what is discarded after a failure stays where its row was committed all the same", async () => {
	const { removals, prisma } = api.app;
	const [named, unnamed] = [`uploads/${randomUUID()}`, `uploads/${randomUUID()}`];
	const id = await api.dataset("QUEUED");
	await prisma.dataset.update({ where: { id }, data: { files: [{ role: "train", uploadKey: named }] } });
	await removals.discard([named, unnamed]);
	expect(api.trainer.deleted.filter((key) => [named, unnamed].includes(key))).toEqual([unnamed]);
	expect(await noted()).toEqual([]);
});

test("what no row ever named waits for the sweep, too, when the trainer is away", async () => {
	const { removals } = api.app;
	api.trainer.refuseDeletes = refusal("UNAVAILABLE", "unavailable", "it restarts");
	try {
		await removals.discard(["uploads/c"]);
		await expect(removals.sweep()).rejects.toThrow("it restarts");
	} finally {
		api.trainer.refuseDeletes = null;
	}
	expect(await noted()).toEqual(["uploads/c"]);
	await removals.sweep();
	expect(api.trainer.deleted).toContain("uploads/c");
});

test("keys that cannot be deleted keep their notes and hold nothing up", async () => {
	const { removals, prisma } = api.app;
	const stuck = Array.from({ length: 130 }, (_, n) => `runs/stuck-${n}`);
	await removals.note(prisma, stuck);
	await prisma.artifactRemoval.updateMany({ data: { createdAt: new Date(0) } }); // the oldest, and more than one call takes
	await removals.note(prisma, ["runs/h", "runs/i"]);
	for (const key of stuck) api.trainer.stuck.add(key);
	try {
		for (let sweeps = 0; sweeps < 2; sweeps++) await removals.sweep();
		expect((await noted()).sort()).toEqual([...stuck].sort());
		expect(api.trainer.deleted).toEqual(expect.arrayContaining(["runs/h", "runs/i"]));
	} finally {
		api.trainer.stuck.clear();
	}
	for (let sweeps = 0; sweeps < 2; sweeps++) await removals.sweep();
	expect(await noted()).toEqual([]);
});

test("one that is not deleted in time holds up neither those beside it nor, a sweep later, those behind it", async () => {
	const { removals, prisma, trainer } = api.app;
	const keys = Array.from({ length: 25 }, (_, n) => `runs/many-${String(n).padStart(2, "0")}`);
	await removals.note(prisma, keys);
	api.trainer.slow.add("runs/many-03");
	const asked = jest.spyOn(trainer, "deleteArtifacts");
	try {
		await expect(removals.sweep()).rejects.toThrow("too slow");
		await expect(removals.sweep()).rejects.toThrow("too slow");
		expect(await noted()).toEqual(["runs/many-03"]);
		for (const [some] of asked.mock.calls) expect(some.length).toBeLessThanOrEqual(10);
	} finally {
		api.trainer.slow.clear();
		asked.mockRestore();
	}
	await removals.sweep();
	expect(await noted()).toEqual([]);
});

test("while a backup copies artifacts nothing is deleted; the sweep after it does what was left", async () => {
	const { removals, prisma, config } = api.app;
	const backup = new pg.Client({ connectionString: config.databaseUrl });
	await backup.connect();
	try {
		await backup.query("SELECT pg_advisory_lock($1)", [ARTIFACT_LOCK]);
		await removals.discard(["runs/d"]);
		await removals.note(prisma, ["runs/e"]);
		await removals.carryOut(["runs/e"]);
		await removals.sweep();
		expect(await noted()).toEqual(["runs/d", "runs/e"]);
		expect(api.trainer.deleted).not.toContain("runs/d");
	} finally {
		await backup.end(); // as a backup that is killed frees it
	}
	await removals.sweep();
	expect(await noted()).toEqual([]);
	expect(api.trainer.deleted).toEqual(expect.arrayContaining(["runs/d", "runs/e"]));
});

test("a backup that asks for the artifacts waits for a delete under way", async () => {
	const { removals, prisma, config } = api.app;
	const backup = new pg.Client({ connectionString: config.databaseUrl });
	await backup.connect();
	await removals.note(prisma, ["datasets/f"]);
	let letGo = () => {};
	api.trainer.deletesWaitFor = new Promise((resolve) => {
		letGo = resolve;
	});
	let isHeld = false;
	try {
		const removal = removals.carryOut(["datasets/f"]);
		await sleep(200);
		const held = backup.query("SELECT pg_advisory_lock($1)", [ARTIFACT_LOCK]).then(() => {
			isHeld = true;
		});
		await sleep(200);
		expect(isHeld).toBe(false);
		letGo();
		await Promise.all([removal, held]);
	} finally {
		letGo();
		api.trainer.deletesWaitFor = null;
		await backup.end();
	}
});

test("everything below a folder is forgone at once, and nothing beside it", async () => {
	const { removals, prisma } = api.app;
	await removals.note(prisma, ["runs/g/epoch-00001", "runs/g/epoch-00002", "runs/gg/epoch-00001"]);
	await prisma.$transaction((tx) => removals.forgoWithin(tx, "runs/g"));
	expect(await noted()).toEqual(["runs/gg/epoch-00001"]);
});
