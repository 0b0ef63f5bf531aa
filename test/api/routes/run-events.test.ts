import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { jest } from "@jest/globals";
import { appendEvent } from "../../../services/api/src/plugins/jobs.js";
import { startApi, type TestApi } from "../../support/api.js";

let api: TestApi;
let url: string;
beforeAll(async () => {
	api = await startApi();
	url = await api.app.listen({ port: 0, host: "127.0.0.1" });
});
afterAll(() => api.close());

interface Event {
	id: number;
	event: string;
	// biome-ignore lint/suspicious/noExplicitAny: whatever the event holds
	data: any;
}
const run = async (state: "QUEUED" | "RUNNING" | "SUCCEEDED" = "RUNNING") =>
	(await api.experiment([state])).runs[0] as string;
const append = (id: string, type: string, data: object) =>
	api.app.prisma.$transaction((tx) => appendEvent(tx, id, type, data));
const finish = (id: string) =>
	api.app.prisma.$transaction(async (tx) => {
		await tx.job.update({ where: { id }, data: { state: "SUCCEEDED", finishedAt: new Date() } });
		await appendEvent(tx, id, "state", { state: "SUCCEEDED" });
	});

async function* follow(
	id: string,
	headers: Record<string, string> = {},
	stop = new AbortController(),
): AsyncGenerator<Event> {
	const response = await fetch(`${url}/runs/${id}/events`, { headers, signal: stop.signal });
	expect(response.status).toBe(200);
	expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
	expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
	let buffer = "";
	try {
		for await (const chunk of (response.body as ReadableStream).pipeThrough(new TextDecoderStream())) {
			buffer += chunk;
			for (let end = buffer.indexOf("\n\n"); end >= 0; end = buffer.indexOf("\n\n")) {
				const fields = Object.fromEntries(
					buffer
						.slice(0, end)
						.split("\n")
						.map((line) => line.split(/: (.*)/s)),
				);
				buffer = buffer.slice(end + 2);
				if (fields.id) yield { id: Number(fields.id), event: fields.event, data: JSON.parse(fields.data) };
			}
		}
	} finally {
		stop.abort();
	}
}
async function all(stream: AsyncGenerator<Event>): Promise<Event[]> {
	const events: Event[] = [];
	for await (const event of stream) events.push(event);
	return events;
}

test("replays from the start, follows, and ends after the final state", async () => {
	const id = await run();
	await append(id, "log", { level: "info", message: "a\nb\u2028c" });
	const received = all(follow(id));
	for (let epoch = 1; epoch <= 250; epoch++) await append(id, "epoch", { epoch });
	await finish(id);
	const events = await received;
	expect(events.map((event) => event.id)).toEqual(Array.from({ length: 253 }, (_, i) => i + 1));
	expect(events[1]).toMatchObject({ event: "log", data: { level: "info", message: "a\nb\u2028c" } });
	expect(events.at(-1)).toMatchObject({ event: "state", data: { state: "SUCCEEDED" } });
}, 30_000);

test("goes on after Last-Event-ID, without gap or duplicate over reconnects", async () => {
	const id = await run();
	for (let epoch = 1; epoch <= 30; epoch++) await append(id, "epoch", { epoch });
	const seen: number[] = [];
	for (let last = 0; last < 31; ) {
		for await (const event of follow(id, { "last-event-id": String(last) })) {
			seen.push(event.id);
			last = event.id;
			if (seen.length % 7 === 0 || last === 31) break;
		}
	}
	expect(seen).toEqual(Array.from({ length: 31 }, (_, i) => i + 1));
	await finish(id);
	expect(await all(follow(id, { "last-event-id": "32" }))).toEqual([]);
});

test("a new event arrives at once: the database wakes the stream", async () => {
	const id = await run();
	const stream = follow(id);
	await stream.next();
	await sleep(300);
	const waits: number[] = [];
	for (let epoch = 1; epoch <= 3; epoch++) {
		const next = stream.next();
		const started = Date.now();
		await append(id, "epoch", { epoch });
		await next;
		waits.push(Date.now() - started);
	}
	await stream.return(undefined);
	expect(Math.min(...waits)).toBeLessThan(500);
});

