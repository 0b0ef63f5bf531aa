// What is deployed lives in memory: no answer to a person waits for the database, and none is of what was before.
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startPostgres } from "../../../services/supervisor/src/postgres/embedded.js";
import { startApi, type TestApi } from "../../support/api.js";
import { type FakeRecommender, startFakeRecommender, WORLD } from "../../support/fake-recommender.js";
import { removeHomesIn } from "../../support/homes.js";
import { until } from "../../support/processes.js";

/** Two checkpoints of different datasets. */
async function two(api: TestApi): Promise<[string, string]> {
	const checkpoints = [];
	for (let count = 0; count < 2; count++) {
		const { runs } = await api.experiment(["SUCCEEDED"]);
		checkpoints.push(await api.checkpoint(runs[0] as string));
	}
	return checkpoints as [string, string];
}

describe("switched under load", () => {
	let api: TestApi;
	beforeAll(async () => {
		api = await startApi();
	});
	afterAll(() => api.close());

	test("50 switches under 20 clients: no answer mixes two checkpoints, none is older than the last PUT that was answered", async () => {
		const checkpoints = await two(api);
		// Each dataset has items of its own.
		const keyOf = new Map<string, string>();
		for (const id of checkpoints)
			keyOf.set(id, (await api.app.prisma.checkpoint.findUniqueOrThrow({ where: { id } })).key);
		api.recommender.world = (key) => ({
			...WORLD,
			users: Array.from({ length: 50 }, (_, row) => `user-${row}`),
			items: WORLD.items.map((item) => ({ ...item, id: `${item.id} of ${key}`, title: key })),
		});
		await api.call("PUT", "/deployments/default", { checkpoint: checkpoints[0] });
		/** The checkpoint of the last PUT that was answered; even while no PUT is under way, else odd. */
		let settled = checkpoints[0];
		let moment = 0;
		let isOver = false;
		let answered = 0;
		let strict = 0;
		const tiers = new Set<string>();
		const client = async () => {
			while (!isOver) {
				const before = moment;
				const user = `user-${answered++ % 50}`;
				const url = `/users/${user}/recommendations`;
				const asks = answered % 3 === 0 ? api.call("POST", url, { n: 3, with: ["a"] }) : api.call("GET", `${url}?n=3`);
				const { status, body } = await asks;
				expect(status).toBe(200);
				tiers.add(body.answeredBy);
				// Items and reasons are of the checkpoint that the answer names.
				for (const { title, because } of body.items)
					expect([title, because[0].title]).toEqual(Array(2).fill(keyOf.get(body.checkpoint.id)));
				if (before % 2 === 1 || before !== moment) continue;
				expect(body.checkpoint.id).toBe(settled);
				strict++;
				await sleep(20); // twenty who never pause would leave no time for the switches
			}
		};
		const clients = Array.from({ length: 20 }, client);
		for (let turn = 1; turn <= 50; turn++) {
			const checkpoint = checkpoints[turn % 2] as string;
			moment++;
			expect((await api.call("PUT", "/deployments/default", { checkpoint })).status).toBe(200);
			settled = checkpoint;
			moment++;
			for (let count = 0; count < 3; count++) {
				const { body } = await api.call("GET", "/users/user-0/recommendations");
				expect(body.checkpoint.id).toBe(settled);
			}
		}
		isOver = true;
		await Promise.all(clients);
		expect(Math.min(answered, strict)).toBeGreaterThan(50);
		expect([...tiers].sort()).toEqual(["list", "live"]);
	}, 180_000);

	test("nothing is deployed any more once DELETE has been answered", async () => {
		await api.call("DELETE", "/deployments/default");
		expect((await api.call("GET", "/users/somebody/recommendations")).body.code).toBe("nothing_deployed");
	});
});

