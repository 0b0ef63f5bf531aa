// Artifacts in a real S3 server: a run goes on where nothing of it lies on the disk, and waits while the store is away.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startObjectStore } from "../support/object-store.js";
import { type Stack, startStack } from "../support/stack.js";

jest.setTimeout(300_000);
let store: Awaited<ReturnType<typeof startObjectStore>>;
let stack: Stack;
const otherHost = mkdtempSync(join(tmpdir(), "valence-other-host-"));
const trainerEnvironment: Record<string, string> = {};
beforeAll(async () => {
	store = await startObjectStore();
	Object.assign(trainerEnvironment, store.environment, { VALENCE_ARTIFACTS: store.url });
	stack = await startStack({ trainerEnvironment });
	stack.startWorker();
});
afterAll(async () => {
	await stack?.stop();
	await store?.stop();
	rmSync(otherHost, { recursive: true, force: true });
});

/** Ended as the run that nothing happened to, with every epoch once. */
async function expectUndisturbed(id: string): Promise<void> {
	const [ended, undisturbed] = [await stack.ends(id, 120), await stack.see(stack.undisturbed)];
	expect(ended.job).toMatchObject({ state: "SUCCEEDED", errorCode: null });
	expect([ended.epoch, ended.parametersSha256]).toEqual([undisturbed.epoch, undisturbed.parametersSha256]);
	const losses = await stack.prisma.metric.findMany({
		where: { runId: id, split: "train" },
		orderBy: { epoch: "asc" },
	});
	expect(losses.map(({ epoch }) => epoch)).toEqual(Array.from({ length: ended.epoch }, (_, index) => index + 1));
}

test("a trainer of another host, with an empty cache, goes on from the last epoch, and ends alike to the bit", async () => {
	const run = await stack.launch();
	await stack.reaches(run, 3);
	await stack.trainer().end("SIGKILL");
	trainerEnvironment.VALENCE_CACHE = otherHost;
	stack.startTrainer();
	await expectUndisturbed(run);
	const [first, second = 0] = await stack.startedFrom(run);
	expect([first, second >= 3]).toEqual([0, true]);
	expect(readdirSync(otherHost).sort()).toEqual([".store.json", ".writers", "datasets", "runs", "values"]);
});

test("while the store is away a run waits, no crash is counted, and it goes on once the store is back", async () => {
	const run = await stack.launch();
	await stack.reaches(run, 3);
	await store.goAway();
	await stack.becomes(run, "QUEUED", 120);
	expect((await stack.see(run)).job).toMatchObject({ crashes: 0, errorCode: null });
	await store.comeBack();
	await expectUndisturbed(run);
	expect((await stack.see(run)).job.crashes).toBe(0);
	expect(await stack.errorsOf(run)).toEqual([]);
});
