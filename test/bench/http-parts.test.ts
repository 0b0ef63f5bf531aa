// What `npm run bench -- http` tells is right: loads, statistics, targets, the table.
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { closedLoop } from "../../bench/http/closed-loop.js";
import { type Figures, figuresOf, mediansOf, quantile } from "../../bench/http/figures.js";
import { checkSame, holds } from "../../bench/http/measure.js";
import { openLoop } from "../../bench/http/open-loop.js";
import { parseOptions } from "../../bench/http/options.js";
import { draw, type Question } from "../../bench/http/questions.js";
import { markdownOf } from "../../bench/http/report.js";
import { type Level, type Results, type Row, rowsOfRepeats, type SubjectName } from "../../bench/http/results.js";
import { targetsOf } from "../../bench/http/targets.js";

const servers: Server[] = [];
afterEach(() => {
	for (const server of servers.splice(0)) server.close().closeAllConnections();
});
async function serverOf(answer: RequestListener): Promise<string> {
	const server = createServer(answer);
	servers.push(server);
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const get = (path: string): Question => ({ method: "GET", path });

describe("an open loop", () => {
	test("tells of everybody who would have come while the server stood still", async () => {
		let isStanding = false;
		const held: (() => void)[] = [];
		const url = await serverOf((_, response) => (isStanding ? held.push(() => response.end()) : response.end()));
		setTimeout(() => {
			isStanding = true;
		}, 1_500);
		setTimeout(() => {
			isStanding = false;
			for (const go of held) go();
		}, 2_000);
		const { latencies, isWhole, failed, unanswered } = await openLoop({
			url,
			questions: [get("/")],
			seed: 1,
			rate: 200,
			seconds: 2,
		});
		expect({ isWhole, failed, unanswered, asked: latencies.length }).toEqual({
			isWhole: true,
			failed: 0,
			unanswered: 0,
			asked: 400,
		});
		// Half a second of two: a quarter waited, evenly up to that half second.
		const sorted = latencies.sort((a, b) => a - b);
		expect(quantile(sorted, 1)).toBeGreaterThan(450);
		expect(latencies.filter((latency) => latency > 100).length).toBeGreaterThan(70);
		expect(latencies.filter((latency) => latency > 300).length).toBeGreaterThan(30);
		expect(quantile(sorted, 0.5)).toBeLessThan(100);
	});

	test("is given up where the rate is out of reach, and who still waits counts with the wait so far", async () => {
		const url = await serverOf((_, response) => setTimeout(() => response.end(), 60_000).unref());
		const observed = await openLoop({ url, questions: [get("/")], seed: 1, rate: 2_000, seconds: 5 });
		const { figures, ...told } = { figures: figuresOf(observed), isWhole: observed.isWhole, lateness: 0 };
		expect(told.isWhole).toBe(false);
		expect(figures).toMatchObject({ answered: 0, rate: 0 });
		expect(figures.unanswered).toBeGreaterThan(1_000);
		expect(figures.max).toBeGreaterThan(500);
		expect(holds({ figures, ...told }, 2_000)).toBe(false);
	});
});

test.each(["closed", "open"])("in a %s loop whatever is no 2xx has failed", async (kind) => {
	const url = await serverOf((request, response) => response.writeHead(request.url === "/bad" ? 503 : 200).end());
	const what = { url, questions: [get("/good"), get("/bad")], seed: 3 };
	const observed =
		kind === "closed"
			? await closedLoop({ ...what, clients: 4, requests: 400 })
			: await openLoop({ ...what, rate: 200, seconds: 1 });
	const { answered, failed } = figuresOf(observed);
	expect(failed).toBeGreaterThan(100);
	expect(failed).toBeLessThan(300);
	expect(answered).toBeGreaterThan(50);
});

test("every user is equally likely, and the same seed asks the same", async () => {
	const users = Array.from({ length: 50 }, (_, index) => index);
	const drawn = draw(users, 50_000, 7);
	expect(draw(users, 50_000, 7)).toEqual(drawn);
	expect(draw(users, 50_000, 8)).not.toEqual(drawn);
	const counts = users.map((user) => drawn.filter((one) => one === user).length);
	// 1,000 expected with a deviation of 31.
	expect(Math.min(...counts)).toBeGreaterThan(850);
	expect(Math.max(...counts)).toBeLessThan(1_150);

	const asked = new Set<string>();
	const url = await serverOf((request, response) => {
		asked.add(request.url ?? "");
		response.end();
	});
	await closedLoop({ url, questions: users.map((user) => get(`/${user}`)), seed: 1, clients: 4, requests: 2_000 });
	expect(asked.size).toBe(50);
});

const figures = (rate: number, p50: number, more: Partial<Figures> = {}): Figures => ({
	...{ rate, answered: 100, failed: 0, unanswered: 0, p50, p99: p50 * 2, p999: p50 * 3, max: p50 * 4 },
	...more,
});

test("quantiles are values that were measured; medians are over repeats, failures of all of them", () => {
	const latencies = Array.from({ length: 1_000 }, (_, index) => 1_000 - index);
	expect(figuresOf({ latencies, rate: 5, failed: 2, unanswered: 10 })).toEqual({
		...{ rate: 5, answered: 990, failed: 2, unanswered: 10, p50: 500, p99: 990, p999: 999, max: 1_000 },
	});
	const repeats = [figures(10, 3), figures(30, 1, { failed: 2 }), figures(20, 9)];
	expect(mediansOf(repeats)).toEqual({
		...{ rate: 20, answered: 300, failed: 2, unanswered: 0, p50: 3, p99: 6, p999: 9, max: 36 },
	});
	expect(mediansOf(repeats.slice(0, 2)).rate).toBe(20);
});

const closed = (clients: number): Level => ({ kind: "closed", clients });
const open = (rate: number): Level => ({ kind: "open", rate });
const row = (subject: SubjectName, workload: Row["workload"], level: Level, measured: Figures, isHeld = true): Row => ({
	...{ subject, workload, level, isHeld, lateness: 1 },
	...measured,
});
const results = (rows: Row[], more: Partial<Results> = {}): Results => ({
	madeAt: "2026-11-26T10:00:00.000Z",
	machine: { processor: "A Processor", cores: 2, avx512: false, node: "20", python: "3.11", loadBefore: 0 },
	data: { name: "sample", users: 1_234 },
	checkpoint: { model: "valid", epoch: 5 },
	settings: { seconds: 10, repeats: 3 },
	subjects: [
		{ name: "ours", version: null, missing: null },
		{ name: "bentoml", version: "1.2.3", missing: null },
	],
	rows,
	tiers: null,
	computeP50: null,
	memory: null,
	...more,
});
const good = [
	row("ours", "known", closed(32), figures(4_000, 5)),
	row("ceiling", "known", closed(32), figures(9_000, 2)),
	row("bentoml", "known", closed(32), figures(100, 300)),
	row("ours", "known", open(2_000), figures(2_000, 1, { p99: 9, p999: 24 })),
	row("ours", "foldIn", closed(1), figures(100, 6)),
	row("ours", "foldIn", closed(32), figures(310, 90)),
	row("bentoml", "foldIn", closed(32), figures(100, 290)),
];
const memory = { requests: 1_000_000, early: 100 * 2 ** 20, late: 109 * 2 ** 20, failed: 0 };
const verdicts = (given: Results) => targetsOf(given).map(({ isMet }) => isMet);

test("targets are met, missed or not measured", () => {
	expect(verdicts(results([]))).toEqual([null, null, null, null, null, null]);
	expect(verdicts(results(good, { computeP50: 4, memory }))).toEqual([true, true, true, true, true, true]);
	const slower = good.map((one) => ({ ...one, ...(one.subject === "ours" && { rate: 290, p50: 9, p99: 12 }) }));
	const grown = { ...memory, late: 111 * 2 ** 20 };
	expect(verdicts(results(slower, { computeP50: 4, memory: grown }))).toEqual([
		false,
		false,
		false,
		false,
		false,
		false,
	]);
	const failing = good.map((one) => ({ ...one, failed: 1 }));
	expect(verdicts(results(failing, { computeP50: 4, memory: { ...memory, failed: 1 } }))).toEqual([
		...[true, true, false, true, true, false],
	]);
	const [, , openTarget] = targetsOf(results([row("ours", "known", open(250), figures(90, 900), false)]));
	expect(openTarget).toMatchObject({ isMet: false, got: "not reached: 250/s is too much" });
});

test("a rate is held when most of the repeats held it", () => {
	const repeat = (...held: boolean[]) =>
		held.map((isHeld, index) => row("ours", "known", open(250 * 2 ** index), figures(1, 1), isHeld));
	const [low, high] = rowsOfRepeats([repeat(true, true), repeat(true, false), repeat(false)]);
	expect([low?.isHeld, high?.isHeld]).toEqual([true, false]);
});

test("the table names the machine, what failed, what is not there and what was missed", () => {
	const rows = [...good, row("bentoml", "known", closed(1), figures(90, 11, { failed: 3 }))];
	const mlflow = { name: "mlflow", version: "3.2.1", missing: "no network" } as const;
	const table = markdownOf(
		results(rows, {
			subjects: [...results([]).subjects, mlflow],
			computeP50: 4,
			tiers: { known: { list: 3, live: 1 }, foldIn: { live: 5 } },
		}),
	);
	expect(table).toContain("2 cores (A Processor, without AVX-512");
	expect(table).toContain(
		"| 32 clients | 4,000/s, 5.00 / 10.0 | 9,000/s, 2.00 / 4.00 | 100/s, 300 / 600 | not installed |",
	);
	expect(table).toContain("| 1 client |  |  | 90/s, 11.0 / 22.0, **3 failed** | not installed |");
	expect(table).toContain("| 2,000/s, fixed rate | 1.00 / 9.00 / 24.0 |");
	expect(table).toContain("compute time for the same questions is 4.00 ms, ratio 1.50");
	expect(table).toContain("list 75 %, live 25 % of known users");
	expect(table).toMatch(/against the ceiling \| at least 0.4 × \| 0.44 × \| met \|/);
	expect(table).toMatch(/memory of the api .* \| not measured \| {2}\|/);
});

test("a subject that gives other items is not measured", () => {
	const ids = { known: [["a", "b"]], foldIn: [["c"]] };
	expect(() => checkSame("fastapi", ids, { ...ids, foldIn: [] })).not.toThrow();
	expect(() => checkSame("fastapi", ids, { ...ids, known: [["b", "a"]] })).toThrow(
		"fastapi answers otherwise than ours",
	);
});

test("the command line is checked, and a trial does not take the place of the record", () => {
	expect(parseOptions(["--help"])).toBeNull();
	expect(parseOptions([])?.out).toMatch(/http-trial\.json$/);
	expect(parseOptions(["--data", "x"])?.out).toMatch(/http\.json$/);
	expect(parseOptions(["--data", "x", "--quick"])).toMatchObject({ seconds: 1, repeats: 1, people: 200 });
	expect(parseOptions(["--quick", "--seconds", "3"])?.seconds).toBe(3);
	expect(parseOptions(["--only", "ours,ceiling"])?.only).toEqual(["ours", "ceiling"]);
	expect(() => parseOptions(["--only", "ours,nginx"])).toThrow("not nginx");
	expect(() => parseOptions(["--seconds", "0"])).toThrow("--seconds takes a whole number from 1");
	expect(() => parseOptions(["--requests", "1000"])).toThrow("--requests takes at least 200000");
	expect(() => parseOptions(["--home", "x", "--data", "y"])).toThrow("--home");
});
