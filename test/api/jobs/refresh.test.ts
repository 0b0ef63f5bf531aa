// A refresh as the worker does it: what it leaves when it goes well, badly, or in pieces.
import { randomUUID } from "node:crypto";
import type { Prisma } from "../../../services/api/src/generated/prisma/client.js";
import { RemoteError } from "../../../services/api/src/grpc.js";
import { isFinal } from "../../../services/api/src/plugins/jobs.js";
import { beginAtTick, beginNow, enqueue } from "../../../services/api/src/refreshes/beginning.js";
import { pruneAll } from "../../../services/api/src/refreshes/ending.js";
import type { RefreshSpec } from "../../../services/api/src/refreshes/rule.js";
import type { Verdict } from "../../../services/api/src/refreshes/verdict.js";
import { type FakeRecommender, startFakeRecommender } from "../../support/fake-recommender.js";
import { until } from "../../support/processes.js";
import { epoch, finished, forEver, refitEpoch, refusal, started } from "../../support/scripted-trainer.js";
import { startWorker, type TestWorker } from "../../support/worker.js";

let worker: TestWorker;
let recommender: FakeRecommender;
/** Test recall of each model, as its training says. */
let recall: Record<string, number>;
/** Of what is deployed on a new snapshot. */
let measured: number;
/** What happens when the trainer or the recommender is asked for something, before it answers. */
let on: Partial<Record<"import" | "train" | "evaluate" | "refit" | "warm", () => Promise<unknown>>>;
let asked: string[];

const STATISTICS = {
	...{ users: 9, items: 9, interactions: 9, train: 7, valid: 1, test: 1, density: 0.1, duplicatesMerged: 0 },
	...{
		rowsSkipped: 0,
		belowThreshold: 0,
		coldDropped: 0,
		outsideWindow: 0,
		outsideCore: 0,
		foldIn: 0,
		times: undefined,
	},
	...{ titledItems: 0, taggedItems: 0, tags: 0, userDegrees: [], itemDegrees: [], problemsTotal: 0 },
};

beforeAll(async () => {
	recommender = await startFakeRecommender();
	worker = await startWorker({ RECOMMENDER_ADDRESS: recommender.address });
	const { scripts } = worker.trainer;
	worker.trainer.models = { valid: ["fold_in", "data_parallel"], plain: [], popularity: ["fold_in", "closed_form"] };
	const seeing = async (what: keyof typeof on) => {
		asked.push(what);
		await on[what]?.();
	};
	scripts.importDataset = async function* ({ digest }) {
		await seeing("import");
		const datasetKey = `datasets/${digest}`;
		const value = { datasetKey, splitDigest: datasetKey, statistics: STATISTICS };
		yield { event: { $case: "finished" as const, value } };
	};
	scripts.train = async function* (request) {
		await seeing(request.refit ? "refit" : "train");
		yield started();
		yield request.refit ? refitEpoch(request, 1) : epoch(request, 1, request.seed / 10);
		yield finished(request, 1, (recall[request.model] ?? 0) + (request.seed - 1) / 100);
	};
	scripts.evaluate = async function* () {
		await seeing("evaluate");
		const metrics = [{ split: "test", name: "recall@20", value: measured }];
		const value = { metrics, users: 5, seconds: 0.1, learntFrom: 2, unknownItems: 3, values: undefined, groups: [] };
		yield { event: { $case: "finished" as const, value } };
	};
	const { warm } = worker.app.recommender;
	worker.app.recommender.warm = async (request) => {
		await seeing("warm");
		return warm(request);
	};
});
beforeEach(() => {
	recall = { valid: 0.3, plain: 0.3, popularity: 0.1 };
	measured = 0.28;
	on = {};
	asked = [];
});
afterAll(async () => {
	await worker?.close();
	await recommender?.close();
});

