// Files on their way into a feed while everything dies under them: each row is there once, and the counts say so.
import type { FeedImport } from "@valence/client";
import { isFinal } from "../../services/api/src/plugins/jobs.js";
import { form } from "../support/api.js";
import { expectSound } from "../support/invariants.js";
import { until } from "../support/processes.js";
import { type Stack, startStack } from "../support/stack.js";

jest.setTimeout(240_000);
let stack: Stack;
beforeAll(async () => {
	stack = await startStack();
});
afterAll(() => stack?.stop());

const ROWS = 120_000;
const AT = 1_767_225_600;
/** Each twentieth row is the one before it. */
const lines = Array.from({ length: ROWS }, (_, index) => {
	const row = index % 20 === 19 ? index - 1 : index;
	return `u${row % 997};i${row % 101};${row % 5};${AT + row}\n`;
});
const different = ROWS - ROWS / 20;

async function send(feed: string): Promise<FeedImport> {
	const table = `user;item;rating;timestamp\n${lines.join("")}`;
	const [payload, headers] = await form(
		["interactions", table, "sales.csv"],
		["items", "item,title,tags\ni1,One,a|b\nnew,New,\n", "items.csv"],
	);
	const reply = await stack.app.inject({ method: "POST", url: `/feeds/${feed}/imports`, payload, headers });
	expect(reply.statusCode).toBe(202);
	return reply.json();
}
const see = async (id: string): Promise<FeedImport> =>
	(await stack.app.inject({ method: "GET", url: `/feed-imports/${id}` })).json();

test("child, worker and trainer are killed: each row is there once", async () => {
	await stack.app.inject({ method: "PUT", url: "/feeds/killed" });
	const { id } = await send("killed");
	stack.startWorker();
	/** A later attempt has written more than that. */
	const isBeyond = (rows: number, attempt: number) =>
		until(`attempt ${attempt} is beyond row ${rows}`, async () => {
			const { added, known, state } = await see(id);
			if (isFinal(state)) throw new Error(`it was over too early: ${state}`);
			const { lease } = await stack.prisma.job.findUniqueOrThrow({ where: { id } });
			return lease >= attempt && added + known > rows && stack.children()[0] && added + known;
		});
	/** In the middle of a write: it waits for who holds the feed. */
	const meanwhile = (kill: () => Promise<void>) => stack.app.feeds.hold("killed", kill);
	const first = await isBeyond(0, 1);
	await meanwhile(async () => void process.kill(stack.children()[0] as number, "SIGKILL"));
	const second = await isBeyond(first, 2);
	await meanwhile(async () => {
		await stack.endWorkers();
		stack.startWorker();
	});
	await isBeyond(second, 3);
	await meanwhile(async () => {
		await stack.trainer().end("SIGKILL");
		stack.startTrainer();
	});
	const ended = await until("its end", async () => ((one) => isFinal(one.state) && one)(await see(id)), 120);
	expect(ended).toMatchObject({
		state: "SUCCEEDED",
		error: null,
		added: different,
		known: ROWS - different,
		refused: 0,
		items: 2,
		problemsTotal: 0,
	});
	const feed = (await stack.app.inject({ method: "GET", url: "/feeds/killed" })).json();
	expect(feed).toMatchObject({ interactions: different, users: 997, items: 102 });
	expect(await stack.prisma.feedInteraction.count()).toBe(different);

	// The same files again are the same rows.
	const again = await send("killed");
	const known = await until(
		"the end of the second",
		async () => ((one) => isFinal(one.state) && one)(await see(again.id)),
		120,
	);
	expect(known).toMatchObject({ state: "SUCCEEDED", added: 0, known: ROWS });
	expect(await stack.prisma.feedInteraction.count()).toBe(different);
	await until(
		"what was staged is gone",
		async () => (await stack.prisma.feedImport.count({ where: { filesKept: true } })) === 0,
		20,
	);
	await expectSound(stack);
});
