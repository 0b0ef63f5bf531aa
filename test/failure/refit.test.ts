// A refit with a real trainer, whatever dies: it ends with the bits of an undisturbed one, and there is one of it.
import { isFinal } from "../../services/api/src/plugins/jobs.js";
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

const refit = async (run: string): Promise<string> => {
	const reply = await stack.app.inject({ method: "POST", url: `/runs/${run}/refit` });
	if (reply.statusCode !== 202) throw new Error(`no refit: ${reply.body}`);
	return reply.json().id;
};

test("worker and trainer killed in the middle: it ends with the same bits, after the steps of the best epoch", async () => {
	stack.startWorker();
	const second = await stack.launch();
	const undisturbed = await refit(stack.undisturbed);
	expect((await stack.ends(second)).job.state).toBe("SUCCEEDED");
	const calm = await stack.ends(undisturbed);
	const vouching = await stack.see(stack.undisturbed);
	expect(calm).toMatchObject({ job: { state: "SUCCEEDED" }, bestSteps: vouching.bestSteps, stopReason: "steps" });
	expect(calm.parametersSha256).not.toBe(vouching.parametersSha256);
	await stack.endWorkers();

	const killed = await refit(second);
	const worker = stack.startWorker();
	await stack.reaches(killed, 2);
	await worker.end("SIGKILL");
	stack.startWorker();
	await until("the refit moves on", async () => (await stack.see(killed)).job.lease === 2);
	await stack.reaches(killed, 4);
	await stack.trainer().end("SIGKILL");
	stack.startTrainer();
	const ended = await stack.ends(killed);
	expect(ended.job).toMatchObject({ state: "SUCCEEDED", crashes: 2 });
	expect([ended.parametersSha256, ended.bestSteps]).toEqual([calm.parametersSha256, calm.bestSteps]);
	await expectSound(stack);
});

test("refit: true outlives the worker that saw the last run end", async () => {
	const { datasetId } = await stack.see(stack.undisturbed);
	const models = [
		{ model: "valid", params: { k: 2, embedding_size: 16, encoder_size: 16, epochs: 2, patience: 2 } },
		{ model: "popularity" },
	];
	const payload = { dataset: datasetId, models, refit: true };
	const { id } = (await stack.app.inject({ method: "POST", url: "/experiments", payload })).json();
	const view = async () => (await stack.app.inject({ method: "GET", url: `/experiments/${id}` })).json();
	const worker = stack.startWorker();
	await until("the last run's end", async () => isFinal((await view()).state));
	await worker.end("SIGKILL");
	stack.startWorker();
	const { best, refits } = await until("its best run is refit", async () =>
		((one) => one.refits.length > 0 && one.refits.every((run: { state: "QUEUED" }) => isFinal(run.state)) && one)(
			await view(),
		),
	);
	expect(refits).toMatchObject([{ state: "SUCCEEDED", vouchedBy: best.runId, metrics: expect.anything() }]);
	expect(Object.keys(refits[0].metrics).some((name) => name.startsWith("test."))).toBe(false);
	await expectSound(stack);
});