let names = 0;
let rows = 0;
interface Options {
	spec?: Partial<RefreshSpec>;
	/** What is deployed beforehand: a model, or nothing. */
	deployed?: string | null;
}
/** A deployment with a rule and a feed of its own. */
async function subject({ spec = {}, deployed = "valid" }: Options = {}) {
	const { prisma, app } = worker;
	const name = `shop-${++names}`;
	const feed = await prisma.feed.create({ data: { name } });
	const push = async (count = 3) => {
		for (let n = 0; n < count; n++) {
			const id = `${++rows}`;
			const user = await prisma.feedUser.create({ data: { feedId: feed.id, id } });
			const item = await prisma.feedItem.create({ data: { feedId: feed.id, id } });
			const at = new Date(1_700_000_000_000 + rows * 1_000);
			await prisma.feedInteraction.create({ data: { feedId: feed.id, userKey: user.key, itemKey: item.key, at } });
		}
		await prisma.feed.update({ where: { id: feed.id }, data: { interactions: { increment: count } } });
	};
	await push();
	const whole: RefreshSpec = {
		feed: name,
		model: "valid",
		params: {},
		seeds: [1, 2],
		rule: { split: { kind: "temporal", quantiles: [0.8, 0.9] } },
		every: "1h",
		minNew: 1,
		gate: { metric: "recall@20", tolerance: 0.02, margin: 0 },
		refit: true,
		keep: { refreshes: 3 },
		paused: false,
		...spec,
	};
	await prisma.refreshRule.create({
		data: { deploymentName: name, feedId: feed.id, spec: whole as unknown as Prisma.InputJsonObject },
	});
	const first = deployed && (await deploy(name, deployed));
	const begin = async (force = false) => {
		const id = await prisma.$transaction((tx) => beginNow(app, tx, name, "key 1", force));
		await enqueue(app, id);
		return id;
	};
	/** To its end, and with what it has cleared up. */
	const renew = async (force = false) => ends(await begin(force));
	const all = () => prisma.refresh.findMany({ where: { deploymentName: name }, orderBy: { createdAt: "asc" } });
	const serves = async () => (await prisma.deployment.findUnique({ where: { name } }))?.checkpointId ?? null;
	const history = () =>
		prisma.deploymentHistory.findMany({ where: { deploymentName: name, cause: "refresh" }, orderBy: { id: "asc" } });
	return { name, feed, push, first, begin, renew, all, serves, history };
}

async function deploy(name: string, model: string): Promise<string> {
	const runId = await worker.submitRun();
	await worker.prisma.run.update({ where: { id: runId }, data: { model } });
	await worker.ends(runId);
	return serve(name, runId);
}
async function serve(name: string, runId: string): Promise<string> {
	const { id: checkpointId } = await worker.prisma.checkpoint.findFirstOrThrow({ where: { runId, isBest: true } });
	await worker.prisma.deployment.upsert({ where: { name }, create: { name, checkpointId }, update: { checkpointId } });
	const told = { runId, model: "m", epoch: 1, experimentName: "e", datasetName: "d" };
	await worker.prisma.deploymentHistory.create({ data: { deploymentName: name, checkpointId, ...told } });
	asked = [];
	return checkpointId;
}

async function ends(id: string) {
	const job = await until(
		"the refresh's end",
		async () => ((job) => isFinal(job.state) && job)(await worker.see(id)),
		30,
	);
	await until(
		"its delivery is over",
		async () => !(await worker.app.queue.knows({ kind: "refresh", id, lease: job.lease - 1 })),
	);
	const row = await worker.prisma.refresh.findUniqueOrThrow({ where: { id }, include: { refitRun: true } });
	return { job, row, verdict: row.verdict as Verdict };
}

