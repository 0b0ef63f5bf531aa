// The commit before this one and this one, each a whole host with its api and its machine, side by side on one database, one queue and
// one folder of artifacts: nobody who asks either of them sees that, and what one has begun the other ends.
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type EmbeddedPostgres, startPostgres } from "../../services/supervisor/src/postgres/embedded.js";
import { checkOut, ROOT, type Started, startCheckout } from "../support/checkouts.js";
import { removeHomesIn } from "../support/homes.js";
import { until } from "../support/processes.js";
import { launchLong } from "../support/small-run.js";

jest.setTimeout(300_000);
/** What proto is held against, too; by hand an older one, to see a larger step. */
const BEFORE = process.env.VALENCE_TEST_BASE ?? "HEAD~1";
/** Epochs of a run that is handed over and then cancelled. */
const ENDLESS = 5_000;
const folder = mkdtempSync(join(tmpdir(), "valence-rolling-"));
let database: EmbeddedPostgres;
let before: string;
const hosts: Started[] = [];

beforeAll(async () => {
	mkdirSync(join(folder, "database"));
	database = await startPostgres({ home: join(folder, "database") });
	before = checkOut(BEFORE, join(folder, "before"));
});
afterAll(async () => {
	for (const { end } of hosts) await end();
	await database?.stop();
	removeHomesIn(folder);
});

async function startHost(checkout: string, name: string): Promise<Started> {
	const host = await startCheckout(checkout, join(folder, name), {
		DATABASE_URL: database.url,
		VALENCE_ARTIFACTS: join(folder, "artifacts"),
		MACHINE_NAME: name,
		RUN_CONCURRENCY: "3", // two long ones, and room for what the other has launched
		TRAINER_SLOTS: "3",
		TRAINER_THREADS: "1",
	});
	hosts.push(host);
	return host;
}

/** Asks a host all the time what people ask; every refusal is a wrong one. */
function visit({ api, url }: Started, run: string) {
	const wrong: string[] = [];
	let isOver = false;
	let answered = 0;
	const questions: (() => Promise<unknown>)[] = [
		() => api.get("/users/{id}/recommendations", { path: { id: `u${answered % 300}` }, query: { n: 5 } }),
		() => api.get("/experiments"),
		() => api.get("/runs/{id}", { path: { id: run } }),
		() => api.get("/runs/{id}/metrics", { path: { id: run } }),
		() => api.get("/datasets"),
		() => api.get("/machines"),
		() => api.get("/deployments"),
	];
	const visitor = async () => {
		while (!isOver) {
			const question = questions[answered % questions.length] as () => Promise<unknown>;
			await question().catch((error: Error) => wrong.push(`${url} ${question}: ${error.message}`));
			answered++;
			await sleep(20);
		}
	};
	const visiting = visitor();
	return {
		answered: () => answered,
		async end(): Promise<string[]> {
			isOver = true;
			await visiting;
			return wrong;
		},
	};
}

const runOf = ({ api }: Started, id: string) => api.get("/runs/{id}", { path: { id } });
const reaches = (host: Started, id: string, epoch: number) =>
	until(`${id} at epoch ${epoch}`, async () => (await runOf(host, id)).epoch >= epoch);
const ends = (host: Started, id: string) =>
	until(
		`${id} ends`,
		async () => {
			const run = await runOf(host, id);
			return ["SUCCEEDED", "FAILED", "CANCELLED"].includes(run.state) && run;
		},
		150,
	);

async function launch({ api }: Started, dataset: string, epochs = 6): Promise<string> {
	const models = [{ model: "valid", params: { k: 2, epochs, patience: epochs } }];
	const { runs } = await api.post("/experiments", { body: { dataset, models } });
	return runs[0]?.id as string;
}

test("two commits side by side: all is answered, runs go from one to the other, and the earlier one leaves", async () => {
	const old = await startHost(before, "earlier");
	const { dataset, checkpoints } = await ends(old, await launchLong(old.api, 6));
	const body = { checkpoint: checkpoints.find(({ isBest }) => isBest)?.id as string };
	await old.api.put("/deployments/{name}", { path: { name: "default" }, body });
	const long = [await launch(old, dataset.id, ENDLESS), await launch(old, dataset.id, ENDLESS)];
	await Promise.all(long.map((id) => reaches(old, id, 2)));
	const visits = [visit(old, long[0] as string)];

	const young = await startHost(ROOT, "later"); // migrates under the earlier one
	await until("it answers from what the earlier one has deployed", () =>
		young.api.get("/users/{id}/recommendations", { path: { id: "u1" } }).catch(() => null),
	);
	visits.push(visit(young, long[0] as string));
	await until("both machines are there", async () => {
		const { items } = await old.api.get("/machines");
		return ["earlier", "later"].every((name) => items.some((one) => one.name === name && one.state === "ready"));
	});

	// Each launches what either may take.
	const short = [];
	for (const host of [old, young, old, young]) short.push(await launch(host, dataset.id));
	await Promise.all(short.map((id) => ends(young, id)));

	const machine = { path: { name: "earlier" } };
	await young.api.post("/machines/{name}/drain", machine);
	await until("it has handed over", async () => (await young.api.get("/machines/{name}", machine)).work.length === 0);
	expect(await visits[0]?.end()).toEqual([]);
	expect(visits[0]?.answered()).toBeGreaterThan(50);
	await old.end();

	for (const id of long) {
		const { epoch } = await runOf(young, id);
		await reaches(young, id, epoch + 5);
		await young.api.post("/runs/{id}/cancel", { path: { id } });
	}
	for (const id of [...long, ...short]) {
		const run = await ends(young, id);
		expect([id, run.state, run.error]).toEqual([id, long.includes(id) ? "CANCELLED" : "SUCCEEDED", null]);
		if (long.includes(id)) expect([id, run.machine]).toEqual([id, "later"]);
		const { series } = await young.api.get("/runs/{id}/metrics", { path: { id } });
		const all = Array.from({ length: run.epoch }, (_, index) => index + 1);
		for (const { split, name, points } of series.filter((one) => one.split !== "test"))
			expect([id, split, name, points.map(({ epoch }) => epoch)]).toEqual([id, split, name, all]);
	}
	expect(await visits[1]?.end()).toEqual([]);
	expect(visits[1]?.answered()).toBeGreaterThan(50);
});
