// The api and PostgreSQL die in the middle of a run and come back.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type RunEvent } from "@valence/client";
import { freePort } from "../../services/supervisor/src/ports.js";
import { type EmbeddedPostgres, startPostgres } from "../../services/supervisor/src/postgres/embedded.js";
import { crash, removeHomesIn } from "../support/homes.js";
import { expectSound } from "../support/invariants.js";
import { until } from "../support/processes.js";
import { type Stack, startStack } from "../support/stack.js";

jest.setTimeout(180_000);
const home = mkdtempSync(join(tmpdir(), "valence-database-"));
let postgres: EmbeddedPostgres;
let stack: Stack;
beforeAll(async () => {
	postgres = await startPostgres({ home });
	stack = await startStack({ databaseUrl: postgres.url });
});
afterEach(async () => {
	await stack?.endWorkers();
});
afterAll(async () => {
	await stack?.stop();
	await postgres?.stop();
	removeHomesIn(home);
});

test("the api is killed with -9 and started again: the run goes on, and who follows it by the client has every event once", async () => {
	const port = await freePort();
	const base = `http://127.0.0.1:${port}`;
	const first = stack.startApi(port);
	await until("the api answers", () =>
		fetch(`${base}/healthz`).then(
			({ ok }) => ok,
			() => false,
		),
	);
	stack.startWorker();
	const run = await stack.launch();
	const events: RunEvent[] = [];
	const watching = (async () => {
		for await (const event of connect(base).follow(run)) events.push(event);
	})();
	const epochs = () => events.filter(({ event }) => event === "epoch");
	await until("the watcher sees epochs", () => epochs().length >= 2);
	await first.end("SIGKILL");
	const seen = events.length;
	await stack.reaches(run, (await stack.see(run)).epoch + 1);
	stack.startApi(port);
	await watching;
	const ended = await stack.see(run);
	expect(ended.job).toMatchObject({ state: "SUCCEEDED", lease: 1, crashes: 0 });
	expect(events.length).toBeGreaterThan(seen);
	expect(events.map(({ id }) => id)).toEqual(Array.from({ length: ended.job.eventSeq }, (_, index) => index + 1));
	expect(epochs()).toHaveLength(ended.epoch);
	await expectSound(stack);
});

test("PostgreSQL is restarted hard: the run ends as if nothing had happened, and what comes after starts", async () => {
	const worker = stack.startWorker();
	const run = await stack.launch();
	await stack.reaches(run, 2);
	await crash(home, postgres);
	const ended = await stack.ends(run);
	expect(ended.job.state).toBe("SUCCEEDED");
	const next = await stack.launch();
	expect((await stack.ends(next)).job.state).toBe("SUCCEEDED");
	expect(worker.isGone).toBe(false);
	await expectSound(stack);
});
