// Whatever dies in whatever step of a refresh: it ends with one switch or none, and with the numbers and the bits of an undisturbed one.
// A chosen set covers each step and each victim; VALENCE_TEST_REFRESH_KILLS=all tries every pair of them.
import { mkdtempSync, readdirSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@valence/client";
import { isFinal } from "../../services/api/src/plugins/jobs.js";
import { beginAtTick } from "../../services/api/src/refreshes/beginning.js";
import { freePort } from "../../services/supervisor/src/ports.js";
import { type EmbeddedPostgres, startPostgres } from "../../services/supervisor/src/postgres/embedded.js";
import { crash, removeHomesIn } from "../support/homes.js";
import { expectSound } from "../support/invariants.js";
import { type Process, until } from "../support/processes.js";
import { isOnRedis, startRedis, truncateQueue } from "../support/queue-server.js";
import {
	MOMENTS,
	type Moment,
	type Refreshes,
	refreshesOf,
	resultOf,
	type Strike,
	stepOf,
	type Whole,
} from "../support/refreshes.js";
import { type Stack, startStack } from "../support/stack.js";

jest.setTimeout(240_000);
const home = mkdtempSync(join(tmpdir(), "valence-refresh-"));
let postgres: EmbeddedPostgres;
let redis: Awaited<ReturnType<typeof startRedis>> | null = null;
let stack: Stack;
let port: number;
let worker: Process;
let recommender: Process;
let api: Process;
let refreshes: Refreshes;
let calm: Whole;

beforeAll(async () => {
	if (isOnRedis) redis = await startRedis();
	postgres = await startPostgres({ home });
	stack = await startStack({ databaseUrl: postgres.url, redisUrl: redis?.url });
	port = await freePort();
	recommender = stack.startRecommender();
	worker = stack.startWorker();
	api = await startApi();
	refreshes = refreshesOf(stack, () => recommender);
	await until("the recommender answers", () =>
		stack.app.recommender.reach().then(
			() => true,
			() => false,
		),
	);
	await refreshes.prepare("calm");
	calm = await refreshes.ends(await refreshes.begin("calm"));
});
afterAll(async () => {
	await stack?.stop();
	await postgres?.stop();
	await redis?.stop();
	removeHomesIn(home);
});

/** Its port may be taken by somebody else before it listens: then on another. */
async function startApi(): Promise<Process> {
	let started = stack.startApi(port);
	await until("the api answers", async () => {
		if (started.isGone) {
			port = await freePort();
			started = stack.startApi(port);
		}
		return fetch(`http://127.0.0.1:${port}/healthz`).then(
			({ ok }) => ok,
			() => false,
		);
	});
	return started;
}

/** Each dies as in a crash; what brings it back is returned. */
const VICTIMS = {
	async worker() {
		await worker.end("SIGKILL");
		return () => {
			worker = stack.startWorker();
		};
	},
	async trainer() {
		await stack.trainer().end("SIGKILL");
		return () => void stack.startTrainer();
	},
	async recommender() {
		await recommender.end("SIGKILL");
		return () => {
			recommender = stack.startRecommender();
		};
	},
	async api() {
		await api.end("SIGKILL");
		return async () => {
			api = await startApi();
		};
	},
	/** Its supervisor brings it back. */
	postgresql: async () => void (await crash(home, postgres)),
	/** Loses what it had. */
	queue: async () => void (await (redis ? redis.empty() : truncateQueue(stack))),
	/** PostgreSQL's queue goes with PostgreSQL. */
	...(isOnRedis && { redis: async () => void (await redis?.restart()) }),
} satisfies Record<string, Strike>;
type Victim = keyof typeof VICTIMS;
const CHOSEN: [Moment, Victim][] = [
	["read", "worker"],
	["snapshot", "queue"],
	["train", "trainer"],
	["train", "postgresql"],
	["compare", "worker"],
	["refit", isOnRedis ? "redis" : "api"],
	["switch", "recommender"],
	["switch", "worker"],
];
const EVERY = (Object.keys(MOMENTS) as Moment[]).flatMap((moment) =>
	(Object.keys(VICTIMS) as Victim[]).map((victim): [Moment, Victim] => [moment, victim]),
);

test("undisturbed, a refresh beats popularity, is refit and switched", async () => {
	expect(calm.job).toMatchObject({ state: "SUCCEEDED", lease: 1, crashes: 0 });
	expect(resultOf(calm)).toMatchObject({ outcome: "switched", refit: [expect.any(String), expect.any(Number)] });
	expect(resultOf(calm).numbers).toEqual(Array(5).fill(expect.any(Number)));
	expect(await refreshes.left("calm")).toEqual(ONE_OF_EACH);
});
const ONE_OF_EACH = { datasets: 1, experiments: 1, runs: 3, evaluations: 1, history: 1, open: 0 };

test.each(process.env.VALENCE_TEST_REFRESH_KILLS === "all" ? EVERY : CHOSEN)(
	"in the step %s dies: %s",
	async (moment, victim) => {
		const name = `${moment}-${victim}`;
		await refreshes.prepare(name);
		const struck = await refreshes.at(moment, name, VICTIMS[victim] as Strike);
		// Nobody but another worker could have gone on.
		if (victim === "worker") expect(struck.step).toBe(stepOf(moment));
		const row = await refreshes.ends(struck.id);
		expect([row.job.state, row.job.errorMessage]).toEqual(["SUCCEEDED", null]);
		if (victim === "worker") expect(row.job).toMatchObject({ lease: 2, crashes: 1 });
		expect(resultOf(row)).toEqual(resultOf(calm));
		expect(await refreshes.left(name)).toEqual(ONE_OF_EACH);
		const served = await connect(`http://127.0.0.1:${port}`).get("/deployments/{name}", { path: { name } });
		expect(served.checkpoint.id).toBe(row.newCheckpointId);
	},
);

test("workers race for the ticks of a schedule: one refresh", async () => {
	await refreshes.prepare("ticking", { refit: false });
	const other = stack.startWorker();
	// Faster than people may ask for.
	const where = { deploymentName: "ticking" };
	const { spec } = await stack.prisma.refreshRule.findUniqueOrThrow({ where });
	await stack.prisma.refreshRule.update({ where, data: { spec: { ...(spec as object), every: "1s" } } });
	const tick = () => beginAtTick(stack.app, "ticking");
	await until("both have ticked", async () => {
		await Promise.all([tick(), tick(), tick(), tick()]);
		return stack.prisma.refresh.findFirst({ where: { ...where, outcome: "skipped", skips: { gt: 8 } } });
	});
	await refreshes.call("DELETE", "/deployments/ticking/refresh");
	const made = await stack.prisma.refresh.findMany({ where: { ...where, outcome: { not: "skipped" } } });
	expect(made).toMatchObject([{ trigger: "schedule", outcome: "switched", newInteractions: 600n }]);
	expect(await refreshes.left("ticking")).toEqual({ ...ONE_OF_EACH, runs: 2 });
	await other.end();
});

test("its rule is deleted meanwhile: it goes on; its deployment is deleted while the worker is dead: nothing is left of it", async () => {
	await refreshes.prepare("ruleless", { refit: false });
	const { id } = await refreshes.at("train", "ruleless", async () => {
		await refreshes.call("DELETE", "/deployments/ruleless/refresh");
	});
	expect((await refreshes.ends(id)).outcome).toBe("switched");

	await refreshes.prepare("deleted");
	const { id: cancelled } = await refreshes.at("train", "deleted", async () => {
		const back = await VICTIMS.worker();
		await refreshes.call("DELETE", "/deployments/deleted");
		return back;
	});
	const row = await refreshes.ends(cancelled);
	expect([row.job.state, row.outcome]).toEqual(["CANCELLED", null]);
	await until("its runs end", async () => (await refreshes.left("deleted")).open === 0, 30);
	expect((await refreshes.see(cancelled)).experiment?.runs.map(({ job }) => job.state)).toContain("CANCELLED");
	expect(await refreshes.left("deleted")).toMatchObject({ history: 0, evaluations: 0 });
	expect((await refreshes.ask("GET", "/deployments/deleted")).statusCode).toBe(404);
});

test("somebody rolls back at the moment of the switch: one of the two happens", async () => {
	await refreshes.prepare("back", { refit: false });
	const before = (await refreshes.call("GET", "/deployments/back")).checkpoint.id;
	let rolling: ReturnType<Refreshes["ask"]> | undefined;
	const { id } = await refreshes.at("switch", "back", async () => {
		rolling = refreshes.ask("POST", "/deployments/back/rollback", {});
		rolling.catch(() => undefined);
	});
	const row = await refreshes.ends(id);
	const reply = await rolling;
	expect([row.job.state, row.job.errorMessage]).toEqual(["SUCCEEDED", null]);
	const { checkpoint } = await refreshes.call("GET", "/deployments/back");
	if (reply?.statusCode === 200) {
		expect(row).toMatchObject({ outcome: "refused", newCheckpointId: null });
		expect([before, row.newCheckpointId]).not.toContain(checkpoint.id);
	} else {
		expect([reply?.statusCode, row.outcome, checkpoint.id]).toEqual([409, "switched", row.newCheckpointId]);
	}
});

test("a person is erased while the snapshot is taken: it is taken again, without them", async () => {
	await refreshes.prepare("erasing");
	const { id } = await refreshes.at("read", "erasing", async () => {
		await refreshes.call("DELETE", "/feeds/erasing/users/u7");
	});
	const row = await refreshes.ends(id);
	expect(row.outcome).toBe("switched");
	expect(row.dataset?.statistics).toMatchObject({ users: 59 });
	await until("it says so", () => worker.log.includes("taking it again"));
	expect(await refreshes.left("erasing")).toEqual(ONE_OF_EACH);
});

test("all is sound at the end, and after a sweep there are no other artifacts than those of rows", async () => {
	await expectSound(stack);
	const old = new Date(Date.now() - 2 * 24 * 3_600_000);
	for (const entry of readdirSync(stack.artifacts, { recursive: true, withFileTypes: true }))
		utimesSync(join(entry.parentPath, entry.name), old, old);
	await refreshes.call("DELETE", "/system/orphans");
	expect((await refreshes.call("GET", "/system/disk?again=true")).counts).toMatchObject({ orphans: 0, unknown: 0 });
	const [datasets, checkpoints] = await Promise.all([
		stack.prisma.dataset.findMany({ include: { job: true } }),
		stack.prisma.checkpoint.findMany({ select: { key: true } }),
	]);
	const inFolder = (folder: string) => readdirSync(join(stack.artifacts, folder)).map((name) => `${folder}/${name}`);
	const imported = datasets.filter(({ job }) => isFinal(job.state)).map(({ artifactKey }) => artifactKey);
	expect(inFolder("datasets").sort()).toEqual(imported.sort());
	expect(inFolder("runs").flatMap(inFolder).sort()).toEqual(checkpoints.map(({ key }) => key).sort());
	const staged = datasets.flatMap(({ files }) => (files as { uploadKey: string }[]).map(({ uploadKey }) => uploadKey));
	for (const folder of inFolder("uploads")) expect(staged).toContain(folder);
});
