// A search with a real trainer, whatever dies: every trial gets one configuration and keeps it, and none is tried twice.
import { expectSound } from "../support/invariants.js";
import { until } from "../support/processes.js";
import { type Stack, startStack } from "../support/stack.js";

jest.setTimeout(240_000);
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

const TRIALS = 6;

test("worker and trainer killed in the middle of a search that prunes: it goes on with what was chosen, to its end", async () => {
	const { datasetId } = await stack.see(stack.undisturbed);
	const search = {
		trials: TRIALS,
		prune: "halving",
		space: { tau: { low: 0.05, high: 1, log: true }, k: { values: [1, 2, 3] } },
	};
	const params = { embedding_size: 16, encoder_size: 16, learning_rate: 0.05, epochs: 10, patience: 10 };
	const payload = { dataset: datasetId, models: [{ model: "valid", params, search }] };
	const launched = await stack.app.inject({ method: "POST", url: "/experiments", payload });
	const { searches, runs } = launched.json();
	const view = async () => (await stack.app.inject({ method: "GET", url: `/searches/${searches[0].id}` })).json();
	const chosen = async (): Promise<Map<number, string>> =>
		new Map(
			(await view()).history
				.filter((trial: { chosen: object | null }) => trial.chosen)
				.map((trial: { number: number; chosen: object }) => [trial.number, JSON.stringify(trial.chosen)]),
		);
	const first = stack.startWorker({ RUN_CONCURRENCY: "2" });
	await until("two trials are under way", async () => (await chosen()).size >= 2);
	await first.end("SIGKILL");
	const before = await chosen();
	stack.startWorker({ RUN_CONCURRENCY: "2" });
	await until("a third is", async () => (await chosen()).size >= 3);
	await stack.trainer().end("SIGKILL");
	stack.startTrainer();
	await until("the search is over", async () => (await view()).isOver, 150);
	const after = await chosen();
	for (const [number, configuration] of before) expect(after.get(number)).toBe(configuration);
	expect(after.size).toBe(TRIALS);
	expect(new Set(after.values()).size).toBe(TRIALS);
	const { counts, best } = await view();
	expect(counts.complete + counts.pruned).toBe(TRIALS);
	expect(runs.map(({ id }: { id: string }) => id)).toContain(best.runId);
	// Of several that come to a rung at least one goes on, and the worst of three does not.
	expect(counts.complete).toBeGreaterThan(0);
	expect(counts.pruned).toBeGreaterThan(0);
	await expectSound(stack);
});
