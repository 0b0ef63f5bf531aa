// A worker as a machine: its row, its name, and what becomes of both.
import { randomUUID } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { buildApp } from "../../../services/api/src/app.js";
import { readConfig } from "../../../services/api/src/config.js";
import { classOf, forgetMachines } from "../../../services/api/src/machines/registration.js";
import { until } from "../../support/processes.js";
import { epoch, finished, forEver, refusal, started, startScriptedTrainer } from "../../support/scripted-trainer.js";
import { startWorker, type TestWorker } from "../../support/worker.js";

let worker: TestWorker;
beforeAll(async () => {
	worker = await startWorker({ MACHINE_NAME: "first" });
	// Who takes an import is what is asked here; its end is soon.
	worker.trainer.scripts.importDataset = () => [refusal("INVALID_ARGUMENT", "import_failed", "nothing in it")];
	await until("it is registered", () => rowOf("first"));
});
afterAll(() => worker?.close());

const rowOf = (name: string) => worker.prisma.machine.findUnique({ where: { name } });
/** Another worker beside the same trainer, unless it is given one. */
const another = (name: string, more: Partial<FastifyInstance["config"]> = {}) =>
	buildApp({ ...worker.app.config, machine: { name, class: "other" }, ...more }, "jobs");
/** Makes the first one drain, or take again. */
async function drainFirst(drainingSince: Date | null) {
	await worker.prisma.machine.update({ where: { name: "first" }, data: { drainingSince } });
	await until("it has heard of it", () => worker.app.machine.isDraining === (drainingSince !== null));
}
/** How many the queue holds. */
async function depthOf(kind: "import" | "run") {
	const { waiting = 0, active = 0, delayed = 0 } = (await worker.app.queue.depth())[kind] ?? {};
	return { waiting: waiting + delayed, active };
}
const ago = (seconds: number) => new Date(Date.now() - seconds * 1000);
const someRow = { class: "cpu", devices: [], memoryBytes: 1, slots: 1, versions: {} };

test("it says what its trainer has, is heard of again, and names itself at its work", async () => {
	const row = await until("its row", () => rowOf("first"));
	expect(row).toMatchObject({
		...{ class: "cpu", slots: 1, memoryBytes: 8_000n, drainingSince: null },
		devices: [{ kind: "cpu", name: "a processor", memoryBytes: 8_000 }],
		versions: { valence: "0.1.0", torch: "2.13.0", python: "3.13.1", node: process.versions.node },
	});
	await until("it is heard of again", async () => ((await rowOf("first"))?.heardAt ?? 0) > row.heardAt);
	expect((await rowOf("first"))?.registeredAt).toEqual(row.registeredAt);
	const id = await worker.submitImport();
	expect((await worker.ends(id)).machine).toBe("first");
});

test("without a class it is gpu where there is one that it may use", () => {
	const of = (environment: object, kinds: string[]) =>
		classOf(
			{ config: readConfig({ DATABASE_URL: "postgres://x", ...environment }) } as FastifyInstance,
			{ devices: kinds.map((kind) => ({ kind, name: "", memoryBytes: 0 })) } as Parameters<typeof classOf>[1],
		);
	expect([of({}, ["cpu"]), of({}, ["cpu", "cuda"]), of({ DEVICE: "cpu" }, ["cpu", "cuda"])]).toEqual([
		...["cpu", "gpu", "cpu"],
	]);
	expect(of({ MACHINE_CLASS: "large" }, ["cpu", "cuda"])).toBe("large");
});

test("a GPU that its runs may not use is none of its devices", async () => {
	const trainer = await startScriptedTrainer();
	const [processor] = trainer.machine.devices;
	trainer.machine.devices.push({ kind: "cuda", name: "a GPU", memoryBytes: 4_000 });
	const host = await another("host", { trainerAddress: trainer.address, device: "cpu" });
	await host.ready();
	expect((await until("it is registered", () => rowOf("host"))).devices).toEqual([processor]);
	await host.close();
	await trainer.close();
});

test("a second worker under its name refuses to start, and the first goes on", async () => {
	const second = await another("first");
	await expect(second.ready()).rejects.toThrow("a worker called first is at work already");
	await second.close();
	expect(await rowOf("first")).toMatchObject({ class: "cpu" });
});

