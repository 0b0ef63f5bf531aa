// What happens to a run when its worker dies, ends or wakes up too late.
import { expectSound } from "../support/invariants.js";
import { until } from "../support/processes.js";
import { type Stack, startStack } from "../support/stack.js";

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

test("killed with -9 in the middle of an epoch: the next worker goes on from the last committed checkpoint", async () => {
	const run = await stack.launch();
	const first = stack.startWorker();
	await stack.reaches(run, 4);
	await first.end("SIGKILL");
	const killed = Date.now();
	const { epoch } = await stack.see(run);
	stack.startWorker();
	await until("the run moves on", async () => (await stack.see(run)).job.lease === 2);
	const seconds = (Date.now() - killed) / 1000;
	const ended = await stack.ends(run);
	expect(ended.job).toMatchObject({ state: "SUCCEEDED", crashes: 1, lease: 2 });
	expect(await stack.startedFrom(run)).toEqual([0, epoch]);
	// Lease 4 s, reaper every second, both times a fifth of the real ones.
	expect(seconds).toBeLessThan(20);
	console.info(`a killed worker's run moved on after ${seconds.toFixed(1)} s`);
	await expectSound(stack);
});

test("ended with SIGTERM: the run is queued again within seconds, no crash is counted, the next worker finishes it", async () => {
	const run = await stack.launch();
	const first = stack.startWorker();
	await stack.reaches(run, 3);
	await first.end("SIGTERM");
	// The process has ended in order: by then its run must wait for the next one.
	const { job, epoch } = await stack.see(run);
	expect(job).toMatchObject({ state: "QUEUED", crashes: 0, lease: 1 });
	stack.startWorker();
	const ended = await stack.ends(run);
	expect(ended.job).toMatchObject({ state: "SUCCEEDED", crashes: 0, lease: 2 });
	expect(await stack.startedFrom(run)).toEqual([0, epoch]);
	await expectSound(stack);
});

test("stopped for longer than its lease: when it wakes up it cannot write any more", async () => {
	const run = await stack.launch();
	const stale = stack.startWorker();
	await stack.reaches(run, 2);
	stale.signal("SIGSTOP");
	const second = stack.startWorker();
	await until("another worker has the run", async () => (await stack.see(run)).job.lease === 2);
	stale.signal("SIGCONT");
	const ended = await stack.ends(run);
	expect(ended.job).toMatchObject({ state: "SUCCEEDED", crashes: 1, lease: 2 });
	await until("the stale worker gives up", () => stale.log.includes("another owner has the job"), 10);
	await until("the other one says so", () => second.log.includes('"lease":2'));
	await expectSound(stack);
});