test("all goes well: snapshot, both trained, measured, refit, switched in one piece, and the history tells why", async () => {
	const one = await subject();
	const { job, row, verdict } = await one.renew();
	expect([job.state, job.errorMessage]).toEqual(["SUCCEEDED", null]);
	expect(row).toMatchObject({ outcome: "switched", step: "switch", madeDataset: true, newInteractions: 3n });
	expect(asked).toEqual(["import", "train", "train", "train", "evaluate", "refit", "warm"]);
	expect(verdict).toMatchObject({
		metric: "recall@20",
		candidate: {
			value: expect.closeTo(0.305),
			seeds: [
				{ seed: 1, value: 0.3 },
				{ seed: 2, value: 0.31 },
			],
		},
		popularity: { value: 0.1 },
		deployed: { value: 0.28, on: "snapshot", learntFrom: 2, unknownItems: 3, checkpointId: one.first },
		needs: { deployed: expect.closeTo(0.2744), popularity: 0.1 },
		passed: true,
	});
	// The better seed by validation is refit, and its refit is served, with the feed of the rule.
	expect(row.refitRun).toMatchObject({ seed: 2, refitOfId: verdict.candidate.runId });
	const deployment = await worker.prisma.deployment.findUniqueOrThrow({ where: { name: one.name } });
	expect(deployment).toMatchObject({ checkpointId: row.newCheckpointId, feedId: one.feed.id });
	expect(await one.history()).toMatchObject([
		{ by: "key 1", reason: verdict.reason, refreshId: row.id, numbers: verdict, checkpointId: row.newCheckpointId },
	]);
	expect(verdict.reason).toContain("0.305");
	const steps = (await worker.events(row.id)).filter(({ type }) => type === "step");
	expect(steps.map(({ data }) => (data as { step: string }).step)).toEqual(["train", "compare", "refit", "switch"]);
});

test("its runs are trained on machines of the class, by the processes of the rule", async () => {
	const one = await subject({ spec: { class: "cpu", processes: 2, seeds: [1] } });
	const { job, row } = await one.renew();
	expect([job.state, job.errorMessage]).toEqual(["SUCCEEDED", null]);
	const where = { OR: [{ experimentId: row.experimentId as string }, { id: row.refitRunId as string }] };
	const runs = await worker.prisma.run.findMany({ where, include: { job: true }, orderBy: { position: "asc" } });
	const seen = runs.map(({ model, processes, refitOfId, job: { machineClass } }) => [
		...[model, processes, machineClass],
		refitOfId !== null,
	]);
	expect(seen).toHaveLength(3);
	expect(seen).toEqual(
		expect.arrayContaining([
			["valid", 2, "cpu", false],
			["popularity", 1, "cpu", false],
			["valid", 2, "cpu", true],
		]),
	);
});

test("refused by what is deployed, and by popularity: both keep their numbers and the reason, nothing is refit", async () => {
	const one = await subject();
	measured = 0.32;
	const worse = await one.renew();
	expect([worse.job.state, worse.row.outcome, worse.row.step]).toEqual(["SUCCEEDED", "refused", "compare"]);
	expect(worse.verdict).toMatchObject({
		passed: false,
		deployed: { value: 0.32 },
		candidate: { value: expect.closeTo(0.305) },
	});
	expect(worse.verdict.reason).toMatch(
		/Refused: recall@20 of the candidate is 0\.305; what is deployed has 0\.32, of which 2 %/,
	);
	measured = 0.01;
	recall.popularity = 0.4;
	await one.push();
	const dull = await one.renew();
	expect(dull.row.outcome).toBe("refused");
	expect(dull.verdict.reason).toContain("popularity has 0.4");
	expect(await one.serves()).toBe(one.first);
	expect(await one.history()).toEqual([]);
	expect(asked).not.toContain("refit");
	measured = Number.NaN;
	await one.push();
	expect((await one.renew()).verdict.reason).toContain("what is deployed is not known");
});

test("where nothing is deployed popularity alone is the gate, and the first refresh deploys", async () => {
	const one = await subject({ deployed: null, spec: { refit: false } });
	const { row, verdict } = await one.renew();
	expect(row.outcome).toBe("switched");
	expect(asked).not.toContain("evaluate");
	expect(asked).not.toContain("refit");
	expect(verdict.deployed).toBeNull();
	const checkpoint = await worker.prisma.checkpoint.findUniqueOrThrow({
		where: { id: (await one.serves()) as string },
	});
	expect(checkpoint.runId).toBe(verdict.candidate.runId);
});

