// A job that the queue lost is found again, however many stand before it.
import { randomUUID } from "node:crypto";
import Fastify, { type FastifyInstance } from "fastify";
import fp from "fastify-plugin";
import { readConfig } from "../../../services/api/src/config.js";
import reconciler from "../../../services/api/src/jobs/reconciler.js";
import prisma from "../../../services/api/src/plugins/prisma.js";
import type { JobQueue } from "../../../services/api/src/plugins/queue.js";
import { createDatabase, type Database } from "../../support/database.js";
import { until } from "../../support/processes.js";

const BEFORE = 1_200;
let database: Database;
let app: FastifyInstance;
beforeEach(async () => {
	database = await createDatabase();
	app = Fastify();
	app.decorate("config", readConfig({ DATABASE_URL: database.url, TIMING_SCALE: "100" }));
	await app.register(prisma);
});
afterEach(async () => {
	await app?.close();
	await database?.drop();
});
const at = (minutes: number) => new Date(Date.now() - minutes * 60_000);

/** Beside a queue that knows some; what it is given. */
async function reconcile(isKnown: (id: string) => boolean): Promise<string[]> {
	const added: string[] = [];
	const queue: Pick<JobQueue, "knows" | "add"> = {
		knows: async ({ id }) => isKnown(id),
		add: async ({ id }) => void added.push(id),
	};
	await app.register(fp(async (one) => void one.decorate("queue", queue as JobQueue), { name: "queue" }));
	await app.register(fp(async () => undefined, { name: "jobs" }));
	await app.register(reconciler);
	await app.ready();
	return added;
}

test("a long queue hides no lost job behind its first part", async () => {
	const lost = randomUUID();
	const waiting = Array.from({ length: BEFORE }, () => ({ id: randomUUID(), kind: "run" as const, queuedAt: at(10) }));
	await app.prisma.job.createMany({ data: [...waiting, { id: lost, kind: "import", queuedAt: at(5) }] });
	const added = await reconcile((id) => id !== lost);
	await until("the lost job is added", () => added.includes(lost));
	expect(new Set(added)).toEqual(new Set([lost]));
	await until("the next time round too", () => added.length > 1);
}, 30_000);

test("a queue that came back empty is given the runs of an experiment in their order, though they wait since one moment", async () => {
	const [datasetId, experimentId] = [randomUUID(), randomUUID()];
	const runs = Array.from({ length: BEFORE }, () => randomUUID());
	const [older, newer] = [randomUUID(), randomUUID()];
	const queuedAt = at(5);
	await app.prisma.job.createMany({
		data: [
			{ id: datasetId, kind: "import", state: "SUCCEEDED" },
			...runs.map((id) => ({ id, kind: "run" as const, queuedAt })),
			{ id: newer, kind: "import", queuedAt: at(4) },
			{ id: older, kind: "import", queuedAt: at(6) },
		],
	});
	await app.prisma.dataset.create({
		data: { id: datasetId, name: "a dataset", digest: datasetId, rule: {}, files: [] },
	});
	const experiment = { id: experimentId, name: "many", datasetId, spec: {}, maskTest: "train", cutoffs: [20] };
	await app.prisma.experiment.create({ data: { ...experiment, protocolHash: "p" } });
	const shared = { experimentId, datasetId, model: "valid", config: {}, configHash: "c" };
	await app.prisma.run.createMany({
		data: runs.map((id, position) => ({ ...shared, id, seed: position, position })),
	});
	const added = await reconcile(() => false);
	const expected = [older, ...runs, newer];
	await until("all are added", () => added.length >= expected.length);
	expect(added.slice(0, expected.length)).toEqual(expected);
}, 30_000);