test("one that was killed is followed by the next under its name; an orderly end leaves no row, but where it drains", async () => {
	const killed = randomUUID();
	await worker.prisma.machine.create({ data: { ...someRow, name: "second", instance: killed, registeredAt: ago(90) } });
	const next = await another("second");
	await next.ready();
	const row = await until("it has the name", async () =>
		((one) => one?.class === "other" && one)(await rowOf("second")),
	);
	expect(row.instance).not.toBe(killed);
	expect(row.registeredAt.getTime()).toBeGreaterThan(ago(60).getTime());
	await next.close();
	expect(await rowOf("second")).toBeNull();

	const drained = await another("third");
	await drained.ready();
	await until("it is registered", () => rowOf("third"));
	await worker.prisma.machine.update({ where: { name: "third" }, data: { drainingSince: new Date() } });
	await until("it has heard of it", () => drained.machine.isDraining);
	await drained.close();
	expect(await rowOf("third")).toMatchObject({ instance: null, drainingSince: expect.any(Date) });
});

test("what was not heard of for an hour is forgotten, unless a job is still said to be its", async () => {
	const old = { ...someRow, heardAt: ago(3_700) };
	const id = randomUUID();
	const held = { id, kind: "run", state: "RUNNING", machine: "busy", heartbeatAt: ago(-600) } as const;
	await worker.prisma.job.create({ data: held }); // first: the worker forgets machines by itself, too
	await worker.prisma.machine.createMany({ data: ["idle", "busy"].map((name) => ({ ...old, name })) });
	await worker.prisma.machine.create({ data: { ...someRow, name: "late", heardAt: ago(3_000) } });
	await forgetMachines(worker.app);
	expect(await Promise.all(["idle", "busy", "late"].map(rowOf))).toEqual([null, expect.anything(), expect.anything()]);
	await worker.prisma.job.delete({ where: { id } });
});

test("what it has taken when it is told to drain goes back unclaimed", async () => {
	const { trainer } = worker.app;
	const asked = jest.spyOn(trainer, "reach").mockImplementation(() => drainFirst(new Date()));
	const id = await worker.submitImport();
	await until("it is given back", async () => {
		if (asked.mock.calls.length === 0) return false; // looked at first: what waits may be taken before its number is here
		const { waiting, active } = await depthOf("import");
		return waiting === 1 && active === 0;
	});
	expect(await worker.see(id)).toMatchObject({ state: "QUEUED", lease: 0 });
	asked.mockRestore();
	await drainFirst(null);
	expect((await worker.ends(id)).machine).toBe("first");
});

test("while the database does not answer its heartbeat it leaves work to others, then it goes on", async () => {
	const id = await worker.prisma.$transaction(async (tx) => {
		await tx.$executeRaw`LOCK TABLE machines IN ACCESS EXCLUSIVE MODE`;
		await until("it takes nothing", () => !worker.app.queue.isTaking, 10);
		const id = await worker.submitImport();
		await until("it waits", async () => (await depthOf("import")).waiting === 1, 5);
		expect(await worker.see(id)).toMatchObject({ state: "QUEUED", lease: 0 });
		return id;
	});
	expect((await worker.ends(id)).machine).toBe("first");
});

test("its trainer dies for good: what it takes before its heartbeat says so goes to another machine", async () => {
	await drainFirst(new Date());
	const dying = await startScriptedTrainer();
	dying.scripts.train = async function* (_request, cancelled) {
		yield started();
		await forEver(cancelled);
	};
	worker.trainer.scripts.train = (request) => [started(), epoch(request, 1), finished(request, 1)];
	const machine = await another("dying", { trainerAddress: dying.address });
	await machine.ready();
	const [run, next] = [await worker.submitRun(), await worker.submitRun()];
	await until("it trains", async () => (await worker.events(run)).some(({ type }) => type === "started"));
	const unheard = jest.spyOn(machine.trainer, "describeMachine").mockResolvedValue(dying.machine);
	const taken = jest.spyOn(machine.trainer, "reach");
	await dying.close();
	await until("it takes the next one", () => taken.mock.calls.length > 0);
	unheard.mockRestore();
	await drainFirst(null);
	expect(await worker.ends(next)).toMatchObject({ state: "SUCCEEDED", machine: "first", lease: 1 });
	expect(await worker.ends(run)).toMatchObject({ state: "SUCCEEDED", machine: "first", crashes: 1 });
	await machine.close();
});

test("while its trainer is away it is not heard of, and leaves work to others", async () => {
	await worker.trainer.close();
	await until("it is silent", async () => ((await rowOf("first"))?.heardAt ?? 0) < ago(1));
	const id = await worker.submitImport();
	await until("the queue has it", () => worker.app.queue.knows({ kind: "import", id, lease: 0 }));
	// One that rests may take it for a moment, and gives it back.
	await until("it waits", async () => {
		const { waiting, active } = await depthOf("import");
		return waiting === 1 && active === 0;
	});
	expect(await worker.see(id)).toMatchObject({ state: "QUEUED", lease: 0 });
});