test("a model that cannot fold in is measured by the test of the run that vouches for it", async () => {
	const one = await subject({ deployed: "plain", spec: { model: "plain" } });
	const { row, verdict } = await one.renew();
	expect(asked).not.toContain("evaluate");
	expect(verdict.deployed).toMatchObject({ on: "own", value: 0.36, model: "plain", learntFrom: null }); // seed 7
	expect(row.outcome).toBe("refused");
	await worker.prisma.metric.deleteMany({ where: { runId: verdict.deployed?.runId ?? "", split: "test" } });
	await one.push();
	expect((await one.renew()).verdict.reason).toContain("what is deployed is not known");

	// Tested under another protocol it is measured again, on the dataset whose people it knows.
	const run = await worker.prisma.run.findUniqueOrThrow({ where: { id: verdict.deployed?.runId ?? "" } });
	const where = { id: run.experimentId };
	await worker.prisma.experiment.update({ where, data: { maskTest: "train+valid" } });
	measured = 0.9;
	await one.push();
	expect((await one.renew()).row.outcome).toBe("refused");
	expect(asked).toContain("evaluate");
	// So it is where the metric of the gate was not measured.
	await worker.prisma.experiment.update({ where, data: { maskTest: "train", metrics: ["ndcg"] } });
	await one.push();
	asked = [];
	const again = await one.renew();
	expect(asked).toContain("evaluate");
	expect(again.row.outcome).toBe("refused");
	expect(again.verdict.deployed).toMatchObject({ on: "own", value: 0.9, runId: run.id });

	// One good number does not refuse for ever: the same configuration on a newer snapshot counts.
	const alike = await worker.prisma.run.findUniqueOrThrow({ where: { id: again.verdict.candidate.runId } });
	await worker.prisma.run.update({ where: { id: run.id }, data: { configHash: alike.configHash } });
	await one.push();
	asked = [];
	const last = await one.renew();
	expect(asked).not.toContain("evaluate");
	expect(last.verdict.deployed).toMatchObject({
		on: "own",
		value: 0.3,
		runId: again.verdict.candidate.seeds[0]?.runId,
	});
	expect(last.row.outcome).toBe("switched");
});

test("what a refit had learnt from is no measure of it: the run that vouches for it is measured", async () => {
	const one = await subject();
	const first = await one.renew();
	await one.push();
	const second = await one.renew();
	expect(second.row.previousCheckpointId).toBe(first.row.newCheckpointId);
	expect(second.verdict.deployed).toMatchObject({
		runId: first.verdict.candidate.runId,
		checkpointId: first.row.newCheckpointId,
	});
	const evaluation = await worker.prisma.evaluation.findUniqueOrThrow({ where: { id: second.row.evaluationId ?? "" } });
	expect(evaluation).toMatchObject({ runId: first.verdict.candidate.runId, datasetId: second.row.datasetId });
});

test("a crash at each step: another worker goes on where it stood, and it is switched once", async () => {
	const one = await subject();
	const crashed = new Set<string>();
	for (const place of ["import", "train", "evaluate", "refit", "warm"] as const) {
		on[place] = async () => {
			if (crashed.has(place)) return;
			crashed.add(place);
			// As the reaper leaves it; the first owner finds its lease gone.
			const { id } = (await one.all())[0] as { id: string };
			await worker.prisma.job.update({ where: { id }, data: { state: "QUEUED", queuedAt: new Date(0) } });
			await until("another claims it", async () => (await worker.see(id)).lease > crashed.size, 30);
		};
	}
	const { job, row } = await one.renew();
	expect([job.state, job.lease, row.outcome]).toEqual(["SUCCEEDED", 6, "switched"]);
	expect(crashed.size).toBe(5);
	expect(await one.history()).toHaveLength(1);
	expect(await worker.prisma.dataset.count({ where: { feed: { path: ["name"], equals: one.name } } })).toBe(1);
	expect(await worker.prisma.experiment.count({ where: { name: { startsWith: `Refresh of ${one.name},` } } })).toBe(1);
	expect(await worker.prisma.run.count({ where: { experimentId: row.experimentId ?? "" } })).toBe(4);
	expect(await worker.prisma.evaluation.count({ where: { datasetId: row.datasetId } })).toBe(1);
});

