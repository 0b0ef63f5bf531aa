// The queue on the backend under test, and what is left of the api when it is away.
import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import Fastify, { type FastifyInstance } from "fastify";
import pg from "pg";
import { readConfig } from "../../../services/api/src/config.js";
import queue from "../../../services/api/src/plugins/queue.js";
import { NotTaken } from "../../../services/api/src/queue/consumer.js";
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
	await producer.queue.add({ kind: "run", id, lease: 0 });
	await producer.queue.add({ kind: "run", id, lease: 0 });
	expect(await producer.queue.knows({ kind: "run", id, lease: 0 })).toBe(true);
	expect(await producer.queue.knows({ kind: "run", id, lease: 1 })).toBe(false);
	expect((await producer.queue.depth()).run).toMatchObject({ waiting: 1 });
	const delivered: string[] = [];
	consumer.queue.work("run", 2, async (jobId) => void delivered.push(jobId));
	await consumer.queue.take("cpu");
	await until("the first delivery", () => delivered.length === 1);
	await until("nothing is left", async () => !(await producer.queue.knows({ kind: "run", id, lease: 0 })));
	await producer.queue.add({ kind: "run", id, lease: 1 });
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
	await app.queue.take("cpu");
	await app.queue.add({ kind: "import", id, lease: 0 });
	await until(
		"the delivery failed and is forgotten",
		async () => attempts === 1 && !(await app.queue.knows({ kind: "import", id, lease: 0 })),
	);
	await app.queue.add({ kind: "import", id, lease: 0 });
	await until("it is delivered again", () => attempts === 2);
});

test("a delayed job is known, and delivered when its time has come", async () => {
	const app = await start(somePrefix());
	const id = randomUUID();
	let at = 0;
	app.queue.work("run", 1, async () => {
		at = Date.now();
	});
	await app.queue.take("cpu");
	const added = Date.now();
	await app.queue.add({ kind: "run", id, lease: 3 }, 500);
	expect(await app.queue.knows({ kind: "run", id, lease: 3 })).toBe(true);
	await until("the delivery", () => at > 0);
	expect(at - added).toBeGreaterThanOrEqual(450);
});

test("what its process leaves to others is known, and delivered again after the pause that it says", async () => {
	const app = await start(somePrefix());
	const id = randomUUID();
	const times: number[] = [];
	app.queue.work("import", 1, async () => {
		if (times.push(Date.now()) === 1) throw new NotTaken(500);
	});
	await app.queue.take("cpu");
	await app.queue.add({ kind: "import", id, lease: 0 });
	await until("the first delivery", () => times.length === 1);
	expect(await app.queue.knows({ kind: "import", id, lease: 0 })).toBe(true);
	await until("the second delivery", () => times.length === 2);
	const [first = 0, second = 0] = times;
	expect(second - first).toBeGreaterThanOrEqual(450);
});

test("a consumer takes jobs of its class and of none, so many at once in all, and leaves the others", async () => {
	const prefix = somePrefix();
	const [producer, gpu, cpu] = [await start(prefix), await start(prefix), await start(prefix)];
	const ended = new AbortController();
	let atOnce = 0;
	let most = 0;
	const taken: Record<string, string[]> = { gpu: [], cpu: [] };
	const take = (app: FastifyInstance, machineClass: string, until?: AbortSignal) => {
		app.queue.work("run", 1, async (id) => {
			taken[machineClass]?.push(id);
			if (!until) return;
			most = Math.max(most, ++atOnce);
			await new Promise<void>((done) => (until.aborted ? done() : until.addEventListener("abort", () => done())));
			atOnce--;
		});
		return app.queue.take(machineClass);
	};
	await take(gpu, "gpu", ended.signal);
	const [first, second, shared, other] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
	await producer.queue.add({ kind: "run", id: first, lease: 0, machineClass: "gpu" });
	await until("the first is at work", () => taken.gpu?.length === 1);
	await producer.queue.add({ kind: "run", id: second, lease: 0, machineClass: "gpu" });
	await producer.queue.add({ kind: "run", id: other, lease: 0, machineClass: "cpu" });
	// The one that is full has waited for such a job, and gives it back.
	await producer.queue.add({ kind: "run", id: shared, lease: 0 });
	expect(await producer.queue.knows({ kind: "run", id: second, lease: 0, machineClass: "gpu" })).toBe(true);
	await take(cpu, "cpu");
	await until("what is for any machine and for this one is taken", () => taken.cpu?.length === 2);
	expect(new Set(taken.cpu)).toEqual(new Set([shared, other]));
	expect(taken.gpu).toEqual([first]);
	ended.abort();
	await until("the next of its class", () => taken.gpu?.length === 2);
	expect(taken.gpu).toEqual([first, second]);
	expect(most).toBe(1);
	const depth = await producer.queue.depth(["gpu", "cpu"]);
	expect(depth.run).toMatchObject({ waiting: 0, delayed: 0 });
});

