// Two machines, each a worker and a trainer, on one database, one queue and one folder of artifacts.
import { expectSound } from "../support/invariants.js";
import { until } from "../support/processes.js";
import { type Stack, startStack } from "../support/stack.js";

jest.setTimeout(180_000);
let stack: Stack;
let cpu: Awaited<ReturnType<Stack["startMachine"]>>;
let gpu: Awaited<ReturnType<Stack["startMachine"]>>;
beforeAll(async () => {
	stack = await startStack();
	await stack.trainer().end(); // the api needs none here, and each machine has its own
	[cpu, gpu] = await Promise.all([stack.startMachine("one", "cpu"), stack.startMachine("two", "gpu")]);
	await becomes("one", "ready");
	await becomes("two", "ready");
});
afterAll(async () => {
	await stack?.stop();
});

const get = async (url: string) => (await stack.app.inject({ method: "GET", url })).json();
const order = (name: string, what: "drain" | "resume") =>
	stack.app.inject({ method: "POST", url: `/machines/${name}/${what}` });
const stateOf = async (name: string): Promise<string | undefined> => (await get(`/machines/${name}`)).state;
const becomes = (name: string, state: string) =>
	until(`${name} is ${state}`, async () => (await stateOf(name)) === state);
const machineOf = async (run: string) => (await stack.see(run)).job.machine;

test("each takes the runs of its class; what is asked for and where it went is said", async () => {
	const runs = [await stack.launch({}, "gpu"), await stack.launch({}, "cpu")];
	await Promise.all(runs.map((run) => stack.ends(run)));
	expect(await Promise.all(runs.map(machineOf))).toEqual(["two", "one"]);
	expect(await get(`/runs/${runs[0]}`)).toMatchObject({ class: "gpu", machine: "two", state: "SUCCEEDED" });
	expect(await get("/machines/one")).toMatchObject({
		...{ class: "cpu", slots: 2, work: [] },
		devices: [{ kind: "cpu", memoryBytes: expect.any(Number) }],
		versions: { torch: expect.any(String), node: process.versions.node },
	});
});

test("drained, a machine hands its run over after the next epoch, takes no other, and does not when it starts again", async () => {
	const run = await stack.launch();
	await stack.reaches(run, 2);
	const first = (await machineOf(run)) as "one" | "two";
	const drained = first === "one" ? cpu : gpu;
	await order(first, "drain");
	await until("another machine has the run", async () => (await stack.see(run)).job.lease === 2);
	expect(await machineOf(run)).toBe(first === "one" ? "two" : "one");
	const ended = await stack.ends(run);
	expect(ended.job).toMatchObject({ state: "SUCCEEDED", crashes: 0, lease: 2 });
	expect((await stack.startedFrom(run))[1]).toBeGreaterThanOrEqual(2);

	const waiting = await stack.launch({}, drained.own.MACHINE_CLASS);
	await drained.worker.end("SIGTERM");
	expect(await stateOf(first)).toBe("gone");
	drained.worker = stack.startWorker(drained.own);
	await becomes(first, "draining");
	expect(await get(`/runs/${waiting}`)).toMatchObject({ state: "QUEUED", lacksMachine: true });
	await order(first, "resume");
	expect((await stack.ends(waiting)).job).toMatchObject({ machine: first, lease: 1 });
	await expectSound(stack);
});

test("one that is killed is gone, its work goes on elsewhere, and what only its class may do waits for the next", async () => {
	const run = await stack.launch();
	await stack.reaches(run, 2);
	const name = (await machineOf(run)) as "one" | "two";
	const killed = name === "one" ? cpu : gpu;
	await Promise.all([killed.worker.end("SIGKILL"), killed.trainer.end("SIGKILL")]);
	const own = await stack.launch({}, killed.own.MACHINE_CLASS);
	expect((await stack.ends(run)).job).toMatchObject({ state: "SUCCEEDED", crashes: 1, lease: 2 });
	expect(await machineOf(run)).not.toBe(name);
	await becomes(name, "gone");
	expect(await get(`/runs/${own}`)).toMatchObject({ state: "QUEUED", lacksMachine: true });
	await stack.startMachine("three", killed.own.MACHINE_CLASS as string);
	expect((await stack.ends(own)).job).toMatchObject({ state: "SUCCEEDED", machine: "three" });
	expect(await stack.errorsOf(own)).toEqual([]);
	await expectSound(stack);
});
