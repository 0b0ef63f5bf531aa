// The state machine of jobs against a real PostgreSQL: races, fences, budgets, the order of events.
import { randomUUID } from "node:crypto";
import type { FastifyInstance } from "fastify";
import Fastify from "fastify";
import { readConfig } from "../../../services/api/src/config.js";
import jobs, {
	appendEvent,
	type Claim,
	CRASH_BUDGET,
	guarded,
	isFinal,
	LeaseLost,
} from "../../../services/api/src/plugins/jobs.js";
import prisma from "../../../services/api/src/plugins/prisma.js";
import { createDatabase, type Database } from "../../support/database.js";

let database: Database;
let app: FastifyInstance;
beforeAll(async () => {
	database = await createDatabase();
	app = Fastify();
	app.decorate("config", readConfig({ DATABASE_URL: database.url }));
	await app.register(prisma);
	await app.register(jobs);
	await app.ready();
});
afterAll(async () => {
	await app?.close();
	await database?.drop();
});

const MACHINE = { name: "a machine", class: "cpu" };
const CRASH = { code: "trainer_crashed", message: "it died" };

async function queued(): Promise<string> {
	const id = randomUUID();
	await app.prisma.$transaction((tx) => app.jobs.create(tx, [id], "run"));
	return id;
}
async function claimed(id?: string): Promise<Claim> {
	const claim = await app.jobs.claim(id ?? (await queued()), MACHINE);
	if (!claim) throw new Error("not claimed");
	return claim;
}
const see = (id: string) => app.prisma.job.findUniqueOrThrow({ where: { id } });
async function states(id: string): Promise<string[]> {
	const events = await app.prisma.jobEvent.findMany({ where: { jobId: id }, orderBy: { seq: "asc" } });
	expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
	return events.map(({ data }) => (data as { state: string }).state);
}
const end = (claim: Claim, state: "SUCCEEDED" | "CANCELLED") =>
	app.prisma.$transaction((tx) => app.jobs.end(tx, claim, state));
/** As if its owner had said nothing for an hour. */
const forget = (id: string) =>
	app.prisma.job.update({ where: { id }, data: { heartbeatAt: new Date(Date.now() - 3_600_000) } });

test("of many who claim a job at once, one gets it", async () => {
	const id = await queued();
	const claims = await Promise.all(Array.from({ length: 8 }, () => app.jobs.claim(id, MACHINE)));
	expect(claims.filter(Boolean)).toEqual([{ id, kind: "run", lease: 1, machineClass: null }]);
	expect(await states(id)).toEqual(["QUEUED", "RUNNING"]);
});

test("what is of a class only its machines may claim, wherever it was queued", async () => {
	const id = randomUUID();
	await app.prisma.$transaction((tx) => app.jobs.create(tx, [id], "run", "gpu"));
	for (const other of ["cpu", null]) expect(await app.jobs.claim(id, { ...MACHINE, class: other })).toBeNull();
	expect(await app.jobs.claim(id, { ...MACHINE, class: "gpu" })).toMatchObject({ lease: 1, machineClass: "gpu" });
});

test("an owner whose lease is over can write nothing", async () => {
	const old = await claimed();
	await app.jobs.release(old);
	const present = await claimed(old.id);
	expect(present.lease).toBe(2);
	expect(await app.jobs.heartbeat(old)).toBe("lost");
	await expect(end(old, "SUCCEEDED")).rejects.toThrow(LeaseLost);
	await expect(app.jobs.release(old, CRASH)).rejects.toThrow(LeaseLost);
	await expect(guarded(app, old, async () => undefined)).rejects.toThrow(LeaseLost);
	expect(await app.jobs.heartbeat(present)).toBe("continue");
	expect(await see(old.id)).toMatchObject({ state: "RUNNING", lease: 2, crashes: 0 });
});

test.each(["SUCCEEDED", "CANCELLED"] as const)("%s is for ever", async (state) => {
	const claim = await claimed();
	await end(claim, state);
	const before = await see(claim.id);
	await expect(end(claim, "SUCCEEDED")).rejects.toThrow(LeaseLost);
	expect(await app.jobs.claim(claim.id, MACHINE)).toBeNull();
	expect(await app.jobs.requestCancel(claim.id)).toBe(false);
	await forget(claim.id);
	expect((await app.jobs.reap(1)).map(({ id }) => id)).not.toContain(claim.id);
	expect(await see(claim.id)).toMatchObject({ state, finishedAt: before.finishedAt });
});

test("crashes are counted, and the last of the budget fails the job with its code", async () => {
	const id = await queued();
	for (let crashes = 1; crashes < CRASH_BUDGET; crashes++) {
		const released = await app.jobs.release(await claimed(id), CRASH);
		expect(released).toMatchObject({ state: "QUEUED", crashesInPlace: crashes });
		expect(await see(id)).toMatchObject({ crashes, lease: crashes, errorCode: null, finishedAt: null });
	}
	expect(await app.jobs.release(await claimed(id), CRASH)).toMatchObject({ state: "FAILED" });
	expect(await see(id)).toMatchObject({ crashes: CRASH_BUDGET, errorCode: CRASH.code, errorMessage: CRASH.message });
	expect((await states(id)).filter((state) => isFinal(state as "FAILED"))).toEqual(["FAILED"]);
});

