import { randomUUID } from "node:crypto";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
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
	/** Of several runs, the numbers of all. */
	id: number | string;
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

const follow = (id: string, headers: Record<string, string> = {}) => read(`/runs/${id}/events`, headers);
const followAll = (ids: string[], headers: Record<string, string> = {}, more = "") =>
	read(`/events?${ids.map((id) => `runs=${id}`).join("&")}${more}`, headers);

async function* read(path: string, headers: Record<string, string>): AsyncGenerator<Event> {
	const stop = new AbortController();
	const response = await fetch(`${url}${path}`, { headers, signal: stop.signal });
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
				if (fields.id)
					yield {
						id: fields.id.includes(",") ? fields.id : Number(fields.id),
						event: fields.event,
						data: JSON.parse(fields.data),
					};
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
			last = Number(event.id);
			seen.push(last);
			if (seen.length % 7 === 0 || last === 31) break;
		}
	}
	expect(seen).toEqual(Array.from({ length: 31 }, (_, i) => i + 1));
	await finish(id);
	expect(await all(follow(id, { "last-event-id": "32" }))).toEqual([]);
});

test("follows several runs on one connection, each from its own position, until all are final", async () => {
	const [first, second, unknown] = [await run(), await run(), randomUUID()];
	for (const id of [first, second]) for (let epoch = 1; epoch <= 3; epoch++) await append(id, "epoch", { epoch });
	const stream = followAll([first, second, unknown], { "last-event-id": "2,0,0" });
	const next = async () => {
		const { event, data } = (await stream.next()).value as Event;
		return [data.run, data.seq, event];
	};
	const replayed = [await next(), await next(), await next(), await next(), await next(), await next()];
	for (const [id, from] of [
		[first, 3],
		[second, 1],
	] as const)
		expect(replayed.filter(([of]) => of === id).map(([, seq]) => seq)).toEqual(
			Array.from({ length: 5 - from }, (_, index) => from + index),
		);
	expect(await next()).toEqual([unknown, undefined, "gone"]);
	await finish(first);
	expect(await next()).toEqual([first, 5, "state"]);
	await append(second, "log", { level: "info", message: "still here" });
	const { value } = (await stream.next()) as { value: Event };
	expect(value).toMatchObject({ id: "5,5,0", data: { run: second, message: "still here" } });
	await finish(second);
	expect((await all(stream)).map(({ event }) => event)).toEqual(["state"]);
	// Asked again with what that stream said last, nothing comes twice.
	expect(await all(followAll([first, second], { "last-event-id": "5,6" }))).toEqual([]);
});

test("answers the events that there are without waiting, more than a page of them", async () => {
	const ids = [await run(), await run("QUEUED")];
	for (let epoch = 1; epoch <= 230; epoch++) await append(ids[0] as string, "epoch", { epoch });
	const events = await all(followAll(ids, {}, "&wait=false"));
	expect(events).toHaveLength(232);
	expect(new Set(events.map(({ data }) => data.run))).toEqual(new Set(ids));
	expect(await all(followAll(ids, { "last-event-id": String(events.at(-1)?.id) }, "&wait=false"))).toEqual([]);
});

test.each([
	["runs=x", {}, "/query/runs/0"],
	["", {}, "/query/runs"],
	[`runs=${"a".repeat(8)}-1111-1111-1111-111111111111`, { "last-event-id": "1,2" }, "/headers/last-event-id"],
	[`runs=${"a".repeat(8)}-1111-1111-1111-111111111111`, { "last-event-id": "x" }, "/headers/last-event-id"],
])("refuses to follow %p after %p", async (query, headers, pointer) => {
	const { status, body } = await api.call("GET", `/events?${query}`, undefined, headers as Record<string, string>);
	expect([status, body.errors?.[0]?.pointer]).toEqual([400, pointer]);
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
