// npm run bench -- outcomes: what recording answers costs where they are looked up in lists. The same questions with and without
// `record=false`, in turns, to one running Valence on the generated sample; the database is on the same machine.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connect } from "@valence/client";
import { dim, say, step } from "../services/supervisor/src/terminal.js";
import { askPython } from "./http/bench.js";
import { atEnd, runBench, stopping } from "./http/ends.js";
import { median } from "./http/figures.js";
import { Generator } from "./http/generator.js";
import { deployTrained, listsAreWarm, startOurs, takePlace } from "./http/ours.js";
import { processorMs } from "./http/processor-time.js";
import { tell } from "./http/table.js";

const N = 20;
const MOST_USERS = 200;
const CLIENTS = 32;

async function main(rounds: number, requests: number, out: string | null): Promise<void> {
	const place = takePlace(null);
	atEnd(() => place.end());
	const folder = mkdtempSync(join(tmpdir(), "valence-bench-"));
	atEnd(() => rmSync(folder, { recursive: true, force: true }));
	const generator = await Generator.start();
	atEnd(() => generator.stop());
	const running = await startOurs(place, stopping, (line) => say(dim(`  ${line}`)));
	atEnd(() => running.stop());
	const { url } = running;
	const api = connect(url);
	await step("Train and deploy on the sample", async () => {
		await askPython(["-m", "trainer", "sample", "--out", join(folder, "sample")]);
		await deployTrained(url, join(folder, "sample"), 1);
		await api.put("/feeds/{name}", { path: { name: "shop" } });
		const { checkpoint } = await api.get("/deployments/{name}", { path: { name: "default" } });
		await api.put("/deployments/{name}", {
			path: { name: "default" },
			body: { checkpoint: checkpoint.id, feed: "shop" },
		});
		await listsAreWarm(url);
	});
	const { items } = await api.get("/users", { query: { limit: MOST_USERS } });
	const questions = (record: boolean) =>
		items.map(({ id }) => ({
			method: "GET" as const,
			path: `/users/${encodeURIComponent(id)}/recommendations?n=${N}${record ? "" : "&record=false"}`,
		}));
	const served = running.stack?.services.find(({ spec }) => spec.name === "api")?.pid;
	if (!served) throw new Error("the api has no process");
	const spent = { with: [] as number[], without: [] as number[] };
	const rates = { with: [] as number[], without: [] as number[] };
	for (let round = 0; round < rounds; round++) {
		for (const way of round % 2 === 0 ? (["without", "with"] as const) : (["with", "without"] as const)) {
			const load = { kind: "closed", clients: CLIENTS, requests } as const;
			const before = processorMs(served);
			const { figures } = await generator.run({ url, questions: questions(way === "with"), seed: round, load });
			if (figures.failed > 0) throw new Error(`${figures.failed} requests failed`);
			spent[way].push((1_000 * (processorMs(served) - before)) / requests);
			rates[way].push(figures.rate);
		}
	}
	const outcomes = await api.get("/deployments/{name}/outcomes", { path: { name: "default" } });
	const line = (name: string, of: typeof spent, digits: number, invert: boolean) => {
		const ratios = of.with.map((value, round) => (value / (of.without[round] as number)) ** (invert ? -1 : 1));
		const [off, on] = [median(of.without), median(of.with)].map((value) => value.toFixed(digits));
		const span = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`;
		return `| ${name} | ${off} | ${on} | ${median(ratios).toFixed(3)} | ${span} |`;
	};
	const table = [
		"| | not recorded | recorded | ratio of time, median | of single rounds |",
		"| --- | --- | --- | --- | --- |",
		line("processor time of the api an answer, µs", spent, 1, false),
		line("requests a second", rates, 0, true),
		"",
		`${rounds} rounds of ${requests.toLocaleString("en")} requests each way, ${CLIENTS} clients, ${N} items, ${items.length} users; ${outcomes.total.open.toLocaleString("en")} of ${outcomes.answered.toLocaleString("en")} answers were recorded.`,
		"",
	].join("\n");
	tell(table, out);
}

await runBench(async () => {
	const { values } = parseArgs({
		options: {
			rounds: { type: "string", default: "6" },
			requests: { type: "string", default: "20000" },
			out: { type: "string" },
		},
	});
	const whole = (name: "rounds" | "requests", most: number) => {
		const number = Number(values[name]);
		if (Number.isInteger(number) && number >= 1 && number <= most) return number;
		throw new Error(`--${name} must be a whole number from 1 to ${most}`);
	};
	await main(whole("rounds", 100), whole("requests", 10_000_000), values.out ?? null);
	return true;
});
