// The connection is lost right after a commit, before its answer: what was done is done once, and no process ends of it.
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import Fastify from "fastify";
import { readConfig } from "../../services/api/src/config.js";
import { migrate, readMigrations } from "../../services/api/src/migrate.js";
import prismaPlugin, { isDatabaseAway } from "../../services/api/src/plugins/prisma.js";
import queuePlugin from "../../services/api/src/plugins/queue.js";
import { startCuttingProxy } from "../chaos/cutting-proxy.js";
import { createDatabase } from "../support/database.js";

const ID = "00000000-0000-4000-8000-000000000000";

test("a migration is refused and is not applied twice", async () => {
	const database = await createDatabase({ isMigrated: false });
	const proxy = await startCuttingProxy(database.url);
	try {
		proxy.cutAfterCommits(true);
		await expect(migrate(proxy.url)).rejects.toThrow(/terminat/);
		proxy.cutAfterCommits(false);
		const all = await readMigrations();
		expect(await migrate(proxy.url)).toEqual(all.slice(1).map(({ name }) => name));
	} finally {
		proxy.stop();
		await database.drop();
	}
});

test("a queue on PostgreSQL that loses its connections while it opens ends the start, and the next one is whole", async () => {
	const database = await createDatabase();
	const proxy = await startCuttingProxy(database.url);
	const prefix = `test_${randomBytes(6).toString("hex")}`;
	const start = async () => {
		const app = Fastify();
		app.decorate("config", readConfig({ DATABASE_URL: proxy.url, QUEUE_PREFIX: prefix }));
		await app.register(queuePlugin);
		return app;
	};
	const cut = await start();
	try {
		proxy.cutAfterCommits(true);
		await expect(cut.ready()).rejects.toThrow();
		expect(proxy.cutAfterCommits(false)).toBeGreaterThan(0);
	} finally {
		await cut.close();
	}
	const next = await start();
	try {
		await next.ready();
		await next.queue.add({ kind: "run", id: ID, lease: 0 });
		expect(await next.queue.knows({ kind: "run", id: ID, lease: 0 })).toBe(true);
	} finally {
		await next.close();
		proxy.stop();
		await database.drop();
	}
});

test("a connection lost between two statements of a transaction is a database that is away, no error of ours", async () => {
	const database = await createDatabase();
	const proxy = await startCuttingProxy(database.url);
	const app = Fastify();
	app.decorate("config", readConfig({ DATABASE_URL: proxy.url }));
	await app.register(prismaPlugin);
	try {
		await app.ready();
		const work = app.prisma.$transaction(async (tx) => {
			await tx.job.count();
			proxy.cutAll();
			await sleep(200);
			await tx.job.count();
		});
		const error = await work.catch((error: unknown) => error);
		expect(error).toBeInstanceOf(Error);
		expect(isDatabaseAway(error)).toBe(true);
		expect(await app.prisma.job.count()).toBe(0);
	} finally {
		await app.close();
		proxy.stop();
		await database.drop();
	}
});
