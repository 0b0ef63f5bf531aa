// An import as the worker leaves it: statistics or problems, and nothing staged any more.
import { until } from "../../support/processes.js";
import { forEver, refusal } from "../../support/scripted-trainer.js";
import { startWorker, type TestWorker } from "../../support/worker.js";

let worker: TestWorker;
beforeAll(async () => {
	worker = await startWorker();
});
afterAll(() => worker?.close());

const progress = (stage: string, rowsRead: number, fraction: number, problems = 0) => ({
	event: { $case: "progress" as const, value: { stage, rowsRead, fraction, problems } },
});
const problem = (line: number) => ({
	event: {
		$case: "problem" as const,
		value: { code: "bad_rating", file: "a.csv", line, column: "rating", message: "is not a number" },
	},
});
const finished = {
	event: {
		$case: "finished" as const,
		value: {
			datasetKey: "datasets/x",
			splitDigest: "s",
			statistics: {
				users: 2,
				items: 3,
				interactions: 4,
				train: 2,
				valid: 1,
				test: 1,
				density: 0.5,
				duplicatesMerged: 0,
				rowsSkipped: 1,
				belowThreshold: 0,
				coldDropped: 0,
				outsideWindow: 5,
				outsideCore: 0,
				foldIn: 0,
				times: { fromMs: 1000, toMs: 2000, form: "seconds", unknown: 0, cutsMs: [] },
				titledItems: 3,
				taggedItems: 2,
				tags: 4,
				userDegrees: [{ low: 1, high: 1, count: 2 }],
				itemDegrees: [],
				problemsTotal: 250,
			},
		},
	},
};
const see = (id: string) => worker.prisma.dataset.findUniqueOrThrow({ where: { id } });

test("an import that goes well: statistics, every stage, the first hundred problems, and the uploads are gone", async () => {
	worker.trainer.scripts.importDataset = () => [
		progress("parsing", 0, 0),
		progress("parsing", 10, 0.1),
		problem(0), // of a whole file: kept wherever it is told, and takes no row's place
		...Array.from({ length: 250 }, (_, index) => problem(index + 1)),
		problem(0),
		progress("writing", 20, 0.9),
		finished,
	];
	const id = await worker.submitImport();
	expect((await worker.ends(id)).state).toBe("SUCCEEDED");
	const dataset = await see(id);
	expect(dataset).toMatchObject({ artifactKey: "datasets/x", splitDigest: "s", statistics: { users: 2 } });
	expect(dataset.problems).toHaveLength(102);
	expect(dataset.problemsTotal).toBe(250);
	const stages = (await worker.events(id)).filter(({ type }) => type === "progress");
	expect(stages.map(({ data }) => (data as { stage: string }).stage)).toEqual(["parsing", "writing"]);
	await until("the uploads are discarded", () => worker.trainer.deleted.includes(`uploads/${id}`));
});

test("what is left to remove of the same bytes, deleted before, is forgone before the trainer is asked", async () => {
	let left = -1;
	worker.trainer.scripts.importDataset = async function* () {
		left = await worker.prisma.artifactRemoval.count({ where: { key: { startsWith: "datasets/" } } });
		yield finished;
	};
	worker.trainer.refuseDeletes = refusal("UNAVAILABLE", "unavailable", "it restarts");
	try {
		await worker.app.removals.note(worker.prisma, ["datasets/again"]);
		const id = await worker.submitImport("again");
		expect((await worker.ends(id)).state).toBe("SUCCEEDED");
		expect(left).toBe(0);
	} finally {
		worker.trainer.refuseDeletes = null;
	}
});

test("a bad dataset: its code, its message and its problems; nothing else is stored", async () => {
	worker.trainer.scripts.importDataset = () => [
		problem(3),
		progress("merging", 5_000, 0.8, 4_321),
		refusal("FAILED_PRECONDITION", "missing_column", "line 1 of a.csv has no column uid"),
	];
	const id = await worker.submitImport();
	expect(await worker.ends(id)).toMatchObject({
		state: "FAILED",
		errorCode: "missing_column",
		errorMessage: "line 1 of a.csv has no column uid",
	});
	expect(await see(id)).toMatchObject({
		artifactKey: null,
		statistics: null,
		problems: [{ line: 3 }],
		problemsTotal: 4_321,
	});
});

test("a child that dies is tried again", async () => {
	let attempts = 0;
	worker.trainer.scripts.importDataset = () =>
		++attempts === 1 ? [progress("parsing", 0, 0), refusal("UNAVAILABLE", "trainer_crashed", "SIGKILL")] : [finished];
	const id = await worker.submitImport();
	expect(await worker.ends(id)).toMatchObject({ state: "SUCCEEDED", lease: 2, crashes: 1 });
});

test("cancelled while it works: the call is cancelled", async () => {
	let isCancelled = false;
	worker.trainer.scripts.importDataset = async function* (_, cancelled) {
		yield progress("parsing", 0, 0);
		await forEver(cancelled);
		isCancelled = true;
	};
	const id = await worker.submitImport();
	await until("it works", async () => (await worker.see(id)).state === "RUNNING");
	await worker.app.jobs.requestCancel(id);
	expect((await worker.ends(id)).state).toBe("CANCELLED");
	await until("the trainer hears of it", () => isCancelled, 5);
	expect(await see(id)).toMatchObject({ artifactKey: null, statistics: null });
});