test("whoever gets further between its crashes has the whole budget again; all of them stay counted", async () => {
	const id = await queued();
	const further = (claim: Claim) => guarded(app, claim, (tx) => app.jobs.gotFurther(tx, claim));
	for (let round = 1; round <= CRASH_BUDGET + 2; round++) {
		const claim = await claimed(id);
		await further(claim);
		expect(await app.jobs.release(claim, CRASH)).toMatchObject({ state: "QUEUED", crashesInPlace: 1 });
	}
	expect(await see(id)).toMatchObject({ crashes: CRASH_BUDGET + 2, crashesInPlace: 1 });
	for (let crashes = 2; crashes < CRASH_BUDGET; crashes++) await app.jobs.release(await claimed(id), CRASH);
	expect(await app.jobs.release(await claimed(id), CRASH)).toMatchObject({ state: "FAILED" });
	expect((await see(id)).crashes).toBe(2 * CRASH_BUDGET + 1);
});

test("a job given back in order costs no crash", async () => {
	const id = await queued();
	for (let round = 0; round < CRASH_BUDGET + 2; round++) await app.jobs.release(await claimed(id));
	expect(await see(id)).toMatchObject({ state: "QUEUED", crashes: 0 });
});

test("the reaper takes only stale jobs, fails those past the budget, and does a cancel that was asked for", async () => {
	const [alive, stale, spent, unwanted] = [await claimed(), await claimed(), await claimed(), await claimed()];
	await app.prisma.job.update({ where: { id: spent.id }, data: { crashes: 40, crashesInPlace: CRASH_BUDGET - 1 } });
	await app.prisma.job.update({ where: { id: stale.id }, data: { crashes: 40 } });
	await app.jobs.requestCancel(unwanted.id);
	for (const { id } of [stale, spent, unwanted]) await forget(id);
	const reapers = await Promise.all([app.jobs.reap(60_000), app.jobs.reap(60_000), app.jobs.reap(60_000)]);
	const reaped = reapers.flat();
	expect(reaped).toHaveLength(3);
	expect(reaped).toContainEqual(
		expect.objectContaining({ id: stale.id, kind: "run", lease: 1, state: "QUEUED", crashesInPlace: 1 }),
	);
	expect((await see(alive.id)).state).toBe("RUNNING");
	expect(await see(stale.id)).toMatchObject({ state: "QUEUED", crashes: 41, heartbeatAt: null });
	expect(await see(spent.id)).toMatchObject({ state: "FAILED", errorCode: "worker_lost", crashes: 41 });
	expect(await see(unwanted.id)).toMatchObject({ state: "CANCELLED", errorCode: null });
	expect((await see(unwanted.id)).finishedAt).not.toBeNull();
	for (const { id } of [stale, spent, unwanted]) expect(await states(id)).toHaveLength(3);
});

test("a cancel ends a queued job at once and a running one at its owner's next heartbeat", async () => {
	const id = await queued();
	expect(await app.jobs.requestCancel(id)).toBe(true);
	expect((await see(id)).state).toBe("CANCELLED");
	expect(await app.jobs.claim(id, MACHINE)).toBeNull();
	const claim = await claimed();
	expect(await app.jobs.requestCancel(claim.id)).toBe(true);
	expect(await app.jobs.heartbeat(claim)).toBe("cancel");
	await end(claim, "CANCELLED");
	expect(await states(claim.id)).toEqual(["QUEUED", "RUNNING", "CANCELLED"]);
});

test("a job given back after its cancel was asked for is not queued again", async () => {
	const claim = await claimed();
	await app.jobs.requestCancel(claim.id);
	expect(await app.jobs.release(claim, CRASH)).toMatchObject({ state: "CANCELLED" });
	expect(await see(claim.id)).toMatchObject({ state: "CANCELLED", errorCode: null });
});

test("however cancel, claim and release meet, the job ends cancelled", async () => {
	for (let round = 0; round < 20; round++) {
		const claim = await claimed();
		const [asked] = await Promise.all([
			app.jobs.requestCancel(claim.id),
			app.jobs.release(claim).then(() => app.jobs.claim(claim.id, MACHINE)),
		]);
		expect(asked).toBe(true);
		const { state, cancelRequestedAt } = await see(claim.id);
		expect(cancelRequestedAt).not.toBeNull();
		expect(["CANCELLED", "RUNNING"]).toContain(state);
		if (state === "RUNNING") {
			expect(await app.jobs.heartbeat({ ...claim, lease: 2 })).toBe("cancel");
			await end({ ...claim, lease: 2 }, "CANCELLED");
		}
	}
});

test("events written at once are numbered without gap, in the order of their commits", async () => {
	const { id } = await claimed();
	const append = async (n: number) => {
		await app.prisma.$transaction(async (tx) => {
			await appendEvent(tx, id, "log", { n });
			if (n % 5 === 0) throw new Error("rolled back");
		});
	};
	const settled = await Promise.allSettled(Array.from({ length: 40 }, (_, n) => append(n)));
	expect(settled.filter(({ status }) => status === "rejected")).toHaveLength(8);
	const events = await app.prisma.jobEvent.findMany({ where: { jobId: id }, orderBy: { seq: "asc" } });
	expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 34 }, (_, index) => index + 1));
	expect((await see(id)).eventSeq).toBe(34);
});
