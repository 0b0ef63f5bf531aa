// What a transaction has forgotten is deleted by the worker, whoever forgot it.
import { until } from "../../support/processes.js";
import { startWorker, type TestWorker } from "../../support/worker.js";

let worker: TestWorker;
beforeAll(async () => {
	worker = await startWorker();
});
afterAll(() => worker?.close());

test("noted artifacts are deleted, then struck off", async () => {
	await worker.app.removals.note(worker.prisma, ["runs/a", "runs/b"]);
	await until("nothing is left", async () => (await worker.prisma.artifactRemoval.count()) === 0, 5);
	expect(worker.trainer.deleted).toEqual(expect.arrayContaining(["runs/a", "runs/b"]));
});
