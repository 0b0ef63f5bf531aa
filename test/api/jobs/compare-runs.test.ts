// A comparison as the worker leaves it.
import type { Prisma } from "../../../services/api/src/generated/prisma/client.js";
import type {
	CompareFinished,
	CompareRequest,
	CompareResponse,
} from "../../../services/api/src/generated/proto/trainer/v1/comparing.js";
import { until } from "../../support/processes.js";
import { epoch, finished, forEver, refusal, type Scripts, started } from "../../support/scripted-trainer.js";
import { startWorker, type TestWorker } from "../../support/worker.js";

let worker: TestWorker;
let runs: { id: string; seed: number; datasetId: string }[];
beforeAll(async () => {
	worker = await startWorker();
	worker.trainer.models = { valid: [], popularity: ["closed_form"] };
	worker.trainer.scripts.train = (request) => [started(), epoch(request, 1), finished(request, 1)];
	runs = [];
	for (let count = 0; count < 2; count++) {
		const id = await worker.submitRun();
		await worker.ends(id);
		const { seed, datasetId } = await worker.prisma.run.findUniqueOrThrow({ where: { id } });
		runs.push({ id, seed, datasetId });
	}
});
afterAll(() => worker?.close());

const valuesOf = (id: string) => ({ key: `values/${id}`, sha256: "f".repeat(64), bytes: 9, users: 5 });

function submit(script: Scripts["compare"]): Promise<string> {
	worker.trainer.scripts.compare = script;
	const groups = runs.map(({ id, seed }, place) => ({
		...{ name: `group ${place}`, model: place === 0 ? "valid" : "popularity", config: {} },
		runs: [{ id, seed }],
	}));
	return worker.submit("comparison", async (tx, id) => {
		await tx.comparison.create({
			data: {
				...{ id, name: "a comparison", datasetId: runs[0]?.datasetId as string, protocol: {}, baseline: null },
				...{ metrics: ["recall@20"], groups, draws: 2_000, seed: 3 },
			},
		});
		await tx.comparisonRun.createMany({
			data: runs.map((run) => ({
				...{ comparisonId: id, runId: run.id, values: valuesOf(run.id) as unknown as Prisma.InputJsonObject },
			})),
		});
	});
}

async function compared(script: Scripts["compare"]) {
	const id = await submit(script);
	const job = await worker.ends(id);
	return { job, comparison: await worker.prisma.comparison.findUniqueOrThrow({ where: { id } }) };
}

const interval = { low: 0.1, high: 0.3 };
const difference = {
	...{ group: 0, baseline: 1, metric: "recall@20", difference: 0.2, relative: Number.NaN, usersInterval: interval },
	...{ seedsInterval: undefined, t: Number.POSITIVE_INFINITY, pT: 0.01, pRandomisation: 0.01, effect: 0.5 },
	...{
		pRandomisationHolm: 0.01,
		pTHolm: 0.01,
		won: 3,
		tied: 1,
		lost: 1,
		pSeeds: Number.NaN,
		seedsTest: "",
		detectable: [],
	},
	...{ histogram: [{ from: 0, to: 0.5, users: 5 }], wonMost: [{ user: "u", value: 1, baseline: 0 }], lostMost: [] },
};
const found: CompareFinished = {
	...{ users: 5, family: 1, draws: 2_000, intervalMethod: "bca", seconds: 0.5 },
	...{ differences: [difference], overlaps: [] },
	means: [{ group: 0, metric: "recall@20", mean: 0.5, interval, seeds: 1, seedDeviation: Number.NaN }],
};
const progress = (done: number): CompareResponse => ({ event: { $case: "progress", value: { done, total: 4 } } });
const done: CompareResponse = { event: { $case: "finished", value: found } };

test("the trainer is given the values of every run; what it found is kept, what is not finite as null", async () => {
	let asked: CompareRequest | undefined;
	const { job, comparison } = await compared((request) => {
		asked = request;
		return [progress(3), done];
	});
	expect(job).toMatchObject({ state: "SUCCEEDED", crashes: 0 });
	expect(asked).toEqual({
		...{ comparisonId: comparison.id, datasetKey: `datasets/${runs[0]?.datasetId}`, baseline: -1 },
		...{ metrics: ["recall@20"], draws: 2_000, seed: 3 },
		groups: runs.map(({ id, seed }, place) => ({
			...{ name: `group ${place}`, runs: [{ runId: id, seed, values: valuesOf(id) }] },
			// Another seed of a closed form gives the same.
			closedForm: place === 1,
		})),
	});
	expect(comparison).toMatchObject({ done: 4, total: 4 });
	expect(comparison.result).toEqual({
		...found,
		differences: [{ ...difference, relative: null, seedsInterval: null, t: null, pSeeds: null, seedsTest: null }],
		means: [{ ...found.means[0], seedDeviation: null }],
	});
});

test("a crash of the child begins it again; what is refused fails it", async () => {
	let attempts = 0;
	const again = await compared(() =>
		++attempts === 1 ? [progress(1), refusal("INTERNAL", "trainer_crashed", "the child died")] : [done],
	);
	expect(again.job).toMatchObject({ state: "SUCCEEDED", crashes: 1, lease: 2 });
	const damaged = await compared(() => [refusal("FAILED_PRECONDITION", "values_corrupt", "the file is damaged")]);
	expect(damaged.job).toMatchObject({ state: "FAILED", errorCode: "values_corrupt" });
	expect(damaged.comparison.result).toBeNull();
});

test("a cancel stops the trainer", async () => {
	let isStopped = false;
	const id = await submit(async function* (_request, cancelled) {
		yield progress(1);
		await forEver(cancelled);
		isStopped = true;
	});
	await until("it has begun", async () => (await worker.prisma.comparison.findUnique({ where: { id } }))?.total === 4);
	expect(await worker.app.jobs.requestCancel(id)).toBe(true);
	expect((await worker.ends(id)).state).toBe("CANCELLED");
	await until("the trainer is told", () => isStopped);
});
