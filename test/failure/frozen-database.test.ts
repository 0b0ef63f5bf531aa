// PostgreSQL takes connections and says nothing, as when its process is stopped, its disk hangs, or a network swallows what
// is sent: nobody waits for ever, nothing is done by halves, and once it is back all goes on.
import { isDatabaseAway } from "../../services/api/src/plugins/prisma.js";
import { startCuttingProxy } from "../chaos/cutting-proxy.js";
import { startApi, type TestApi } from "../support/api.js";
import { createDatabase } from "../support/database.js";
import { until } from "../support/processes.js";

const SILENCE_MS = 3_000;
let database: Awaited<ReturnType<typeof createDatabase>>;
let proxy: Awaited<ReturnType<typeof startCuttingProxy>>;
let api: TestApi;
beforeAll(async () => {
	database = await createDatabase();
	proxy = await startCuttingProxy(database.url);
	api = await startApi({ DATABASE_URL: proxy.url }, { databaseSilence: SILENCE_MS });
});
afterAll(async () => {
	proxy?.freeze(false);
	await api?.close();
	proxy?.stop();
	await database?.drop();
});
const isBack = () => until("the database is back", async () => (await api.call("GET", "/feeds")).status === 200, 20);

test("whoever asks meanwhile is told that the database is away, on connections that were open and on new ones", async () => {
	const asked = ["/experiments", "/datasets", "/feeds", "/checkpoints", "/exports", "/machines"];
	const askAll = () => Promise.all([...asked, ...asked, ...asked].map((path) => api.call("GET", path)));
	expect((await askAll()).map(({ status }) => status)).toEqual(Array(18).fill(200));
	proxy.freeze(true);
	for (const round of [1, 2]) {
		const answers = await askAll();
		expect([round, [...new Set(answers.map(({ status, body }) => `${status} ${body.code}`))]]).toEqual([
			round,
			["503 unavailable"],
		]);
	}
	proxy.freeze(false);
	await isBack();
}, 60_000);

test("a transaction that is frozen between its statements is not committed by whoever has the connection next", async () => {
	const frozen = api.app.prisma.$transaction(async (tx) => {
		await tx.feed.create({ data: { name: "half" } });
		proxy.freeze(true);
		await tx.feed.create({ data: { name: "other half" } });
	});
	const error = await frozen.catch((thrown) => thrown);
	expect([isDatabaseAway(error), error]).toEqual([true, expect.any(Error)]);
	proxy.freeze(false);
	await isBack();
	for (let n = 0; n < 12; n++) await api.app.prisma.feed.create({ data: { name: `after ${n}` } });
	const { body } = await api.call("GET", "/feeds?limit=200");
	const names = body.items.map(({ name }: { name: string }) => name);
	expect(names.filter((name: string) => name.includes("half"))).toEqual([]);
	expect(names.length).toBe(12);
}, 60_000);

test("what may take long is waited for", async () => {
	const long = (client: TestApi["app"]["prisma"]) => client.$queryRaw`SELECT pg_sleep(6)::text AS slept`;
	const [short, patient] = await Promise.allSettled([long(api.app.prisma), long(api.app.patient)]);
	expect([short.status, patient.status]).toEqual(["rejected", "fulfilled"]);
	expect(isDatabaseAway((short as PromiseRejectedResult).reason)).toBe(true);
});
