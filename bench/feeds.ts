// npm run bench -- feeds: how fast a feed is written to and a user's history is read, as it grows tenfold and tenfold again;
// what it is compared with is the same feed when it was small.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Agent, request, setGlobalDispatcher } from "undici";
import { artifactsOf } from "../services/supervisor/src/artifacts.js";
import { takeDemoHome } from "../services/supervisor/src/demo-home.js";
import { DEFAULT_HOME, RESULTS } from "../services/supervisor/src/paths.js";
import { bold, dim, say } from "../services/supervisor/src/terminal.js";
import { onWish } from "../services/supervisor/src/wish.js";
import { atEnd, endAll, stop, stopping } from "./http/ends.js";
import { quantile } from "./http/figures.js";
import { thisMachine } from "./http/machine.js";
import { startOurs } from "./http/ours.js";

const USAGE = `npm run bench -- feeds [options]

A feed is filled over HTTP; at a thousand rows and at each tenfold of that it is measured.

  --rows N      fills it up to so many (1000000)
  --seconds N   that each load of writes counts (10)
  --out FILE    the table (bench/results/feeds.md; without it only printed where the rows are fewer than a million)`;

const FIRST = 1_000;
const BATCH = 1_000;
const CLIENTS = 4;
const READS = 2_000;
const SINGLE_CLIENTS = 32;
const ITEMS = 20_000;
/** A user has about so many rows, however many there are in all. */
const PER_USER = 20;
const SPAN_MS = 365 * 86_400_000;
const NOW = Date.parse("2026-11-01T00:00:00Z");

interface Measured {
	rows: number;
	arrays: number;
	stream: number;
	single: number;
	history: { p50: number; p99: number };
	busyHistory: { p50: number; p99: number };
}

const below = (limit: number) => Math.floor(Math.random() * limit);
/** Ids as shops have them, times over a year. */
const row = (users: number) =>
	`{"user":"customer-${below(users)}","item":"sku-${below(ITEMS)}","at":${NOW - below(SPAN_MS)},"value":${1 + below(5)}}`;
const rows = (count: number, users: number) => Array.from({ length: count }, () => row(users));

async function send(url: string, type: string, body: string | AsyncIterable<string>): Promise<number> {
	const { statusCode, body: answer } = await request(`${url}/feeds/bench/interactions`, {
		method: "POST",
		headers: { "content-type": type },
		body: body as string,
		signal: stopping,
	});
	const { added, known, detail } = (await answer.json()) as { added: number; known: number; detail?: string };
	if (statusCode !== 200) throw new Error(`${statusCode}: ${detail}`);
	return added + known;
}

async function* lines(count: number, users: number): AsyncGenerator<string> {
	for (let sent = 0; sent < count; sent += BATCH) yield `${rows(Math.min(BATCH, count - sent), users).join("\n")}\n`;
}

const stream = (url: string, count: number, users: number) => send(url, "application/x-ndjson", lines(count, users));

/** Rows a second of clients that send again as soon as they are answered. */
async function rate(clients: number, seconds: number, once: () => Promise<number>): Promise<number> {
	const begun = performance.now();
	let sent = 0;
	const client = async () => {
		while (performance.now() - begun < seconds * 1_000) sent += await once();
	};
	await Promise.all(Array.from({ length: clients }, client));
	return (sent / (performance.now() - begun)) * 1_000;
}