test("events still come when the listening connection was cut", async () => {
	const id = await run();
	const stream = follow(id);
	await stream.next();
	await api.app.prisma.$executeRaw`
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`;
	const next = stream.next();
	await append(id, "epoch", { epoch: 1 });
	expect((await next).value).toMatchObject({ event: "epoch" });
	await stream.return(undefined);
	const listening = async () => {
		const [row] = await api.app.prisma.$queryRaw<{ n: number }[]>`
			SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`;
		return row?.n;
	};
	for (let i = 0; i < 50 && (await listening()) !== 1; i++) await sleep(100);
	expect(await listening()).toBe(1);
});

test("an error cuts the stream off: a clean end would say that the run is final", async () => {
	const id = await run();
	const stream = follow(id);
	await stream.next();
	const broken = jest.spyOn(api.app.prisma.jobEvent, "findMany").mockRejectedValue(new Error("the database is away"));
	await append(id, "epoch", { epoch: 1 });
	await expect(stream.next()).rejects.toThrow("terminated");
	broken.mockRestore();
});

test("a reader that does not read costs bounded memory", async () => {
	const id = await run("QUEUED");
	const message = "x".repeat(20_000);
	for (let part = 0; part < 6; part++) {
		await api.app.prisma.jobEvent.createMany({
			data: Array.from({ length: 500 }, (_, i) => ({
				jobId: id,
				seq: part * 500 + i + 2,
				type: "log",
				data: { level: "info", message },
			})),
		});
	}
	const port = Number(new URL(url).port);
	const socket: Socket = connect(port, "127.0.0.1");
	socket.pause();
	socket.write(`GET /runs/${id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n`);
	await sleep(1_500);
	const handles = (
		process as unknown as {
			_getActiveHandles(): { localPort?: number; writableLength?: number; bytesWritten?: number }[];
		}
	)._getActiveHandles();
	const held = handles
		.filter((handle) => handle.localPort === port)
		.map(({ writableLength, bytesWritten }) => [writableLength ?? 0, bytesWritten ?? 0]);
	// 60 MB wait in the database; the sockets themselves take some.
	expect(Math.max(...held.map(([waiting]) => waiting as number))).toBeLessThan(2_000_000);
	expect(Math.max(...held.map(([, written]) => written as number))).toBeGreaterThan(20_000);
	expect(Math.max(...held.map(([, written]) => written as number))).toBeLessThan(20_000_000);
	socket.destroy();
}, 40_000);

test.each(["abc", "-1", "1.5", "99999999999", "1, 2"])("refuses Last-Event-ID %p", async (last) => {
	const { status, body } = await api.call("GET", `/runs/${await run()}/events`, undefined, { "last-event-id": last });
	expect([status, body.errors?.[0]?.pointer]).toEqual([400, "/headers/last-event-id"]);
});

test("open streams are bounded, and given back", async () => {
	const id = await run();
	const stop = new AbortController();
	const open = () => fetch(`${url}/runs/${id}/events`, { signal: stop.signal });
	const streams = await Promise.all(Array.from({ length: 200 }, open));
	expect(new Set(streams.map((stream) => stream.status))).toEqual(new Set([200]));
	const refused = await open();
	expect([refused.status, refused.headers.get("retry-after"), (await refused.json()).code]).toEqual([
		429,
		"5",
		"too_many_streams",
	]);
	stop.abort();
	await sleep(300);
	const again = await fetch(`${url}/runs/${id}/events`);
	expect(again.status).toBe(200);
	await again.body?.cancel();
}, 30_000);

test("closing the api cuts the streams off, so that their readers come back", async () => {
	const other = await startApi();
	const address = await other.app.listen({ port: 0, host: "127.0.0.1" });
	const [id] = (await other.experiment(["RUNNING"])).runs;
	const response = await fetch(`${address}/runs/${id}/events`);
	const read = expect(response.text()).rejects.toThrow("terminated");
	const started = Date.now();
	await other.close();
	await read;
	expect(Date.now() - started).toBeLessThan(5_000);
});
