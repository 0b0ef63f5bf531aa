// The home of an earlier version, with a run under way, goes on under this one.
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { databaseOf } from "../../services/supervisor/src/postgres/place.js";
import { checkOut, ROOT, type Started, startCheckout } from "../support/checkouts.js";
import { removeHomesIn } from "../support/homes.js";
import { until } from "../support/processes.js";
import { launchLong } from "../support/small-run.js";

jest.setTimeout(300_000);
/** The last commit before databases lay in their homes. */
const BEFORE = "b230507";
const folder = mkdtempSync(join(tmpdir(), "valence-upgrade-"));
const home = join(folder, "home");
let earlier: string;
const started: Started[] = [];
async function start(checkout: string) {
	const one = await startCheckout(checkout, home);
	started.push(one);
	return one;
}

beforeAll(() => {
	mkdirSync(home);
	earlier = checkOut(BEFORE, join(folder, "earlier"));
});
afterAll(async () => {
	for (const { end } of started) await end();
	removeHomesIn(folder);
});

test("a run that the earlier version had begun ends under this one, with every number", async () => {
	const first = await start(earlier);
	const run = await launchLong(first.api, 60);
	await until("it has begun", async () => (await first.api.get("/runs/{id}", { path: { id: run } })).epoch >= 3);
	await first.end("SIGKILL"); // as the power goes
	const second = await start(ROOT);
	expect(second.said()).toContain(`database   ${databaseOf(home)}`);
	let now = await second.api.get("/runs/{id}", { path: { id: run } });
	const ended = await until(
		"it ends",
		async () => {
			now = await second.api.get("/runs/{id}", { path: { id: run } });
			return now.state === "SUCCEEDED" && now;
		},
		150,
	).catch((error: Error) => {
		throw new Error(`${error.message}: ${JSON.stringify(now)}`);
	});
	const { series } = await second.api.get("/runs/{id}/metrics", { path: { id: run } });
	for (const { split, name, points } of series.filter((one) => one.split !== "test")) {
		const epochs = points.map((point) => point.epoch);
		expect([split, name, epochs]).toEqual([split, name, Array.from({ length: ended.epoch }, (_, index) => index + 1)]);
	}
	const best = ended.checkpoints.find((checkpoint) => checkpoint.isBest)?.id as string;
	await second.api.put("/deployments/{name}", { path: { name: "default" }, body: { checkpoint: best } });
	const { items } = await second.api.get("/users/{id}/recommendations", { path: { id: "u1" }, query: { n: 5 } });
	expect(items).toHaveLength(5);
	await second.end();
});
