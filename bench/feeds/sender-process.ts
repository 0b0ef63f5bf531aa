// Fills a feed and measures it: a process of its own, so that what it measures shares no event loop with what starts that.
import { Agent, request, setGlobalDispatcher } from "undici";
import { quantile } from "../http/figures.js";
import { BATCH, CLIENTS, FIRST, SINGLE_CLIENTS } from "./loads.js";

const READS = 2_000;
const ITEMS = 20_000;
/** A user has about so many rows, however many there are in all. */
const PER_USER = 20;
const SPAN_MS = 365 * 86_400_000;
const NOW = Date.parse("2026-11-01T00:00:00Z");

/** Rows a second, but for the histories. */
export interface Measured {
	rows: number;
	arrays: number;
	/** Of rows from any time of the year, as they come when earlier data is sent in. */
	backfill: number;
	stream: number;
	single: number;
	history: { p50: number; p99: number };
	busyHistory: { p50: number; p99: number };
}

const below = (limit: number) => Math.floor(Math.random() * limit);
type Clock = () => number;
const someTime: Clock = () => NOW - below(SPAN_MS);
const justNow: Clock = () => Date.now() - below(1_000);
/** Ids as shops have them. */
const row = (users: number, clock: Clock) =>
	`{"user":"customer-${below(users)}","item":"sku-${below(ITEMS)}","at":${clock()},"value":${1 + below(5)}}`;
const rows = (count: number, users: number, clock: Clock) => Array.from({ length: count }, () => row(users, clock));

async function send(url: string, type: string, body: string | AsyncIterable<string>): Promise<number> {
	const { statusCode, body: answer } = await request(`${url}/feeds/bench/interactions`, {
		method: "POST",
		headers: { "content-type": type },
		body: body as string,
	});
	const { added, known, detail } = (await answer.json()) as { added: number; known: number; detail?: string };
	if (statusCode !== 200) throw new Error(`${statusCode}: ${detail}`);
	return added + known;
}

async function* lines(count: number, users: number, clock: Clock): AsyncGenerator<string> {
	for (let sent = 0; sent < count; sent += BATCH)
		yield `${rows(Math.min(BATCH, count - sent), users, clock).join("\n")}\n`;
}

const stream = (url: string, count: number, users: number, clock: Clock) =>
	send(url, "application/x-ndjson", lines(count, users, clock));

/** Rows a second of clients that send again as soon as they are answered. */
async function rate(clients: number, seconds: number, once: () => Promise<number>): Promise<number> {
	const begun = performance.now();
	let sent = 0;
	const client = async () => {
		while (performance.now() - begun < seconds * 1_000) {
			const stored = await once(); // before the sum is read, which others add to meanwhile
			sent += stored;
		}
	};
	await Promise.all(Array.from({ length: clients }, client));
	return (sent / (performance.now() - begun)) * 1_000;
}

async function histories(url: string, users: number, count: number): Promise<{ p50: number; p99: number }> {
	const latencies = new Float64Array(count);
	for (let index = 0; index < count; index++) {
		const begun = performance.now();
		const path = `/feeds/bench/interactions?user=customer-${below(users)}&limit=50`;
		const { statusCode, body } = await request(`${url}${path}`);
		await body.text();
		if (statusCode !== 200) throw new Error(`${statusCode} of ${path}`);
		latencies[index] = performance.now() - begun;
	}
	latencies.sort();
	return { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) };
}

async function measure(url: string, held: number, seconds: number): Promise<Measured> {
	const users = Math.max(Math.round(held / PER_USER), 10);
	const history = await histories(url, users, READS);
	const array = (clock: Clock) => send(url, "application/json", `[${rows(BATCH, users, clock).join(",")}]`);
	const batch = () => array(justNow);
	const arrays = await rate(CLIENTS, seconds, batch);
	const backfill = await rate(CLIENTS, seconds, () => array(someTime));
	const streamed = await rate(1, seconds, () => stream(url, 20 * BATCH, users, justNow));
	const single = await rate(SINGLE_CLIENTS, seconds, () => send(url, "application/json", `[${row(users, justNow)}]`));
	let isBusy = true;
	const write = async () => {
		while (isBusy) await batch();
	};
	const writing = write();
	const busyHistory = await histories(url, users, READS / 4);
	isBusy = false;
	await writing;
	return { rows: held, arrays, backfill, stream: streamed, single, history, busyHistory };
}

export interface Order {
	url: string;
	most: number;
	seconds: number;
}
/** What it says: how far it is, and at the end all of it. */
export type Said =
	| { at: number }
	| { measured: Measured[]; snapshot: { rows: number; seconds: number } }
	| { error: string };
const tell = (said: Said) => process.send?.(said);

async function obey({ url, most, seconds }: Order): Promise<void> {
	setGlobalDispatcher(new Agent({ bodyTimeout: 600_000, headersTimeout: 600_000 }));
	await request(`${url}/feeds/bench`, { method: "PUT" });
	const held = async () =>
		((await (await request(`${url}/feeds/bench`)).body.json()) as { interactions: number }).interactions;
	const measured: Measured[] = [];
	for (let rows = FIRST; rows <= most; rows *= 10) {
		const missing = rows - (await held());
		if (missing > 0) await stream(url, missing, Math.max(Math.round(rows / PER_USER), 10), someTime);
		tell({ at: await held() });
		measured.push(await measure(url, await held(), seconds));
	}
	const begun = performance.now();
	const taken = await request(`${url}/feeds/bench/snapshots`, {
		method: "POST",
		headers: { "content-type": "application/json" },
		body: "{}",
	});
	const { feed } = (await taken.body.json()) as { feed: { rows: number } };
	tell({ measured, snapshot: { rows: feed.rows, seconds: (performance.now() - begun) / 1_000 } });
}

process.on("disconnect", () => process.exit(0));
process.on("message", (order: Order) => {
	obey(order).catch((error: Error) => tell({ error: error.message }));
});
