// An export as the worker leaves it.
import { recordErasure } from "../../../services/api/src/feeds/erasures.js";
import type { ExportRequest, ExportResponse } from "../../../services/api/src/generated/proto/trainer/v1/trainer.js";
import { CRASH_BUDGET } from "../../../services/api/src/plugins/jobs.js";
import { until } from "../../support/processes.js";
import { epoch, finished, forEver, refusal, type Scripts, started } from "../../support/scripted-trainer.js";
import { startWorker, type TestWorker } from "../../support/worker.js";

let worker: TestWorker;
let checkpoint: { id: string; runId: string; epoch: number; key: string; sha256: string };
beforeAll(async () => {
	worker = await startWorker();
	worker.trainer.scripts.train = (request) => [started(), epoch(request, 1), finished(request, 1)];
	const runId = await worker.submitRun();
	await worker.ends(runId);
	checkpoint = await worker.prisma.checkpoint.findFirstOrThrow({ where: { runId } });
});
afterAll(() => worker?.close());

const USERS = ["b", "a"];
async function submit(script: Scripts["export"]): Promise<string> {
	worker.trainer.scripts.export = script;
	const { id: checkpointId, runId, epoch } = checkpoint;
	const asked = { n: 7, format: "csv", explain: true, users: USERS, usersAsked: 2, hidden: ["item 1"] };
	return worker.submit("export", (tx, id) =>
		tx.export.create({ data: { id, deploymentName: "default", runId, checkpointId, epoch, ...asked } }),
	);
}
const see = (id: string) => worker.prisma.export.findUniqueOrThrow({ where: { id } });
async function exported(script: Scripts["export"]) {
	const id = await submit(script);
	const job = await worker.ends(id);
	return { id, job, row: await see(id) };
}
const step = (usersDone: number): ExportResponse => ({
	event: { $case: "progress", value: { usersDone, usersTotal: 9_000 } },
});
const done = (key: string): ExportResponse => ({
	event: {
		$case: "finished",
		value: { key, bytes: 5_000_000_000, sha256: "e".repeat(64), rows: 3_000_000_000, users: 2, unknownUsers: 1 },
	},
});
const crash = refusal("UNAVAILABLE", "trainer_crashed", "the process ended with SIGKILL");
const isDeleted = (id: string) =>
	until("what it left is deleted", () => worker.trainer.deleted.includes(`exports/${id}`), 30);

test("what was asked goes to the trainer, what it made into the row", async () => {
	let asked: unknown;
	const { id, job, row } = await exported((request) => {
		asked = request;
		return [step(1), done(`exports/${request.exportId}`)];
	});
	expect(asked).toEqual({
		exportId: id,
		lease: 1,
		erased: [],
		checkpoint: { key: checkpoint.key, sha256: checkpoint.sha256 },
		n: 7,
		format: "csv",
		explain: true,
		users: USERS,
		hidden: ["item 1"],
		device: "auto",
	});
	expect(job).toMatchObject({ state: "SUCCEEDED", crashes: 0 });
	expect(row).toMatchObject({
		artifactKey: `exports/${id}`,
		bytes: 5_000_000_000n,
		rows: 3_000_000_000n,
		sha256: "e".repeat(64),
		unknownUsers: 1,
		usersDone: 2,
		usersTotal: 2,
	});
	expect(worker.trainer.deleted).not.toContain(`exports/${id}`);
});

test.each([
	["ended well", (key: string) => [done(key)]],
	["failed", () => [refusal("FAILED_PRECONDITION", "checkpoint_corrupt", "the file is not what it was")]],
] as const)("once it has %s, whom it was asked for stands nowhere; how many they were does", async (_, answer) => {
	const { id } = await exported((request) => answer(`exports/${request.exportId}`));
	await until("the ids are gone", async () => JSON.stringify((await see(id)).users) === "[]", 30);
	expect((await see(id)).usersAsked).toBe(2);
});

