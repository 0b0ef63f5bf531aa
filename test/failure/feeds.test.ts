// Feeds while something dies or moves under them: what was acknowledged is there, and a snapshot is of one moment.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { connect, type Dataset } from "@valence/client";
import { isFinal } from "../../services/api/src/plugins/jobs.js";
import { freePort } from "../../services/supervisor/src/ports.js";
import { until } from "../support/processes.js";
import { type Stack, startStack } from "../support/stack.js";

jest.setTimeout(180_000);
let stack: Stack;
beforeAll(async () => {
	stack = await startStack();
});
afterAll(async () => {
	await stack?.stop();
});

const AT = Date.parse("2026-11-01T00:00:00Z");
const row = (user: string, index: number) => ({ user, item: `i${index % 51}`, at: AT + index * 1_000 });

async function startApi() {
	const port = await freePort();
	const url = `http://127.0.0.1:${port}`;
	const server = stack.startApi(port);
	const answers = () =>
		fetch(`${url}/healthz`).then(
			({ ok }) => ok,
			() => false,
		);
	await until("the api answers", answers);
	return { server, url };
}

const name = (what: string) => ({ path: { name: what } });

test("the api is killed with -9 in the middle of streams and requests: what was acknowledged is there, and sent again it counts once", async () => {
	const first = await startApi();
	await connect(first.url).put("/feeds/{name}", name("killed"));
	const acknowledged: object[] = [];
	const clients = Array.from({ length: 8 }, async (_, client) => {
		for (let index = 0; ; index += 10) {
			const rows = Array.from({ length: 10 }, (_, more) => row(`c${client}`, index + more));
			await connect(first.url).post("/feeds/{name}/interactions", { ...name("killed"), body: rows });
			acknowledged.push(...rows);
		}
	});
	const lines = Array.from({ length: 100_000 }, (_, index) => `${JSON.stringify(row("s", index))}\n`).join("");
	const send = (url: string) =>
		fetch(`${url}/feeds/killed/interactions`, {
			method: "POST",
			body: lines,
			headers: { "content-type": "application/x-ndjson" },
		});
	const streaming = send(first.url);
	const ofStream = () => stack.prisma.$queryRaw<{ rows: number; last: Date | null }[]>`
		SELECT count(*)::int AS rows, max(at) AS last FROM feed_interactions JOIN feed_users u ON u.key = user_key WHERE u.id = 's'`;
	const some = async () => (await ofStream())[0] as { rows: number; last: Date | null };
	const stored = await until(
		"some of the stream is stored",
		async () => (await some()).rows > 10_000 && (await some()),
	);
	expect(stored.rows).toBeLessThan(100_000);
	const ended = Promise.allSettled([...clients, streaming]);
	await first.server.end("SIGKILL");
	expect((await ended).every(({ status }) => status === "rejected")).toBe(true);

	// Whole commits in their order, up to the last one.
	const left = await some();
	expect(left.last).toEqual(new Date(AT + (left.rows - 1) * 1_000));
	const second = await startApi();
	expect(acknowledged.length).toBeGreaterThan(0);
	for (let start = 0; start < acknowledged.length; start += 5_000) {
		const body = acknowledged.slice(start, start + 5_000) as ReturnType<typeof row>[];
		const { added, known } = await connect(second.url).post("/feeds/{name}/interactions", { ...name("killed"), body });
		expect([added, known]).toEqual([0, body.length]);
	}
	expect(await (await send(second.url)).json()).toEqual({
		added: 100_000 - left.rows,
		known: left.rows,
		refused: 0,
		erased: 0,
		problems: [],
	});
	const { interactions } = await connect(second.url).get("/feeds/{name}", name("killed"));
	expect(interactions).toBe(await stack.prisma.feedInteraction.count());
	await second.server.end("SIGTERM");
});

test("snapshots under writes are imported by the real trainer: each holds the rows of one moment, with titles and tags", async () => {
	const { server, url } = await startApi();
	const api = connect(url);
	stack.startWorker();
	await api.put("/feeds/{name}", name("moving"));
	await api.put("/feeds/{name}/items", {
		...name("moving"),
		body: {
			items: [
				{ item: "i1", title: 'Ein "Titel", ü', tags: ["a, b", "c"] },
				{ item: "unseen", title: "Nobody's" },
			],
		},
	});
	let sent = 0;
	let acknowledged = 0;
	let isOver = false;
	const writer = (async () => {
		while (!isOver) {
			const body = Array.from({ length: 100 }, (_, index) => row(`u"${(sent + index) % 20},`, sent + index));
			sent += body.length;
			await api.post("/feeds/{name}/interactions", { ...name("moving"), body });
			acknowledged += body.length;
		}
	})();
	const imported: Dataset[] = [];
	try {
		await until("there is something", () => acknowledged >= 4_000);
		for (let round = 0; round < 3; round++) {
			const before = acknowledged;
			const made = await api.post("/feeds/{name}/snapshots", { ...name("moving"), body: {} });
			const { rows } = made.feed as NonNullable<Dataset["feed"]>;
			expect(rows).toBeGreaterThanOrEqual(before);
			expect(rows).toBeLessThanOrEqual(sent);
			expect(rows % 100).toBe(0);
			imported.push(
				await until("the import's end", async () => {
					const dataset = await api.get("/datasets/{id}", { path: { id: made.id } });
					return !["QUEUED", "RUNNING"].includes(dataset.state) && dataset;
				}),
			);
		}
	} finally {
		isOver = true;
		await writer;
	}
	for (const { state, error, statistics, feed, problemsTotal } of imported) {
		// After 1,020 rows everybody takes what they took before.
		const pairs = new Set(Array.from({ length: feed?.rows ?? 0 }, (_, index) => `${index % 20} ${index % 51}`));
		expect({ state, error, problemsTotal }).toEqual({ state: "SUCCEEDED", error: null, problemsTotal: 0 });
		expect(statistics).toMatchObject({
			users: 20,
			items: 51,
			titledItems: 1,
			taggedItems: 1,
			tags: 2,
			interactions: pairs.size,
			duplicatesMerged: (feed?.rows ?? 0) - pairs.size,
		});
	}
	await server.end("SIGTERM");
});

