// What happens to a run when its training child dies, hangs, or left a checkpoint that cannot be read.
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CRASH_BUDGET, isFinal } from "../../services/api/src/plugins/jobs.js";
import { AT_ONE_MOMENT } from "../../services/api/src/plugins/prisma.js";
import { expectSound } from "../support/invariants.js";
import { until } from "../support/processes.js";
import { type Stack, startStack } from "../support/stack.js";

jest.setTimeout(180_000);
const HANG_SECONDS = 15;
let stack: Stack;
beforeAll(async () => {
	// A child may be silent for 15 s: longer than the import of PyTorch takes on a busy machine.
	stack = await startStack({ trainerEnvironment: { TIMING_SCALE: String(120 / HANG_SECONDS) } });
	stack.startWorker();
});
afterAll(async () => {
	await stack?.stop();
});

const child = () => until("a training child", () => stack.children()[0]);

test("killed with -9: the run goes on from the last committed checkpoint", async () => {
	const run = await stack.launch();
	await stack.reaches(run, 3);
	process.kill(await child(), "SIGKILL");
	const ended = await stack.ends(run);
	expect(ended.job).toMatchObject({ state: "SUCCEEDED", crashes: 1 });
	await expectSound(stack);
});

test("killed more often than the crash budget, with epochs between: the run ends as if nothing had happened", async () => {
	const run = await stack.launch();
	const kills = CRASH_BUDGET + 1;
	for (let kill = 1; kill <= kills; kill++) {
		await stack.reaches(run, (await stack.see(run)).epoch + 1);
		process.kill(await child(), "SIGKILL");
		await until(`attempt ${kill + 1}`, async () => (await stack.startedFrom(run)).length > kill);
	}
	const ended = await stack.ends(run);
	expect(ended.job).toMatchObject({ state: "SUCCEEDED", crashes: kills, lease: kills + 1 });
	await expectSound(stack);
});

test("killed three times before the same epoch: the run is given up", async () => {
	// Epochs that are longer than it takes to see that one has begun.
	const run = await stack.launch({ train_batch_size: 2 });
	for (const lease of [1, 2, 3]) {
		await until(`attempt ${lease}`, async () => (await stack.startedFrom(run)).length === lease);
		process.kill(await child(), "SIGKILL");
	}
	const ended = await stack.ends(run);
	expect(ended.job).toMatchObject({ state: "FAILED", errorCode: "trainer_crashed", crashes: 3 });
	await expectSound(stack);
});

test("stopped: noticed within the hang limit, killed, resumed", async () => {
	const run = await stack.launch();
	await stack.reaches(run, 2);
	const hung = await child();
	process.kill(hung, "SIGSTOP");
	await until("the child is killed", () => !stack.children().includes(hung), HANG_SECONDS + 10);
	const ended = await stack.ends(run);
	expect(ended.job).toMatchObject({ state: "SUCCEEDED", crashes: 1 });
	expect(await stack.errorsOf(run)).toEqual(["trainer_hung"]);
	await expectSound(stack);
});

test("its last checkpoint is damaged: the run goes on from the best one", async () => {
	const run = await stack.launch();
	const { stopped, best, last } = await stopAfterBest(run);
	writeFileSync(join(stack.artifacts, last.key, "weights.safetensors"), "{}");
	process.kill(stopped, "SIGKILL");
	const ended = await stack.ends(run);
	expect(ended.job).toMatchObject({ state: "SUCCEEDED", crashes: 1 });
	expect(await stack.startedFrom(run)).toEqual([0, best.epoch]);
	const message = `checkpoint of epoch ${last.epoch} cannot be read, going on from epoch ${best.epoch}`;
	expect(await stack.logOf(run)).toContain(message);
	await expectSound(stack);
});

/** Stops the child while its last checkpoint is not its best; no epoch is added while the last one is damaged. */
async function stopAfterBest(run: string) {
	for (;;) {
		await until("a last checkpoint that is not the best", async () => (await checkpoints(run)).length === 2);
		const stopped = await child();
		process.kill(stopped, "SIGSTOP");
		await allCommitted(run);
		const [best, last] = await checkpoints(run);
		if (best && last) return { stopped, best, last };
		process.kill(stopped, "SIGCONT"); // a better epoch was on its way
	}
}

const checkpoints = (run: string) =>
	stack.prisma.checkpoint.findMany({ where: { runId: run }, orderBy: { epoch: "asc" } });

/** Waits for what was on its way to the database; the newest folder stays apart when its message was never sent. */
async function allCommitted(run: string): Promise<void> {
	const folders = readdirSync(join(stack.artifacts, "runs", run)).filter((name) => /^epoch-\d+$/.test(name));
	const newest = join("runs", run, folders.sort().at(-1) ?? "");
	const isCommitted = async () => (await checkpoints(run)).at(-1)?.key === newest;
	await until("the last checkpoint is committed", isCommitted, 5).catch(() => undefined);
}

test("killed while it compares: the comparison is done again, and finds what an undisturbed one finds", async () => {
	const other = await stack.launch({ k: 1, epochs: 2 });
	await stack.ends(other);
	const begin = async (): Promise<string> => {
		const payload = { runs: [stack.undisturbed, other] };
		const reply = await stack.app.inject({ method: "POST", url: "/comparisons", payload });
		expect([reply.statusCode, reply.body]).toEqual([202, expect.any(String)]);
		return reply.json().id;
	};
	const ended = async (id: string) =>
		until("the comparison's end", async () => {
			const { result, job } = await stack.prisma.$transaction(
				(tx) => tx.comparison.findUniqueOrThrow({ where: { id }, include: { job: true } }),
				AT_ONE_MOMENT,
			);
			return isFinal(job.state) && { job, result: { ...(result as object), seconds: 0 } };
		});
	const disturbed = await begin();
	process.kill(await child(), "SIGKILL");
	const [again, undisturbed] = [await ended(disturbed), await ended(await begin())];
	expect(again.job).toMatchObject({ state: "SUCCEEDED", crashes: 1 });
	expect(undisturbed.job).toMatchObject({ state: "SUCCEEDED", crashes: 0 });
	expect(again.result).toEqual(undisturbed.result);
	await expectSound(stack);
});
