// What happens to a run when the trainer's server dies, ends or hangs.
import { setTimeout as sleep } from "node:timers/promises";
import { expectSound } from "../support/invariants.js";
import { until } from "../support/processes.js";
import { type Stack, startStack } from "../support/stack.js";

jest.setTimeout(180_000);
let stack: Stack;
beforeAll(async () => {
	stack = await startStack();
	stack.startWorker();
});
afterAll(async () => {
	await stack?.stop();
});

test("killed, then stopped in an orderly way, which is no crash: nobody trains meanwhile, the run waits for the next trainer and resumes", async () => {
	const run = await stack.launch();
	for (const [attempt, signal] of [
		[1, "SIGKILL"],
		[2, "SIGTERM"],
	] as const) {
		// Not before this attempt has started: the epochs of the former one say nothing about it.
		await until(`attempt ${attempt}`, async () => (await stack.startedFrom(run)).length === attempt);
		await stack.reaches(run, (await stack.see(run)).epoch + 1);
		await stack.trainer().end(signal);
		await until("the training child is gone", () => stack.children().length === 0, 5);
		await stack.becomes(run, "QUEUED", 10);
		await sleep(2_000); // longer than the pause before the next attempt
		// Its absence is no further crash, however long it lasts.
		expect((await stack.see(run)).job).toMatchObject({ state: "QUEUED", crashes: 1, lease: attempt });
		stack.startTrainer();
	}
	const ended = await stack.ends(run);
	expect(ended.job).toMatchObject({ state: "SUCCEEDED", crashes: 1, lease: 3 });
	expect(await stack.errorsOf(run)).toEqual(["trainer_crashed"]);
	const [first, second = 0, third = 0] = await stack.startedFrom(run);
	expect([first, second > 0, third > second]).toEqual([0, true, true]);
	await expectSound(stack);
});

test("stopped: the worker lets it go, and once it wakes up it ends what nobody wants any more", async () => {
	const run = await stack.launch();
	await stack.reaches(run, 2);
	stack.trainer().signal("SIGSTOP");
	await stack.becomes(run, "QUEUED", 30);
	stack.trainer().signal("SIGCONT");
	const ended = await stack.ends(run);
	expect(ended.job).toMatchObject({ state: "SUCCEEDED", crashes: 1, lease: 2 });
	expect(await stack.startedFrom(run)).toHaveLength(2);
	await expectSound(stack);
});