test("whoever waits has its crash budget anew once a part gets further, also within a step", async () => {
	const one = await subject({ spec: { refit: false } });
	let trained = 0;
	on.train = async () => {
		if (++trained < 3) return;
		const { id } = (await one.all())[0] as { id: string };
		await worker.prisma.job.update({ where: { id }, data: { crashesInPlace: 2 } });
		// As the next owner finds it; what the others do meanwhile is further than where it begins.
		await worker.prisma.job.update({ where: { id }, data: { state: "QUEUED", queuedAt: new Date(0) } });
		await until("another claims it", async () => (await worker.see(id)).lease > 1, 30);
		expect((await worker.see(id)).crashesInPlace).toBe(2);
		const { experimentId } = (await one.all())[0] as { experimentId: string };
		const mine = { experimentId, job: { state: "RUNNING" as const } };
		const { id: runId } = await worker.prisma.run.findFirstOrThrow({ where: mine });
		const further = async () => {
			await worker.prisma.job.update({ where: { id: runId }, data: { eventSeq: { increment: 1 } } });
			return (await worker.see(id)).crashesInPlace === 0;
		};
		await until("it has got further", further, 30);
		expect((await one.all())[0]?.step).toBe("train");
	};
	expect((await one.renew()).row.outcome).toBe("switched");
});

test("whoever deploys something else meanwhile is left alone", async () => {
	const one = await subject();
	on.warm = async () => {
		on = {};
		await serve(one.name, await trained());
	};
	const trained = async () => {
		const id = await worker.submitRun();
		await worker.ends(id);
		return id;
	};
	const { row, verdict } = await one.renew();
	expect(row).toMatchObject({ outcome: "refused", newCheckpointId: null });
	expect(verdict.reason).toContain("something else was deployed");
	expect(await one.history()).toEqual([]);
});

test("a first refresh waits for whoever deploys under the name at the moment of its switch, and leaves them alone", async () => {
	const one = await subject({ deployed: null, spec: { refit: false } });
	const runId = await worker.submitRun();
	await worker.ends(runId);
	const { id: checkpointId } = await worker.prisma.checkpoint.findFirstOrThrow({ where: { runId, isBest: true } });
	let deploying: Promise<unknown> | undefined;
	on.warm = () =>
		new Promise((resolve) => {
			on = {};
			deploying = worker.prisma.$transaction(async (tx) => {
				await tx.deployment.create({ data: { name: one.name, checkpointId } });
				resolve(undefined);
				const waiting = () =>
					tx.$queryRaw<unknown[]>`SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'`;
				await until("the refresh waits for it", async () => (await waiting()).length > 0, 30);
			});
		});
	const { row, verdict } = await one.renew();
	await deploying;
	expect(row).toMatchObject({ outcome: "refused", newCheckpointId: null });
	expect(verdict.reason).toContain("something else was deployed");
	expect(await one.serves()).toBe(checkpointId);
	expect(await one.history()).toEqual([]);
});

