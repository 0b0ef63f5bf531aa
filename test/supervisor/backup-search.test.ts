// A search in a backup: where it is restored it stands as before, and the trainer is told of it as it would have been.
import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { PrismaPg } from "@prisma/adapter-pg";
import { type JobState, PrismaClient } from "../../services/api/src/generated/prisma/client.js";
import { migrate } from "../../services/api/src/migrate.js";
import { proposedTrials } from "../../services/api/src/searches/trials.js";
import { searchDetail } from "../../services/api/src/views/search.js";
import { run } from "../support/backup-commands.js";
import { startPlaces } from "../support/backup-places.js";

jest.setTimeout(120_000);
let places: Awaited<ReturnType<typeof startPlaces>>;
beforeAll(async () => {
	places = await startPlaces();
});
afterAll(() => places?.stop());

async function using<T>(url: string, work: (prisma: PrismaClient) => Promise<T>): Promise<T> {
	const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) });
	return work(prisma).finally(() => prisma.$disconnect());
}

const [SEARCH, EXPERIMENT] = [randomUUID(), randomUUID()];
/** Of each trial: its job, what was chosen, the recall of its epochs, and why it ended. */
const TRIALS: [JobState, object | null, number[], string?][] = [
	["SUCCEEDED", { tau: 0.1 + 0.2 }, [0.1, 0.3], "max_epochs"],
	["SUCCEEDED", { tau: 0.6508030653977954 }, [0.2], "pruned"],
	["FAILED", { tau: 1e-7 }, []],
	["RUNNING", { tau: 0.5 }, [0.15]],
	["QUEUED", null, []],
];

/** Rows as a search in the middle leaves them, confirmed by an experiment. */
async function store(prisma: PrismaClient): Promise<void> {
	const datasetId = randomUUID();
	await prisma.job.create({ data: { id: datasetId, kind: "import", state: "SUCCEEDED" } });
	await prisma.dataset.create({ data: { id: datasetId, name: "d", digest: "d".repeat(64), rule: {}, files: [] } });
	const confirming = randomUUID();
	const shared = { datasetId, spec: {}, maskTest: "train", cutoffs: [20], protocolHash: "p" };
	for (const id of [confirming, EXPERIMENT]) await prisma.experiment.create({ data: { id, name: "e", ...shared } });
	const asked = { model: "valid", params: { k: 4 }, strategy: "tpe", seed: 1, prune: "halving" };
	const space = { tau: { low: 1e-9, high: 1, log: true } };
	const row = { experimentId: EXPERIMENT, position: 0, trials: TRIALS.length, space, confirmedById: confirming };
	await prisma.search.create({ data: { id: SEARCH, ...asked, ...row } });
	const winner = {
		experimentId: confirming,
		datasetId,
		config: {},
		configHash: "w",
		seed: 2,
		model: "valid",
		position: 0,
	};
	const winnerId = randomUUID();
	await prisma.job.create({ data: { id: winnerId, kind: "run", state: "QUEUED" } });
	await prisma.run.create({ data: { id: winnerId, ...winner } });
	for (const [trial, [state, chosen, values, stopReason = null]] of TRIALS.entries()) {
		const id = randomUUID();
		await prisma.job.create({ data: { id, kind: "run", state, lease: 1, eventSeq: 1 } });
		const of = { searchId: SEARCH, trial, position: trial, configHash: `${trial}`, seed: 1, model: "valid" };
		const config = { k: 4, ...chosen };
		const reached = { epoch: values.length, bestEpoch: values.length || null, bestValue: values.at(-1) ?? null };
		const made = { id, experimentId: EXPERIMENT, datasetId, config, stopReason, ...of, ...reached };
		await prisma.run.create({ data: { ...made, ...(chosen && { chosen }) } });
		const metric = { runId: id, split: "valid", name: "recall@20" };
		await prisma.metric.createMany({ data: values.map((value, at) => ({ ...metric, epoch: at + 1, value })) });
	}
}

const told = (url: string) =>
	using(url, (prisma) =>
		prisma.$transaction(async (tx) => ({
			search: await searchDetail(tx, SEARCH),
			trials: await proposedTrials(tx, SEARCH),
		})),
	);

test("every trial keeps its configuration and its epochs; the one that ran waits again, and is told as it was", async () => {
	const [here, there] = [await places.place("here"), await places.place("there")];
	await migrate(here.DATABASE_URL);
	mkdirSync(here.VALENCE_ARTIFACTS);
	await using(here.DATABASE_URL, store);
	const before = await told(here.DATABASE_URL);
	expect(before.search.counts).toEqual({ waiting: 1, running: 1, complete: 1, pruned: 1, failed: 1, cancelled: 0 });
	const file = join(places.root, "search.valence");
	expect(await run("backup", [file], here)).toMatchObject({ status: 0 });
	expect(await run("restore", [file], there)).toMatchObject({ status: 0 });
	const after = await told(there.DATABASE_URL);
	expect(after.trials).toEqual(before.trials);
	expect(after.trials.map(({ chosenJson, values }) => [JSON.parse(chosenJson), values])).toEqual(
		TRIALS.slice(0, 4).map(([, chosen, values]) => [chosen, values]),
	);
	const { counts, history, ...rest } = before.search;
	expect(after.search).toMatchObject({ ...rest, counts: { ...counts, waiting: 2, running: 0 } });
	expect(rest.confirmedBy).not.toBeNull();
	const states = (trials: typeof history) => trials.map(({ state }) => state);
	expect(states(after.search.history)).toEqual(states(history).with(3, "QUEUED"));
});
