// Two apis and two recommenders: whichever recommender dies, hangs or comes back, and whatever is switched meanwhile, everybody is answered.
import { connect } from "@valence/client";
import { freePort } from "../../services/supervisor/src/ports.js";
import { type Process, until } from "../support/processes.js";
import { type Stack, startStack } from "../support/stack.js";

jest.setTimeout(240_000);
const CLIENTS = 4; // at each api
let stack: Stack;
let urls: string[];
/** By address. */
const recommenders = new Map<string, Process>();
/** The best and the last of one run. */
let checkpoints: string[];

beforeAll(async () => {
	stack = await startStack();
	await stack.endWorkers();
	const rows = await stack.prisma.checkpoint.findMany({ where: { runId: stack.undisturbed } });
	checkpoints = rows.map(({ id }) => id);
	expect(checkpoints).toHaveLength(2);
	for (let count = 0; count < 2; count++) startRecommender(`127.0.0.1:${await freePort()}`);
	// Without lists in memory a recommender answers everything.
	const environment = { RECOMMENDER_ADDRESS: [...recommenders.keys()].join(), LISTS_MEMORY: "0" };
	const apis = [0, 1].map(() => stack.startApi(0, environment));
	urls = await Promise.all(
		apis.map((api) => until("the api listens", () => /listening at (http:[^"]+)/.exec(api.log)?.[1])),
	);
	await everybodyIs(true);
	await deploy(0, checkpoints[0] as string);
	await until("both apis follow", async () => (await Promise.all(urls.map((url) => ask(url)))).every(({ ok }) => ok));
});
afterAll(async () => {
	await stack?.stop();
});

function startRecommender(address: string): void {
	recommenders.set(address, stack.startRecommender({ RECOMMENDER_LISTEN: address, TRAINER_THREADS: "1" }));
}
let asked = 0;
/** A question that no other is equal to. */
async function ask(url: string) {
	const body = JSON.stringify({ n: 5, exclude: [`${asked++}`] });
	const headers = { "content-type": "application/json" };
	const response = await fetch(`${url}/users/u${asked % 500}/recommendations`, { method: "POST", body, headers });
	const text = await response.text();
	return { ok: response.ok, said: `${response.status} ${text}`, checkpoint: JSON.parse(text).checkpoint?.id as string };
}
async function deploy(api: number, checkpoint: string): Promise<void> {
	const path = { name: "default" };
	await connect(urls[api] as string).put("/deployments/{name}", { path, body: { checkpoint } });
}
/** Of each api, by address. */
async function metric(name: string): Promise<Map<string, number>[]> {
	const line = new RegExp(`^valence_recommender_${name}\\{address="(.+)"\\} (\\d+)$`, "gm");
	return Promise.all(
		urls.map(async (url) => {
			const text = await (await fetch(`${url}/metrics`)).text();
			return new Map([...text.matchAll(line)].map(([, address, value]) => [address as string, Number(value)]));
		}),
	);
}
const isUp = (address: string, expected: boolean) =>
	until(`${address} is seen ${expected ? "up" : "down"} by both`, async () => {
		// Somebody else has its port for a moment.
		if (expected && recommenders.get(address)?.isGone) startRecommender(address);
		return (await metric("up")).every((up) => up.get(address) === Number(expected));
	});
const everybodyIs = (expected: boolean) =>
	Promise.all([...recommenders.keys()].map((address) => isUp(address, expected)));

/** Calls to each address, by both apis, while some questions are asked one after the other. */
async function callsOf(questions: number): Promise<Map<string, number>> {
	const before = await metric("calls_total");
	for (let count = 0; count < questions; count++)
		for (const url of urls) expect(await ask(url)).toMatchObject({ ok: true });
	const after = await metric("calls_total");
	const of = (address: string) =>
		after.reduce((sum, calls, api) => sum + (calls.get(address) ?? 0) - (before[api]?.get(address) ?? 0), 0);
	return new Map([...recommenders.keys()].map((address) => [address, of(address)]));
}
/** Whoever both apis ask about what is deployed. */
async function preferred(): Promise<string> {
	return until("one recommender is asked by both apis", async () => {
		const calls = await callsOf(5);
		return [...calls.keys()].find((address) => calls.get(address) === 10);
	});
}

/** Asks both apis without a pause until it is ended; the refusals of each. */
function load() {
	let isOver = false;
	const wrong: string[] = [];
	let answered = 0;
	const client = async (url: string) => {
		while (!isOver) {
			const { ok, said } = await ask(url);
			answered++;
			if (!ok) wrong.push(said);
		}
	};
	const clients = urls.flatMap((url) => Array.from({ length: CLIENTS }, () => client(url)));
	return {
		more: (count: number) => {
			const enough = answered + count;
			return until(`${count} more answers`, () => answered >= enough);
		},
		async end(): Promise<string[]> {
			isOver = true;
			await Promise.all(clients);
			return wrong;
		},
	};
}

test("both apis ask the same recommender about a checkpoint, and both recommenders have loaded it", async () => {
	const address = await preferred();
	expect(recommenders.has(address)).toBe(true);
	const calls = await metric("calls_total");
	for (const each of recommenders.keys()) expect(calls[0]?.get(each)).toBeGreaterThan(0);
});

test("killed under load: no answer fails; started again it is asked again", async () => {
	const address = await preferred();
	const running = load();
	await running.more(50);
	await recommenders.get(address)?.end("SIGKILL");
	await running.more(200);
	expect(await running.end()).toEqual([]);
	await isUp(address, false);
	for (const retries of await metric("retries_total")) expect(retries.get(address)).toBeGreaterThan(0);
	for (const url of urls) {
		const ready = await fetch(`${url}/readyz`);
		expect([ready.status, (await ready.json()).checks.recommender]).toEqual([
			200,
			{ status: "ok", detail: "1 of 2 did not answer" },
		]);
		const { recommenders: seen } = await connect(url).get("/system");
		expect(seen).toContainEqual({ address, up: false });
	}
	startRecommender(address);
	expect(await preferred()).not.toBe(address);
	await isUp(address, true);
	await until("it is asked again", async () => (await preferred()) === address);
});

test("stopped under load: whoever waits for it is answered by the other", async () => {
	const address = await preferred();
	const running = load();
	await running.more(50);
	recommenders.get(address)?.signal("SIGSTOP");
	await isUp(address, false);
	await running.more(200);
	recommenders.get(address)?.signal("SIGCONT");
	expect(await running.end()).toEqual([]);
	await isUp(address, true);
});

test("ended in an orderly way under load: no answer fails", async () => {
	const address = await preferred();
	const running = load();
	await running.more(50);
	await recommenders.get(address)?.end("SIGTERM");
	await running.more(100);
	expect(await running.end()).toEqual([]);
	startRecommender(address);
	await isUp(address, true);
});

test("switched under load: once that is answered, that api answers by it, and the other one soon", async () => {
	const running = load();
	for (let turn = 1; turn <= 6; turn++) {
		const [here, there] = [turn % 2, (turn + 1) % 2];
		const checkpoint = checkpoints[turn % 2] as string;
		await deploy(here, checkpoint);
		for (let count = 0; count < 5; count++)
			expect(await ask(urls[here] as string)).toMatchObject({ ok: true, checkpoint });
		const follows = async () => (await ask(urls[there] as string)).checkpoint === checkpoint;
		await until("the other api follows", follows, 5);
		for (let count = 0; count < 5; count++)
			expect(await ask(urls[there] as string)).toMatchObject({ ok: true, checkpoint });
	}
	expect(await running.end()).toEqual([]);
});