test("a part that fails ends it with its code, one that somebody cancels cancels it; the rest is cancelled, too", async () => {
	const one = await subject();
	const script = worker.trainer.scripts.train;
	worker.trainer.scripts.train = async function* (request, cancelled) {
		yield started();
		if (request.seed === 1 && request.model === "valid")
			yield refusal("INTERNAL", "diverged", "the loss is not finite");
		else await forEver(cancelled);
	};
	const failed = await one.renew();
	expect(failed.job).toMatchObject({ state: "FAILED", errorCode: "diverged" });
	expect(failed.job.errorMessage).toContain("the loss is not finite");
	const open = (experimentId: string | null) =>
		worker.prisma.run.count({
			where: { experimentId: experimentId ?? "", job: { state: { in: ["QUEUED", "RUNNING"] } } },
		});
	await until("its other runs end", async () => (await open(failed.row.experimentId)) === 0, 30);

	// It came to nothing: the same interactions are new again.
	worker.trainer.scripts.train = async function* (_request, cancelled) {
		yield started();
		await forEver(cancelled);
	};
	const id = await one.begin();
	const row = await until(
		"it trains",
		async () => {
			const row = await worker.prisma.refresh.findUniqueOrThrow({
				where: { id },
				include: { experiment: { include: { runs: true } } },
			});
			return row.experiment && row;
		},
		20,
	);
	expect(row.datasetId).toBe(failed.row.datasetId);
	await worker.app.jobs.requestCancel(row.experiment?.runs[1]?.id as string);
	expect((await ends(id)).job.state).toBe("CANCELLED");
	await until("its runs end", async () => (await open(row.experimentId)) === 0, 30);

	const third = await one.begin();
	await until(
		"it trains",
		async () => (await worker.prisma.refresh.findUniqueOrThrow({ where: { id: third } })).experimentId,
		20,
	);
	await worker.app.jobs.requestCancel(third);
	const cancelled = await ends(third);
	expect([cancelled.job.state, cancelled.row.outcome]).toEqual(["CANCELLED", null]);
	await until("its runs end", async () => (await open(cancelled.row.experimentId)) === 0, 30);
	worker.trainer.scripts.train = script;
	await worker.prisma.job.update({ where: { id: third }, data: { state: "FAILED" } });
	await beginAtTick(worker.app, one.name);
	expect(await one.all()).toHaveLength(3); // it rests after a failure
	await worker.prisma.job.update({ where: { id: third }, data: { state: "CANCELLED" } });
	expect(await one.serves()).toBe(one.first);
	expect((await one.renew()).row.outcome).toBe("switched");
});

test("a tick begins one when enough is new, makes no row after row of nothing, and none while one is open", async () => {
	const one = await subject({ spec: { minNew: 3 } });
	const tick = () => beginAtTick(worker.app, one.name);
	await tick();
	await tick();
	const [first] = await one.all();
	expect(await one.all()).toHaveLength(1);
	await ends(first?.id as string);
	await one.push(2);
	for (let n = 0; n < 3; n++) await tick();
	expect((await one.all()).slice(1)).toMatchObject([
		{ outcome: "skipped", skips: 2, newInteractions: 2n, trigger: "schedule" },
	]);
	await expect(one.begin()).rejects.toThrow("2 interactions are new");
	await one.push(1);
	await tick();
	const [, , third] = await one.all();
	expect(third).toMatchObject({ newInteractions: 3n, outcome: null });
	await expect(one.begin()).rejects.toThrow("is open");
	expect((await ends(third?.id as string)).row.outcome).toBe("switched");
	await tick();
	expect(await one.all()).toHaveLength(4);
	await worker.prisma.refreshRule.update({ where: { deploymentName: one.name }, data: { paused: true } });
	await one.push(5);
	await tick();
	expect(await one.all()).toHaveLength(4);
	const again = await one.renew(true);
	expect(again.row).toMatchObject({ outcome: "switched", trigger: "person", by: "key 1", newInteractions: 5n });
});

