// The queue loses everything it had, delivers twice, and delivers to two workers at a time.
import { expectSound } from "../support/invariants.js";
import { isOnRedis, startRedis, truncateQueue } from "../support/queue-server.js";
import { type Stack, startStack } from "../support/stack.js";

jest.setTimeout(180_000);
let redis: Awaited<ReturnType<typeof startRedis>> | null = null;
let stack: Stack;
beforeAll(async () => {
	if (isOnRedis) redis = await startRedis();
	stack = await startStack({ redisUrl: redis?.url });
});
afterEach(async () => {
	await stack?.endWorkers();
});
afterAll(async () => {
	await stack?.stop();
	await redis?.stop();
});

async function expectTrainedOnce(run: string) {
	const ended = await stack.ends(run);
	expect(ended.job).toMatchObject({ state: "SUCCEEDED", lease: 1, crashes: 0 });
	expect(await stack.startedFrom(run)).toEqual([0]);
}

/** Loses the queue under a run that trains and one that waits. */
async function expectNothingLost(lose: () => Promise<unknown>) {
	stack.startWorker();
	const running = await stack.launch();
	await stack.reaches(running, 2);
	const queued = await stack.launch();
	expect(await stack.app.queue.knows({ kind: "run", id: queued, lease: 0 })).toBe(true);
	await lose();
	for (const run of [running, queued, await stack.launch()]) await expectTrainedOnce(run);
	await expectSound(stack);
}

test("emptied under a running and under a queued run: both end well, each trained once", async () => {
	await expectNothingLost(async () => {
		await (redis ? redis.empty() : truncateQueue(stack));
		const { waiting, active, delayed } = (await stack.app.queue.depth()).run ?? {};
		expect({ waiting, active, delayed }).toEqual({ waiting: 0, active: 0, delayed: 0 });
	});
});

// PostgreSQL's queue goes with PostgreSQL, whose restart has a test of its own.
if (isOnRedis) {
	test("restarted empty under a running and under a queued run: the same", async () => {
		await expectNothingLost(async () => redis?.restart());
	});
}

test("delivered again while it trains and after its end: trained once", async () => {
	const run = await stack.launch();
	stack.startWorker({ RUN_CONCURRENCY: "2" });
	await stack.reaches(run, 1);
	await stack.app.queue.add({ kind: "run", id: run, lease: 1_001 }); // other leases, or the queue itself would refuse the duplicate
	await stack.delivered(run, 1_001);
	await stack.ends(run);
	await stack.app.queue.add({ kind: "run", id: run, lease: 1_002 });
	await stack.delivered(run, 1_002);
	await expectTrainedOnce(run);
	await expectSound(stack);
});

test("two workers race for one run: one owner, one result", async () => {
	stack.startWorker();
	stack.startWorker();
	const runs = [await stack.launch(), await stack.launch()];
	for (const run of runs)
		for (const copy of [1_001, 1_002, 1_003]) await stack.app.queue.add({ kind: "run", id: run, lease: copy });
	for (const run of runs) await expectTrainedOnce(run);
	await expectSound(stack);
});
