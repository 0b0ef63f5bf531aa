// Cancelling a run that waits and a run that trains.
import { expectSound } from "../support/invariants.js";
import { until } from "../support/processes.js";
import { type Stack, startStack } from "../support/stack.js";

/** The device is free this soon after the request. */
const FREE_MS = 5_000;

jest.setTimeout(180_000);
let stack: Stack;
beforeAll(async () => {
	stack = await startStack();
});
afterEach(async () => {
	await stack?.endWorkers();
});
afterAll(async () => {
	await stack?.stop();
});

const cancel = async (run: string) =>
	(await stack.app.inject({ method: "POST", url: `/runs/${run}/cancel` })).statusCode;

test("while queued: final at once, and nobody ever starts it", async () => {
	const run = await stack.launch();
	expect(await cancel(run)).toBe(202);
	expect((await stack.see(run)).job).toMatchObject({ state: "CANCELLED", lease: 0 });
	expect(await cancel(run)).toBe(409);
	const next = await stack.launch();
	stack.startWorker();
	await stack.reaches(next, 1); // the queue is in order, so the cancelled run was delivered before
	expect((await stack.see(run)).job).toMatchObject({ state: "CANCELLED", lease: 0 });
	await cancel(next);
	await stack.ends(next);
	await expectSound(stack);
});

test("while training: the device is free within 5 seconds", async () => {
	const run = await stack.launch({ epochs: 300, patience: 300 });
	stack.startWorker({ TIMING_SCALE: "1" }); // what is measured is the real thing
	await stack.reaches(run, 2);
	expect(stack.children()).toHaveLength(1);
	const asked = Date.now();
	expect(await cancel(run)).toBe(202);
	await until("the training child is gone", () => stack.children().length === 0);
	const took = Date.now() - asked;
	console.info(`cancelled: the device was free after ${took} ms`);
	expect(took).toBeLessThan(FREE_MS);
	const ended = await stack.ends(run);
	expect(ended.job).toMatchObject({ state: "CANCELLED", crashes: 0, errorCode: null });
	expect(await cancel(run)).toBe(409);
	expect((await stack.see(run)).job.finishedAt).toEqual(ended.job.finishedAt);
	await expectSound(stack);
});

test("while its worker ends: cancelled, not queued for ever", async () => {
	const run = await stack.launch();
	const worker = stack.startWorker({ TIMING_SCALE: "1" }); // its next heartbeat comes too late to see the request
	await stack.reaches(run, 1);
	await cancel(run);
	await worker.end("SIGTERM");
	const ended = await stack.ends(run, 10);
	expect(ended.job.state).toBe("CANCELLED");
	await expectSound(stack);
});

test("after its worker was killed: the reaper ends it", async () => {
	const run = await stack.launch();
	const worker = stack.startWorker();
	await stack.reaches(run, 1);
	await worker.end("SIGKILL");
	await cancel(run);
	stack.startWorker();
	const ended = await stack.ends(run, 20);
	expect(ended.job.state).toBe("CANCELLED");
	await expectSound(stack);
});