test("of older ones snapshots and experiments go, but not what is served, would be gone back to, or a person is on", async () => {
	const one = await subject({ spec: { keep: { refreshes: 1 } } });
	const mineId = randomUUID();
	const comparisonId = randomUUID();
	const done = [];
	for (let n = 0; n < 5; n++) {
		// The fourth and fifth are refused: what is served is then of the third.
		measured = n < 3 ? 0.1 : 0.9;
		done.push(await one.renew());
		if (n === 0) {
			const dataset = done[0]?.row.datasetId as string;
			const mine = {
				id: randomUUID(),
				name: "a person's",
				datasetId: dataset,
				spec: {},
				maskTest: "train",
				cutoffs: [20],
			};
			await worker.prisma.experiment.create({ data: { ...mine, protocolHash: "p" } });
		}
		if (n === 3) {
			const mine = { runId: done[3]?.verdict.candidate.runId as string, epoch: 1, split: "test", maskTest: "train" };
			await worker.prisma.job.create({ data: { id: mineId, kind: "evaluation", state: "SUCCEEDED" } });
			await worker.prisma.evaluation.create({ data: { id: mineId, ...mine, cutoffs: [20], protocolHash: "p" } });
			const compared = {
				...{ id: comparisonId, name: "a person's", datasetId: done[3]?.row.datasetId as string, protocol: {} },
				...{ metrics: [], groups: [], draws: 1, seed: 1 },
				runs: { create: { runId: mine.runId, values: {} } },
			};
			await worker.prisma.job.create({ data: { id: comparisonId, kind: "comparison", state: "SUCCEEDED" } });
			await worker.prisma.comparison.create({ data: compared });
		}
		await one.push();
	}
	expect(done.map(({ row }) => row.outcome)).toEqual(["switched", "switched", "switched", "refused", "refused"]);
	expect((await one.all())[3]?.experimentId).not.toBeNull(); // a person has measured a run of it
	await worker.prisma.job.delete({ where: { id: mineId } });
	await pruneAll(worker.app);
	expect((await one.all())[3]?.experimentId).not.toBeNull(); // and has compared it
	await worker.prisma.job.delete({ where: { id: comparisonId } });
	await until("the fourth is forgotten", async () => (await one.all())[3]?.datasetId === null, 30);
	const left = (await one.all()).map(({ datasetId, experimentId }) => [datasetId !== null, experimentId !== null]);
	expect(left).toEqual([
		[true, false], // a person's experiment is on the snapshot
		[true, true], // would be gone back to
		[true, true], // is served, by a refit of a run of it
		[false, false],
		[true, true], // the latest
	]);
	expect(await one.serves()).toBe(done[2]?.row.newCheckpointId);
	expect((await one.all())[3]?.verdict).toMatchObject({ passed: false, deployed: { value: 0.9 } });
	expect(worker.trainer.deleted).toContain(`runs/${done[3]?.verdict.candidate.runId}`);
});

test("a recommender that is away is waited for", async () => {
	const one = await subject({ spec: { refit: false } });
	let times = 0;
	on.warm = async () => {
		if (++times < 3) throw new RemoteError("unavailable", "away");
	};
	const { job, row } = await one.renew();
	expect([job.state, job.crashes, row.outcome, times]).toEqual(["SUCCEEDED", 0, "switched", 3]);
});

test("a rule ticks by itself, its schedule comes back when the queue has lost it, and ends with the rule", async () => {
	const one = await subject({ spec: { every: "1s", refit: false } });
	const scheduled = async () => (await worker.app.queue.schedules()).find(({ id }) => id === one.name);
	const begun = await until("it has begun by itself", async () => (await one.all())[0], 30);
	expect(begun.trigger).toBe("schedule");
	expect((await ends(begun.id)).row.outcome).toBe("switched");
	await until("the next ticks find nothing new", async () => ((await one.all())[1]?.skips ?? 0) >= 1, 30);
	await worker.app.queue.unschedule(one.name);
	await until("it is there again", scheduled, 30);
	const since = new Date(Date.now() - 49 * 3_600_000);
	const nightly = { ...(begun.spec as object), every: undefined, cron: "0 3 * * *", timezone: "UTC" };
	await worker.prisma.refreshRule.update({
		where: { deploymentName: one.name },
		data: { spec: nightly, updatedAt: since },
	});
	await until("it is nightly", async () => (await scheduled())?.cron, 30);
	await worker.prisma.refresh.updateMany({ where: { deploymentName: one.name }, data: { checkedAt: since } });
	const before = (await one.all()).at(-1)?.skips ?? 0;
	await worker.app.queue.unschedule(one.name);
	const isMadeUpFor = async () => {
		const last = (await one.all()).at(-1);
		return last && last.checkedAt > since && last.skips > before;
	};
	await until("the night that nobody has heard is made up for", isMadeUpFor, 30);
	const spec = { ...(begun.spec as object), every: "2h" };
	await worker.prisma.refreshRule.update({ where: { deploymentName: one.name }, data: { spec } });
	await until("it has changed", async () => (await scheduled())?.every === 7_200_000, 30);
	await worker.prisma.refreshRule.delete({ where: { deploymentName: one.name } });
	await until("it has gone", async () => !(await scheduled()), 30);
});
