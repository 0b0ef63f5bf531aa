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
beforeAll(async () => {
	database = await createDatabase();
	app = Fastify();
	app.decorate("config", readConfig({ DATABASE_URL: database.url, TIMING_SCALE: "100" }));
	await app.register(prisma);
});
afterAll(async () => {
	await app?.close();
	await database?.drop();
});

test("a long queue hides no lost job behind its first part", async () => {
	const lost = randomUUID();
	const at = (minutes: number) => new Date(Date.now() - minutes * 60_000);
	const waiting = Array.from({ length: BEFORE }, () => ({ id: randomUUID(), kind: "run" as const, queuedAt: at(10) }));
	await app.prisma.job.createMany({ data: [...waiting, { id: lost, kind: "import", queuedAt: at(5) }] });
	const added: string[] = [];
	const queue: Pick<JobQueue, "knows" | "add"> = {
		knows: async (_kind, id) => id !== lost,
		add: async (_kind, id) => void added.push(id),
	};
	await app.register(fp(async (one) => void one.decorate("queue", queue as JobQueue), { name: "queue" }));
	await app.register(fp(async () => undefined, { name: "jobs" }));
	await app.register(reconciler);
	await app.ready();
	await until("the lost job is added", () => added.includes(lost));
	expect(new Set(added)).toEqual(new Set([lost]));
	await until("the next time round too", () => added.length > 1);
}, 30_000);
