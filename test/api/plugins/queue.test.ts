// The queue on the backend under test, and what is left of the api when it is away.
import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import Fastify, { type FastifyInstance } from "fastify";
import pg from "pg";
import { readConfig } from "../../../services/api/src/config.js";
import queue from "../../../services/api/src/plugins/queue.js";
import { freePort } from "../../../services/supervisor/src/ports.js";
import { createDatabase, type Database } from "../../support/database.js";
import { until } from "../../support/processes.js";

let database: Database;
const open: FastifyInstance[] = [];
beforeAll(async () => {
	database = await createDatabase();
});
afterEach(async () => {
	await Promise.all(open.splice(0).map((app) => app.close()));
});
afterAll(() => database?.drop());

async function start(prefix: string, redisUrl = process.env.VALENCE_TEST_REDIS ?? ""): Promise<FastifyInstance> {
	const app = Fastify();
	const environment = { DATABASE_URL: database.url, REDIS_URL: redisUrl, QUEUE_PREFIX: prefix, TIMING_SCALE: "20" };
	app.decorate("config", readConfig(environment));
	await app.register(queue);
	await app.ready();
	open.push(app);
	return app;
}
const somePrefix = () => `test_${randomBytes(6).toString("hex")}`;

test("a job added twice is delivered once, and again under another lease", async () => {
	const prefix = somePrefix();
	const [producer, consumer] = [await start(prefix), await start(prefix)];
	const id = randomUUID();
	await producer.queue.add("run", id, 0);
	await producer.queue.add("run", id, 0);
	expect(await producer.queue.knows("run", id, 0)).toBe(true);
	expect(await producer.queue.knows("run", id, 1)).toBe(false);
	expect((await producer.queue.depth()).run).toMatchObject({ waiting: 1 });
	const delivered: string[] = [];
	consumer.queue.work("run", 2, async (jobId) => void delivered.push(jobId));
	await until("the first delivery", () => delivered.length === 1);
	await until("nothing is left", async () => !(await producer.queue.knows("run", id, 0)));
	await producer.queue.add("run", id, 1);
	await until("the second delivery", () => delivered.length === 2);
	expect(delivered).toEqual([id, id]);
});

test("a delivery that ended badly does not bar the job from being added again", async () => {
	const app = await start(somePrefix());
	const id = randomUUID();
	let attempts = 0;
	app.queue.work("import", 1, async () => {
		if (++attempts === 1) throw new Error("the database was away");
	});
	await app.queue.add("import", id, 0);
	await until(
		"the delivery failed and is forgotten",
		async () => attempts === 1 && !(await app.queue.knows("import", id, 0)),
	);
	await app.queue.add("import", id, 0);
	await until("it is delivered again", () => attempts === 2);
});

test("a delayed job is known, and delivered when its time has come", async () => {
	const app = await start(somePrefix());
	const id = randomUUID();
	let at = 0;
	app.queue.work("run", 1, async () => {
		at = Date.now();
	});
	const added = Date.now();
	await app.queue.add("run", id, 3, 500);
	expect(await app.queue.knows("run", id, 3)).toBe(true);
	await until("the delivery", () => at > 0);
	expect(at - added).toBeGreaterThanOrEqual(450);
});

test("closing takes no more jobs, raises the signal and waits for the job at work", async () => {
	const app = await start(somePrefix());
	let isDone = false;
	let taken = 0;
	app.queue.work("run", 1, async (_, shutdown) => {
		taken++;
		await new Promise<void>((resolve) => shutdown.addEventListener("abort", () => resolve()));
		await new Promise((resolve) => setTimeout(resolve, 300));
		isDone = true;
	});
	await app.queue.add("run", randomUUID(), 0);
	await app.queue.add("run", randomUUID(), 0);
	await until("it works", () => taken === 1);
	await app.close();
	expect(isDone).toBe(true);
	expect(taken).toBe(1);
});

test("closed while it starts, a worker leaves no connection to PostgreSQL open", async () => {
	const app = await start(somePrefix());
	app.queue.work("run", 1, async () => undefined);
	await app.close();
	await sleep(500);
	const client = new pg.Client({ connectionString: database.url });
	await client.connect();
	const named = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'run'";
	const { rows } = await client.query(named).finally(() => client.end());
	expect(rows).toEqual([]);
});

test("without Redis a producer fails fast, and the process ends in order", async () => {
	const app = await start(somePrefix(), `redis://127.0.0.1:${await freePort()}`);
	app.queue.work("run", 1, async () => undefined);
	const seconds = async (work: () => Promise<unknown>) => {
		const since = Date.now();
		await work();
		return (Date.now() - since) / 1000;
	};
	expect(await seconds(() => expect(app.queue.add("run", randomUUID(), 0)).rejects.toThrow())).toBeLessThan(3);
	expect(await seconds(() => expect(app.queue.ping()).rejects.toThrow())).toBeLessThan(3);
	expect(await seconds(() => app.close())).toBeLessThan(3);
});
