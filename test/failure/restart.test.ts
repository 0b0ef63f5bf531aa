// The api and PostgreSQL die in the middle of a run and come back.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jest } from "@jest/globals";
import { type EmbeddedPostgres, startPostgres } from "../../services/supervisor/src/embedded-postgres.js";
import { freePort } from "../../services/supervisor/src/ports.js";
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
	rmSync(home, { recursive: true, force: true });
});

interface Event {
	id: number;
	type: string;
}

/** Reads events into the list until the stream ends or breaks. */
async function follow(url: string, events: Event[]): Promise<void> {
	const headers = events.length > 0 ? { "last-event-id": String(events.at(-1)?.id) } : undefined;
	const response = await fetch(url, { headers });
	const decoder = new TextDecoder();
	let text = "";
	for await (const chunk of response.body as ReadableStream<Uint8Array>) {
		const blocks = (text + decoder.decode(chunk, { stream: true })).split("\n\n");
		text = blocks.pop() ?? "";
		for (const block of blocks) {
			const [, id] = /^id: (\d+)$/m.exec(block) ?? [];
			const [, type] = /^event: (\w+)$/m.exec(block) ?? [];
			if (id && type) events.push({ id: Number(id), type });
		}
	}
}

test("the api is killed with -9 and started again: the run goes on, and a watcher that reconnects has every event once", async () => {
	const port = await freePort();
	const base = `http://127.0.0.1:${port}`;
	const answers = () =>
		fetch(`${base}/healthz`).then(
			(reply) => reply.ok,
			() => false,
		);
	const first = stack.startApi(port);
	stack.startWorker();
	const run = await stack.launch();
	const events: Event[] = [];
	await until("the api answers", answers);
	const watching = follow(`${base}/runs/${run}/events`, events).catch(() => undefined);
	await until("the watcher sees epochs", () => events.filter(({ type }) => type === "epoch").length >= 2);
	await first.end("SIGKILL");
	await watching;
	const seen = events.length;
	await stack.reaches(run, (await stack.see(run)).epoch + 1);
	stack.startApi(port);
	await until("the api answers again", answers);
	await follow(`${base}/runs/${run}/events`, events);
	const ended = await stack.see(run);
	expect(ended.job).toMatchObject({ state: "SUCCEEDED", lease: 1, crashes: 0 });
	expect(events.length).toBeGreaterThan(seen);
	expect(events.map(({ id }) => id)).toEqual(Array.from({ length: ended.job.eventSeq }, (_, index) => index + 1));
	expect(events.filter(({ type }) => type === "epoch")).toHaveLength(ended.epoch);
	await expectSound(stack);
});

test("PostgreSQL is restarted hard: the run ends as if nothing had happened, and what comes after starts", async () => {
	const worker = stack.startWorker();
	const run = await stack.launch();
	await stack.reaches(run, 2);
	await postgres.restart();
	const ended = await stack.ends(run);
	expect(ended.job.state).toBe("SUCCEEDED");
	const next = await stack.launch();
	expect((await stack.ends(next)).job.state).toBe("SUCCEEDED");
	expect(worker.isGone).toBe(false);
	await expectSound(stack);
});