test("an export leaves out what people have met since, also when its worker is killed; who is erased is in no later one", async () => {
	const { prisma, app } = stack;
	const ask = async (method: "PUT" | "POST" | "DELETE", url: string, payload?: object) => {
		const reply = await app.inject({ method, url, ...(payload && { payload }) });
		expect(reply.statusCode).toBeLessThan(300);
		return reply.json();
	};
	await ask("PUT", "/feeds/shop");
	const [checkpoint, feed] = await Promise.all([
		prisma.checkpoint.findFirstOrThrow({ where: { runId: stack.undisturbed, isBest: true } }),
		prisma.feed.findUniqueOrThrow({ where: { name: "shop" } }),
	]);
	await prisma.deployment.create({ data: { name: "fed", checkpointId: checkpoint.id, feedId: feed.id } });
	// Somebody who is in the dataset, somebody who is not, and many others.
	const met = [1, 2, 3, 4, 5].map((item) => row("u7", item));
	const many = Array.from({ length: 20_000 }, (_, index) => row(`u${8 + (index % 1_900)}`, index));
	await ask("POST", "/feeds/shop/interactions", [...met, row("erased", 1), ...many.slice(0, 5_000)]);
	for (let start = 5_000; start < many.length; start += 5_000)
		await ask("POST", "/feeds/shop/interactions", many.slice(start, start + 5_000));
	const begin = async (more = {}) =>
		(await ask("POST", "/deployments/fed/exports", { n: 1_000, format: "ndjson", ...more })).id as string;
	const ends = (id: string) =>
		until(
			"the export's end",
			async () => {
				const job = await prisma.job.findUniqueOrThrow({ where: { id } });
				return isFinal(job.state) && job.state;
			},
			120,
		);
	const fileOf = async (id: string) => {
		expect(await ends(id)).toBe("SUCCEEDED");
		const { payload } = await app.inject({ method: "GET", url: `/exports/${id}/file` });
		const lists = payload
			.trimEnd()
			.split("\n")
			.map((line) => JSON.parse(line) as { user: string; items: { id: string }[] });
		return {
			payload,
			listOf: (user: string) => new Set(lists.find((one) => one.user === user)?.items.map(({ id }) => id)),
		};
	};
	const staged = readdirSync(join(stack.artifacts, "uploads")).length;
	const id = await begin();
	// Of the moment it was asked for: nothing that comes later counts.
	await ask("POST", "/feeds/shop/interactions", [row("u7", 40)]);
	stack.startWorker();
	await until(
		"it is at work",
		async () => ((await prisma.export.findUniqueOrThrow({ where: { id } })).usersDone ?? 0) > 0,
		60,
	);
	await stack.endWorkers();
	stack.startWorker();
	const first = await fileOf(id);
	expect(["i1", "i2", "i3", "i4", "i5", "i40"].map((item) => first.listOf("u7").has(item))).toEqual([
		...Array(5).fill(false),
		true,
	]);
	expect(first.listOf("u1999").size).toBeGreaterThan(900);
	expect(first.payload).not.toContain("erased");
	expect(first.listOf("u7").size).toBeGreaterThan(0);
	await ask("DELETE", "/feeds/shop/users/u7");
	await ask("DELETE", "/feeds/shop/users/erased");
	// The dataset holds one of them still.
	const ended = await begin({ users: ["u7", "erased", "u8"] });
	const second = await fileOf(ended);
	expect(
		second.payload
			.trimEnd()
			.split("\n")
			.map((line) => JSON.parse(line).user),
	).toEqual(["u8"]);
	expect((await app.inject(`/exports/${ended}`)).json()).toMatchObject({ unknownUsers: 2 });
	const everybody = await fileOf(await begin({ n: 1 }));
	expect([everybody.listOf("u7").size, everybody.listOf("u8").size]).toEqual([0, 1]);
	// What the killed worker had staged is swept when it is a day old.
	const left = () => readdirSync(join(stack.artifacts, "uploads")).length - staged;
	await until("nothing else stays staged", () => left() <= 1, 20);
});
