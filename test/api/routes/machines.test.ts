// Machines as the api shows them, what drains them, and the class that an experiment may ask for.
import { randomUUID } from "node:crypto";
import { startApi, type TestApi } from "../../support/api.js";

let api: TestApi;
beforeAll(async () => {
	api = await startApi();
});
beforeEach(() => api.app.prisma.machine.deleteMany());
afterAll(() => api.close());

const ago = (seconds: number) => new Date(Date.now() - seconds * 1000);
const machine = (name: string, more: object = {}) =>
	api.app.prisma.machine.create({
		data: {
			...{ name, class: "cpu", slots: 2, memoryBytes: 16_000_000_000, instance: randomUUID() },
			devices: [{ kind: "cpu", name: "a processor", memoryBytes: 16_000_000_000 }],
			versions: { valence: "0.1.0", torch: "2.13.0", python: "3.13.1", node: "24.0.0" },
			...more,
		},
	});
const states = async () =>
	(await api.call("GET", "/machines")).body.items.map((one: { name: string; state: string }) => [one.name, one.state]);

test("they are listed by class and name with what they have and what they work at", async () => {
	await machine("b");
	await machine("a", { class: "gpu", devices: [{ kind: "cuda", name: "a GPU", memoryBytes: 8_000 }] });
	const { runs } = await api.experiment(["RUNNING", "QUEUED"]);
	await api.app.prisma.job.update({ where: { id: runs[0] as string }, data: { machine: "a", startedAt: ago(60) } });
	const { status, body } = await api.call("GET", "/machines");
	expect(status).toBe(200);
	expect(body.items.map((one: { name: string }) => one.name)).toEqual(["b", "a"]);
	expect(body.classes).toEqual(["cpu", "gpu"]);
	expect(body.items[1]).toMatchObject({
		...{ name: "a", class: "gpu", state: "ready", slots: 2, memoryBytes: 16_000_000_000, drainingSince: null },
		devices: [{ kind: "cuda", name: "a GPU", memoryBytes: 8_000 }],
		versions: { torch: "2.13.0" },
		work: [{ id: runs[0], kind: "run", about: "valid" }],
	});
	expect((await api.call("GET", "/machines/b")).body).toMatchObject({ name: "b", work: [] });
	expect((await api.call("GET", `/runs/${runs[0]}`)).body).toMatchObject({ machine: "a", class: null });
});

test("one that has ended, or was not heard of for a minute, is gone", async () => {
	await machine("ended", { instance: null });
	await machine("lost", { heardAt: ago(90) });
	await machine("late", { heardAt: ago(20) });
	expect(await states()).toEqual([
		["ended", "gone"],
		["late", "ready"],
		["lost", "gone"],
	]);
});

test("who is gone is told by the database's clock, whatever that of the host says", async () => {
	await machine("a");
	const later = Date.now() + 600_000;
	const clock = jest.spyOn(Date, "now").mockImplementation(() => later);
	const seen = await states();
	clock.mockRestore();
	expect(seen).toEqual([["a", "ready"]]);
});

test("draining is said once, kept, logged, and taken back", async () => {
	await machine("m-1");
	const first = await api.call("POST", "/machines/m-1/drain");
	expect(first.status).toBe(200);
	expect(first.body).toMatchObject({ name: "m-1", state: "draining" });
	expect((await api.call("POST", "/machines/m-1/drain")).body.drainingSince).toBe(first.body.drainingSince);
	expect(await states()).toEqual([["m-1", "draining"]]);
	expect((await api.call("POST", "/machines/m-1/resume")).body).toMatchObject({ state: "ready", drainingSince: null });
	const lines = (await api.call("GET", "/audit")).body.items.map(
		({ route, resource, status }: Record<string, unknown>) => ({ route, resource, status }),
	);
	expect(lines).toContainEqual({
		route: "POST /machines/:name/drain",
		resource: "/machines/m-1/drain",
		status: 200,
	});
	for (const action of ["drain", "resume"]) {
		expect((await api.call("POST", `/machines/nobody/${action}`)).body.code).toBe("not_found");
		expect((await api.call("POST", `/machines/a_name/${action}`)).body.code).toBe("invalid_request");
	}
});

test("an experiment asks for a class: its runs wait in that queue, and say when no machine is there", async () => {
	const dataset = await api.dataset();
	const asked = (name?: unknown) =>
		api.call("POST", "/experiments", { dataset, models: [{ model: "popularity" }], class: name });
	// Before any machine is there nobody knows better.
	const early = await asked("gpu");
	expect(early.status).toBe(202);
	const run = early.body.runs[0].id;
	const queued = { kind: "run", id: run, lease: 0 } as const;
	expect(await api.app.queue.knows({ ...queued, machineClass: "gpu" })).toBe(true);
	expect(await api.app.queue.knows(queued)).toBe(false);
	await machine("a");
	expect((await api.call("GET", `/runs/${run}`)).body).toMatchObject({ class: "gpu", lacksMachine: true });
	const wrong = await asked("gpu");
	expect([wrong.status, wrong.body.code]).toEqual([422, "unknown_class"]);
	expect(wrong.body.errors[0].pointer).toBe("/class");
	expect(wrong.body.detail).toContain("cpu");
	await machine("b", { class: "gpu", heardAt: ago(90) });
	expect((await asked("gpu")).status).toBe(202);
	expect((await api.call("GET", `/runs/${run}`)).body.lacksMachine).toBe(true);
	await api.app.prisma.machine.update({ where: { name: "b" }, data: { heardAt: new Date() } });
	expect((await api.call("GET", `/runs/${run}`)).body.lacksMachine).toBe(false);
	const bare = await asked();
	expect((await api.call("GET", `/runs/${bare.body.runs[0].id}`)).body).toMatchObject({ class: null, machine: null });
	for (const bad of ["GPU", "", "a".repeat(41), 1]) expect((await asked(bad)).body.code).toBe("invalid_request");
});

test("a class of MACHINE_CLASSES may be asked for while it has no machine", async () => {
	const other = await startApi({ MACHINE_CLASSES: "gpu, cpu-large", DATABASE_URL: api.app.config.databaseUrl });
	await machine("a");
	const dataset = await other.dataset();
	const asked = (name: string) =>
		other.call("POST", "/experiments", { dataset, models: [{ model: "popularity" }], class: name });
	expect((await asked("cpu-large")).status).toBe(202);
	const wrong = await asked("tpu");
	expect(wrong.body.code).toBe("unknown_class");
	expect(wrong.body.detail).toContain("cpu, cpu-large, gpu");
	expect((await other.call("GET", "/machines")).body.classes).toEqual(["cpu", "cpu-large", "gpu"]);
	const { body } = await other.call("GET", "/metrics");
	expect(body).toContain('valence_class_runs{class="cpu-large",state="QUEUED"} 1');
	expect(body).toContain('valence_class_runs{class="gpu",state="RUNNING"} 0');
	expect(body).toContain('valence_machines{class="cpu",state="ready"} 1');
	expect(body).toMatch(/valence_queue_jobs\{kind="run",state="waiting"\} [1-9]/);
	await other.close();
});
