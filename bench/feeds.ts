// npm run bench -- feeds: how fast a feed is written to and a user's history is read, as it grows tenfold and tenfold again;
// what it is compared with is the same feed when it was small.
import { type ChildProcess, fork } from "node:child_process";
import { on } from "node:events";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { artifactsOf } from "../services/supervisor/src/artifacts.js";
import { takeDemoHome } from "../services/supervisor/src/demo-home.js";
import { DEFAULT_HOME, RESULTS } from "../services/supervisor/src/paths.js";
import { dim, say } from "../services/supervisor/src/terminal.js";
import { BATCH, CLIENTS, FIRST, SINGLE_CLIENTS } from "./feeds/loads.js";
import type { Measured, Order, Said } from "./feeds/sender-process.js";
import { atEnd, runBench, stopping } from "./http/ends.js";
import { thisMachine } from "./http/machine.js";
import { startOurs } from "./http/ours.js";
import { tell } from "./http/table.js";

const USAGE = `npm run bench -- feeds [options]

A feed is filled over HTTP; at a thousand rows and at each tenfold of that it is measured.

  --rows N      fills it up to so many (1000000)
  --seconds N   that each load of writes counts (10)
  --out FILE    the table (bench/results/feeds.md; without it only printed where the rows are fewer than a million)`;

function tableOf(measured: Measured[], snapshot: { rows: number; seconds: number }, seconds: number): string {
	const { processor, cores, node, loadBefore } = thisMachine("");
	const whole = (value: number) => Math.round(value).toLocaleString("en");
	const first = measured[0] as Measured;
	const last = measured.at(-1) as Measured;
	const ms = ({ p50, p99 }: { p50: number; p99: number }) => `${p50.toFixed(1)} / ${p99.toFixed(1)}`;
	const line = ({ rows, arrays, backfill, stream, single, history, busyHistory }: Measured) =>
		`| ${whole(rows)} | ${whole(arrays)} | ${whole(backfill)} | ${whole(stream)} | ${whole(single)} | ${ms(history)} | ${ms(busyHistory)} |`;
	const ratio = (of: (one: Measured) => number) => (of(last) / of(first)).toFixed(2);
	return `# Feeds

\`npm run bench -- feeds\`: ${processor}, ${cores} cores, Node ${node}; load ${loadBefore.toFixed(1)} before; PostgreSQL, the api and the sender on the
same machine; ${seconds} s a load. Writes are committed rows a second: arrays of ${whole(BATCH)} from ${CLIENTS} clients (rows of now, and
rows from any time of a year, as when earlier data is sent in), one stream of JSON lines, arrays of one row from ${SINGLE_CLIENTS} clients. A history is 50 rows of one user, p50 / p99 in ms, alone and beside a client that writes arrays.

| rows | arrays | arrays over a year | stream | single rows | history | history beside writes |
| --- | --- | --- | --- | --- | --- | --- |
${measured.map(line).join("\n")}
| last to first | ${ratio((one) => one.arrays)} | ${ratio((one) => one.backfill)} | ${ratio((one) => one.stream)} | ${ratio((one) => one.single)} | ${ratio((one) => one.history.p99)} | ${ratio((one) => one.busyHistory.p99)} |

A snapshot of ${whole(snapshot.rows)} rows was handed to the trainer in ${snapshot.seconds.toFixed(1)} s.
`;
}

/** What the sender has measured, once it has. */
async function told(
	sender: ChildProcess,
): Promise<{ measured: Measured[]; snapshot: { rows: number; seconds: number } }> {
	for await (const [said] of on(sender, "message", { close: ["exit"] }) as AsyncIterable<[Said]>) {
		if ("error" in said) throw new Error(said.error);
		if ("measured" in said) return said;
		say(`  measure at ${said.at.toLocaleString("en")} rows`);
	}
	throw new Error("the sender has ended");
}

async function main(most: number, seconds: number, out: string | null): Promise<void> {
	const { home, end } = takeDemoHome(join(DEFAULT_HOME, "bench"));
	atEnd(end);
	const place = { home, artifacts: artifactsOf(home, {}), address: null, end };
	const { url, stop } = await startOurs(place, stopping, (line) => say(dim(`  ${line}`)));
	atEnd(stop);
	const sender = fork(fileURLToPath(new URL("feeds/sender-process.ts", import.meta.url)), {
		execArgv: ["--import", "tsx"],
		detached: true, // a Ctrl-C in the terminal is for us
	});
	atEnd(() => sender.kill());
	sender.send({ url, most, seconds } satisfies Order);
	const { measured, snapshot } = await told(sender);
	const table = tableOf(measured, snapshot, seconds);
	tell(table, out);
}

await runBench(async () => {
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
	return true;
});