test("who was erased from a feed with which a deployment serves the dataset is told, whatever is exported", async () => {
	const { prisma } = worker;
	const { id: feedId } = await prisma.feed.create({ data: { name: "shop" } });
	await prisma.$transaction((tx) => recordErasure(tx, feedId, "a"));
	const erased = async () => {
		let asked: ExportRequest | undefined;
		await exported((request) => {
			asked = request;
			return [done(`exports/${request.exportId}`)];
		});
		return asked?.erased.map(({ digests }) => digests.length);
	};
	expect(await erased()).toEqual([]);
	await prisma.deployment.create({ data: { name: "other", checkpointId: checkpoint.id, feedId } });
	expect(await erased()).toEqual([1]);
	await prisma.deployment.delete({ where: { name: "other" } });
});

test("progress is seen while it goes on, and never goes back", async () => {
	const seen: number[] = [];
	const { row } = await exported(async function* ({ exportId, lease }) {
		for (const users of lease === 1 ? [4_000, 8_000] : [0, 4_000, 8_500]) {
			yield step(users);
			await until("it is told", async () => (await see(exportId)).usersDone >= users, 30);
			seen.push((await see(exportId)).usersDone);
		}
		yield lease === 1 ? crash : done(`exports/${exportId}`);
	});
	expect(seen).toEqual([4_000, 8_000, 8_000, 8_000, 8_500]);
	expect(row.usersTotal).toBe(2);
});

test("crashes count as long as nobody gets further than ever before", async () => {
	const further = await exported(({ exportId, lease }) =>
		lease <= 2 * CRASH_BUDGET ? [step(lease), crash] : [done(`exports/${exportId}`)],
	);
	expect(further.job).toMatchObject({ state: "SUCCEEDED", crashes: 2 * CRASH_BUDGET });
	const stuck = await exported(() => [step(5), crash]);
	expect(stuck.job).toMatchObject({ state: "FAILED", errorCode: "trainer_crashed", crashes: CRASH_BUDGET });
	await isDeleted(stuck.id);
	expect((await see(stuck.id)).artifactKey).toBeNull();
}, 30_000);

test("a full disk fails it, and what it had written goes", async () => {
	const { id, job } = await exported(() => [refusal("RESOURCE_EXHAUSTED", "storage_full", "the disk is full")]);
	expect(job).toMatchObject({ state: "FAILED", errorCode: "storage_full" });
	await isDeleted(id);
});

test("a cancel reaches the trainer, and what was written goes", async () => {
	let isCancelled = false;
	const id = await submit(async function* (_request, cancelled) {
		yield step(1);
		await forEver(cancelled);
		isCancelled = true;
	});
	await until("it runs", async () => (await see(id)).usersDone === 1, 30);
	await worker.app.jobs.requestCancel(id);
	expect(await worker.ends(id)).toMatchObject({ state: "CANCELLED" });
	await until("the trainer heard of it", () => isCancelled, 30);
	await isDeleted(id);
});

test("what is left of one that ended without a worker is swept", async () => {
	const id = await submit(() => [done("exports/none")]);
	await worker.ends(id);
	const waiting = { state: "CANCELLED", finishedAt: new Date() } as const;
	await worker.prisma.job.update({ where: { id }, data: waiting });
	await isDeleted(id);
	await until("nothing is noted any more", async () => (await worker.prisma.artifactRemoval.count()) === 0, 30);
	expect((await see(id)).artifactKey).toBeNull();
});

test("a checkpoint that is gone fails the export, not the run", async () => {
	const { job, row } = await exported(() => [refusal("NOT_FOUND", "checkpoint_missing", "it is not there")]);
	expect(job).toMatchObject({ state: "FAILED", errorCode: "checkpoint_missing" });
	expect(row.rows).toBeNull();
	expect((await worker.see(checkpoint.runId)).state).toBe("SUCCEEDED");
});

test("while the one slot is taken it waits, and its lease rises", async () => {
	const leases: number[] = [];
	const { job } = await exported(({ exportId, lease }) => {
		leases.push(lease);
		return lease < 3 ? [refusal("UNAVAILABLE", "no_free_slot", "every slot is taken")] : [done(`exports/${exportId}`)];
	});
	expect(job).toMatchObject({ state: "SUCCEEDED", crashes: 0, lease: 3 });
	expect(leases).toEqual([1, 2, 3]);
});
