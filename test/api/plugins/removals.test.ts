// A key may be used again: what is made under it anew is never taken for what was forgotten.
import { setTimeout as sleep } from "node:timers/promises";
import { startApi, type TestApi } from "../../support/api.js";
import { refusal } from "../../support/grpc-server.js";

let api: TestApi;
beforeAll(async () => {
	api = await startApi();
});
afterAll(() => api.close());

const noted = async () => (await api.app.prisma.artifactRemoval.findMany()).map(({ key }) => key);

test("what has been forgone is neither deleted nor noted again", async () => {
	const { removals, prisma } = api.app;
	await removals.note(prisma, ["datasets/a", "runs/a"]);
	await removals.forgo("datasets/a");
	await removals.carryOut(["datasets/a", "runs/a"]);
	expect(api.trainer.deleted).toEqual(["runs/a"]);
	expect(await noted()).toEqual([]);
});

test("who forgoes a key waits for its removal under way; another removal leaves it alone", async () => {
	const { removals, prisma } = api.app;
	await removals.note(prisma, ["datasets/b"]);
	let letGo = () => {};
	api.trainer.deletesWaitFor = new Promise((resolve) => {
		letGo = resolve;
	});
	let isForgone = false;
	try {
		const removal = removals.carryOut(["datasets/b"]);
		await sleep(300);
		const forgone = removals.forgo("datasets/b").then(() => {
			isForgone = true;
		});
		await removals.sweep();
		await sleep(300);
		expect(isForgone).toBe(false);
		letGo();
		await Promise.all([removal, forgone]);
		expect(api.trainer.deleted.filter((key) => key === "datasets/b")).toEqual(["datasets/b"]);
		expect(await noted()).toEqual([]);
	} finally {
		letGo();
		api.trainer.deletesWaitFor = null;
	}
});

test("what no row ever named waits for the sweep, too, when the trainer is away", async () => {
	const { removals } = api.app;
	api.trainer.refuseDeletes = refusal("UNAVAILABLE", "unavailable", "it restarts");
	try {
		await removals.discard(["uploads/c"]);
	} finally {
		api.trainer.refuseDeletes = null;
	}
	expect(await noted()).toEqual(["uploads/c"]);
	await removals.sweep();
	expect(api.trainer.deleted).toContain("uploads/c");
});