test("another process follows within a second, also after its connection was cut", async () => {
	const first = await startApi();
	const second = await startApi({ DATABASE_URL: first.app.config.databaseUrl });
	try {
		const [a, b] = await two(first);
		for (const checkpoint of [a, b]) {
			await first.call("PUT", "/deployments/default", { checkpoint });
			const switched = Date.now();
			await until(
				"the other process has followed",
				async () => (await second.call("GET", "/users/somebody/recommendations")).body.checkpoint?.id === checkpoint,
				5,
			);
			expect(Date.now() - switched).toBeLessThan(1_000);
		}
		// The announcement is lost with the connection; what is read after the reconnect is not.
		await first.app.prisma.$executeRaw`
			SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`;
		await first.call("PUT", "/deployments/default", { checkpoint: a });
		await until(
			"the other process has followed",
			async () => (await second.call("GET", "/users/somebody/recommendations")).body.checkpoint.id === a,
			5,
		);
	} finally {
		await second.close();
		await first.close();
	}
}, 120_000);

test("a process that starts while its recommender hangs, and loses it then, answers once there is one", async () => {
	const first = await startApi();
	const held = new Set<Socket>();
	const hanging = createServer((socket) => held.add(socket.on("error", () => undefined)));
	await once(hanging.listen(0, "127.0.0.1"), "listening");
	const address = `127.0.0.1:${(hanging.address() as AddressInfo).port}`;
	const shared = { DATABASE_URL: first.app.config.databaseUrl, RECOMMENDER_ADDRESS: address, TIMING_SCALE: "10" };
	let second: TestApi | null = null;
	let recommender: FakeRecommender | null = null;
	try {
		const { runs } = await first.experiment(["SUCCEEDED"]);
		await first.call("PUT", "/deployments/default", { checkpoint: await first.checkpoint(runs[0] as string) });
		second = await startApi(shared);
		const ask = second.call;
		// It reads the catalogue for those who ask, and what is deployed has been read again meanwhile.
		const asked = ask("GET", "/users/somebody/recommendations");
		await until("it is connected", () => held.size > 0, 30);
		await sleep(1_500);
		hanging.close();
		for (const socket of held) socket.destroy();
		expect((await asked).status).toBe(503);
		recommender = await startFakeRecommender(address);
		await until("it answers", async () => (await ask("GET", "/users/somebody/recommendations")).status === 200, 20);
	} finally {
		hanging.close();
		await second?.close();
		await recommender?.close();
		await first.close();
	}
}, 120_000);

test("with PostgreSQL away people get their recommendations as deployed, with what they did before", async () => {
	const home = mkdtempSync(join(tmpdir(), "valence-away-"));
	const postgres = await startPostgres({ home });
	const api = await startApi({ DATABASE_URL: postgres.url });
	try {
		const [checkpoint] = await two(api);
		await api.call("PUT", "/feeds/shop");
		await api.call("PUT", "/deployments/default", { checkpoint, feed: "shop" });
		await api.call("POST", "/feeds/shop/interactions", [{ user: "u1", item: "a" }]);
		// By then every queue has made its tables: a connection that breaks meanwhile ends the process, for the next start to go on.
		await Promise.all([api.app.queue.depth(), api.app.queue.schedules()]);
		await postgres.stop();
		const started = Date.now();
		const { status, body } = await api.call("GET", "/users/somebody/recommendations");
		expect([status, body.checkpoint.id]).toEqual([200, checkpoint]);
		expect((await api.call("GET", "/users/u1/recommendations")).body.answeredBy).toBe("live");
		expect(api.recommender.requests.recommend.at(-1)?.live).toEqual(["a"]);
		expect((await api.call("POST", "/recommendations", { items: ["a"] })).status).toBe(200);
		expect(Date.now() - started).toBeLessThan(1_000);
		expect((await api.call("GET", "/users/somebody/recommendations?deployment=other")).body.code).toBe(
			"nothing_deployed",
		);
		const ready = await api.call("GET", "/readyz");
		expect([ready.status, ready.body.status, ready.body.checks.database.status]).toEqual([200, "degraded", "down"]);
		expect((await api.call("GET", "/deployments")).status).toBe(503);
	} finally {
		await api.close();
		removeHomesIn(home);
	}
}, 120_000);