async function histories(url: string, users: number, count: number): Promise<{ p50: number; p99: number }> {
	const latencies = new Float64Array(count);
	for (let index = 0; index < count; index++) {
		const begun = performance.now();
		const path = `/feeds/bench/interactions?user=customer-${below(users)}&limit=50`;
		const { statusCode, body } = await request(`${url}${path}`, { signal: stopping });
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
	const batch = () => send(url, "application/json", `[${rows(BATCH, users).join(",")}]`);
	const arrays = await rate(CLIENTS, seconds, batch);
	const streamed = await rate(1, seconds, () => stream(url, 20 * BATCH, users));
	const single = await rate(SINGLE_CLIENTS, seconds, () => send(url, "application/json", `[${row(users)}]`));
	let isBusy = true;
	const writing = rate(1, Number.POSITIVE_INFINITY, async () => {
		if (!isBusy) throw stopping;
		return batch();
	}).catch((error) => {
		if (error !== stopping) throw error;
	});
	const busyHistory = await histories(url, users, READS / 4);
	isBusy = false;
	await writing;
	return { rows: held, arrays, stream: streamed, single, history, busyHistory };
}

function tableOf(measured: Measured[], snapshot: { rows: number; seconds: number }, seconds: number): string {
	const { processor, cores, node, loadBefore } = thisMachine("");
	const whole = (value: number) => Math.round(value).toLocaleString("en");
	const first = measured[0] as Measured;
	const last = measured.at(-1) as Measured;
	const ms = ({ p50, p99 }: { p50: number; p99: number }) => `${p50.toFixed(1)} / ${p99.toFixed(1)}`;
	const line = ({ rows, arrays, stream, single, history, busyHistory }: Measured) =>
		`| ${whole(rows)} | ${whole(arrays)} | ${whole(stream)} | ${whole(single)} | ${ms(history)} | ${ms(busyHistory)} |`;
	const ratio = (of: (one: Measured) => number) => (of(last) / of(first)).toFixed(2);
	return `# Feeds

\`npm run bench -- feeds\`: ${processor}, ${cores} cores, Node ${node}; load ${loadBefore.toFixed(1)} before; PostgreSQL, the api and the sender on the
same machine; ${seconds} s a load. Writes are committed rows a second: arrays of ${whole(BATCH)} from ${CLIENTS} clients, one stream of JSON lines, arrays of
one row from ${SINGLE_CLIENTS} clients. A history is 50 rows of one user, p50 / p99 in ms, alone and beside a client that writes arrays.

| rows | arrays | stream | single rows | history | history beside writes |
| --- | --- | --- | --- | --- | --- |
${measured.map(line).join("\n")}
| last to first | ${ratio((one) => one.arrays)} | ${ratio((one) => one.stream)} | ${ratio((one) => one.single)} | ${ratio((one) => one.history.p99)} | ${ratio((one) => one.busyHistory.p99)} |

A snapshot of ${whole(snapshot.rows)} rows was handed to the trainer in ${snapshot.seconds.toFixed(1)} s.
`;
}

async function main(most: number, seconds: number, out: string | null): Promise<void> {
	const { home, end } = takeDemoHome(join(DEFAULT_HOME, "bench"));
	atEnd(end);
	const place = { home, artifacts: artifactsOf(home, {}), address: null, end };
	const { url, stop } = await startOurs(place, stopping, (line) => say(dim(`  ${line}`)));
	atEnd(stop);
	setGlobalDispatcher(new Agent({ bodyTimeout: 600_000, headersTimeout: 600_000 }));
	await request(`${url}/feeds/bench`, { method: "PUT" });
	const held = async () =>
		((await (await request(`${url}/feeds/bench`)).body.json()) as { interactions: number }).interactions;
	const measured: Measured[] = [];
	for (let rows = FIRST; rows <= most; rows *= 10) {
		const missing = rows - (await held());
		if (missing > 0) await stream(url, missing, Math.max(Math.round(rows / PER_USER), 10));
		say(`  measure at ${(await held()).toLocaleString("en")} rows`);
		measured.push(await measure(url, await held(), seconds));
	}
	const begun = performance.now();
	const taken = await request(`${url}/feeds/bench/snapshots`, {
		method: "POST",
		headers: { "content-type": "application/json" },
		body: "{}",
	});
	const { feed } = (await taken.body.json()) as { feed: { rows: number } };
	const table = tableOf(measured, { rows: feed.rows, seconds: (performance.now() - begun) / 1_000 }, seconds);
	say(`\n${table}`);
	if (out === null) return;
	mkdirSync(dirname(out), { recursive: true });
	writeFileSync(out, table);
	say(`  written to ${bold(out)}`);
}

onWish(() => {
	if (stopping.aborted) process.exit(130);
	say(`\n${dim("stopping …")}`);
	void stop().finally(() => process.exit(130));
});
try {
	const { values } = parseArgs({
		options: {
			rows: { type: "string" },
			seconds: { type: "string" },
			out: { type: "string" },
			help: { type: "boolean" },
		},
	});
	const whole = (name: "rows" | "seconds", least: number, most: number, otherwise: number) => {
		const text = values[name] ?? String(otherwise);
		if (!/^\d{1,9}$/.test(text) || Number(text) < least || Number(text) > most)
			throw new Error(`--${name} takes a whole number from ${least} to ${most}, not ${text}`);
		return Number(text);
	};
	const most = whole("rows", FIRST, 100_000_000, 1_000_000);
	const seconds = whole("seconds", 1, 3_600, 10);
	const out = values.out
		? resolve(process.env.INIT_CWD ?? ".", values.out)
		: most >= 1_000_000
			? resolve(RESULTS, "feeds.md")
			: null;
	if (values.help) say(USAGE);
	else await main(most, seconds, out);
	await endAll();
	process.exit(0);
} catch (error) {
	if (stopping.aborted) await new Promise(() => undefined);
	process.stderr.write(`\n${error instanceof Error ? error.message : error}\n`);
	await endAll();
	process.exit(1);
}