test("one that rests takes nothing, what it had begun goes on, and it takes again", async () => {
	const app = await start(somePrefix());
	const taken: string[] = [];
	const ended = new AbortController();
	app.queue.work("import", 2, async (id) => {
		taken.push(id);
		await new Promise<void>((done) =>
			ended.signal.aborted ? done() : ended.signal.addEventListener("abort", () => done()),
		);
	});
	await app.queue.take("cpu");
	const [first, second] = [randomUUID(), randomUUID()];
	await app.queue.add({ kind: "import", id: first, lease: 0 });
	await until("the first is at work", () => taken.length === 1);
	app.queue.rest();
	await app.queue.add({ kind: "import", id: second, lease: 0 });
	await sleep(300);
	expect(taken).toEqual([first]);
	expect(await app.queue.knows({ kind: "import", id: second, lease: 0 })).toBe(true);
	await app.queue.take("cpu");
	await until("it is taken", () => taken.length === 2);
	ended.abort();
});

test("a schedule ticks from its first time on, is told, begins anew when it changes, and ends", async () => {
	const app = await start(somePrefix());
	const ticks: { id: string; at: number }[] = [];
	app.queue.onTick(async (id) => void ticks.push({ id, at: Date.now() }));
	const from = new Date(Date.now() + 700);
	await app.queue.schedule({ id: "shop", every: 300, from });
	await app.queue.schedule({ id: "other", cron: "0 3 * * *", timezone: "Europe/Berlin" });
	expect((await app.queue.schedules()).sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual([
		{ id: "other", cron: "0 3 * * *", timezone: "Europe/Berlin", next: expect.any(Date) },
		{ id: "shop", every: 300, next: from },
	]);
	await until("three ticks", () => ticks.length >= 3);
	expect(ticks[0]?.at).toBeGreaterThanOrEqual(from.getTime() - 20);
	expect(new Set(ticks.map(({ id }) => id))).toEqual(new Set(["shop"]));
	await app.queue.schedule({ id: "shop", every: 3_600_000, from: new Date(Date.now() + 3_600_000) });
	const next = (await app.queue.schedules()).find(({ id }) => id === "shop")?.next;
	expect(next?.getTime()).toBeGreaterThan(Date.now() + 3_500_000);
	await app.queue.unschedule("shop");
	await app.queue.unschedule("never");
	expect((await app.queue.schedules()).map(({ id }) => id)).toEqual(["other"]);
	const count = ticks.length;
	await sleep(700);
	expect(ticks.length - count).toBeLessThanOrEqual(1); // one that was on its way
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
	await app.queue.take("cpu");
	await app.queue.add({ kind: "run", id: randomUUID(), lease: 0 });
	await app.queue.add({ kind: "run", id: randomUUID(), lease: 0 });
	await until("it works", () => taken === 1);
	await app.close();
	expect(isDone).toBe(true);
	expect(taken).toBe(1);
});

test("closed while it starts, a worker leaves no connection to PostgreSQL open", async () => {
	const app = await start(somePrefix());
	app.queue.work("run", 1, async () => undefined);
	const taking = app.queue.take("cpu").catch(() => undefined);
	await app.close();
	await taking;
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
	await app.queue.take("cpu");
	const seconds = async (work: () => Promise<unknown>) => {
		const since = Date.now();
		await work();
		return (Date.now() - since) / 1000;
	};
	expect(
		await seconds(() => expect(app.queue.add({ kind: "run", id: randomUUID(), lease: 0 })).rejects.toThrow()),
	).toBeLessThan(3);
	expect(await seconds(() => expect(app.queue.ping()).rejects.toThrow())).toBeLessThan(3);
	expect(await seconds(() => app.close())).toBeLessThan(3);
});
