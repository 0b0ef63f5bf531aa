// What a transaction has forgotten is deleted by the worker, whoever forgot it.
import { randomUUID } from "node:crypto";
import { removeStaleUploads } from "../../../services/api/src/artifacts/stale-uploads.js";
import { until } from "../../support/processes.js";
import { startWorker, type TestWorker } from "../../support/worker.js";

let worker: TestWorker;
beforeAll(async () => {
	worker = await startWorker();
});
afterAll(() => worker?.close());

test("failed and cancelled imports live for a day from their end; what was imported once, or is asked for again, stays", async () => {
	const { prisma, app } = worker;
	const kept = app.config.timings.failedImportKept;
	const ended = async (state: "FAILED" | "CANCELLED" | "SUCCEEDED" | "QUEUED", age: number, artifactKey?: string) => {
		const id = randomUUID();
		const finishedAt = state === "QUEUED" ? null : new Date(Date.now() - age);
		// Far in the past: uploads may wait for a worker for longer than a day.
		const queuedAt = new Date(Date.now() - 10 * kept);
		await prisma.job.create({ data: { id, kind: "import", state, finishedAt, queuedAt } });
		const files = [{ role: "train", uploadKey: `uploads/${id}`, displayName: "a.csv", sha256: "0", bytes: 3 }];
		await prisma.dataset.create({ data: { id, name: state, digest: id, rule: {}, files, artifactKey } });
		return id;
	};
	expect(kept).toBe(24 * 3_600_000);
	const gone = [await ended("FAILED", kept + 60_000), await ended("CANCELLED", kept + 60_000)];
	const stay = [
		await ended("FAILED", kept - 60_000),
		await ended("CANCELLED", kept - 60_000),
		await ended("FAILED", kept + 60_000, "datasets/once"),
		await ended("SUCCEEDED", kept + 60_000, "datasets/fine"),
	];
	const waiting = await ended("QUEUED", 0);
	await until("they are gone", async () => (await prisma.job.count({ where: { id: { in: gone } } })) === 0, 30);
	await until("nothing is left to delete", async () => (await prisma.artifactRemoval.count()) === 0, 30);
	for (const id of gone)
		expect(worker.trainer.deleted).toEqual(expect.arrayContaining([`uploads/${id}`, `datasets/${id}`]));
	expect(await prisma.dataset.count({ where: { id: { in: [...stay, waiting] } } })).toBe(5);
	for (const id of [...stay, waiting]) expect(worker.trainer.deleted).not.toContain(`uploads/${id}`);
});

test("noted artifacts are deleted, then struck off", async () => {
	await worker.app.removals.note(worker.prisma, ["runs/a", "runs/b"]);
	await until("nothing is left", async () => (await worker.prisma.artifactRemoval.count()) === 0, 30);
	expect(worker.trainer.deleted).toEqual(expect.arrayContaining(["runs/a", "runs/b"]));
});

test("uploads that no row names go after a day, with nothing else", async () => {
	const { app, prisma, trainer } = worker;
	await until("the disk is looked at", () => trainer.listings > 0, 30);
	const hour = 3_600_000;
	const staged = (ago: number, key = `uploads/${randomUUID()}`, shape = "upload") => {
		trainer.artifacts.push({ key, shape, bytes: 1, changedMs: Date.now() - ago });
		return key;
	};
	const gone = [staged(25 * hour), staged(1_000 * hour)];
	staged(23 * hour);
	staged(1_000 * hour, `datasets/${"0".repeat(64)}`, "dataset");
	staged(1_000 * hour, "uploads/.tmp-x", "temporary");
	const named = staged(1_000 * hour);
	const id = randomUUID();
	const files = [{ role: "train", uploadKey: named, displayName: "a.csv", sha256: "0", bytes: 3 }];
	await prisma.job.create({ data: { id, kind: "import", state: "SUCCEEDED" } });
	await prisma.dataset.create({ data: { id, name: "d", digest: id, rule: {}, files, artifactKey: `datasets/${id}` } });
	trainer.deleted.length = 0;
	await removeStaleUploads(app);
	expect(trainer.deleted.sort()).toEqual(gone.sort());
	expect(await prisma.artifactRemoval.count()).toBe(0);
});
