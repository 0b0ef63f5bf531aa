// An import into a feed as the worker leaves it.
import { type Said, describe as say } from "../../../services/api/src/feeds/describing.js";
import { beginSending, recordErasure } from "../../../services/api/src/feeds/erasures.js";
import type {
	ReadRowsRequest,
	ReadRowsResponse,
} from "../../../services/api/src/generated/proto/trainer/v1/trainer.js";
import { CRASH_BUDGET } from "../../../services/api/src/plugins/jobs.js";
import { until } from "../../support/processes.js";
import { forEver, refusal, type Scripts } from "../../support/scripted-trainer.js";
import { startWorker, type TestWorker } from "../../support/worker.js";

let worker: TestWorker;
let feedId: number;
beforeAll(async () => {
	worker = await startWorker();
});
afterAll(() => worker?.close());

let last = 0;
/** `sent`: what is done before the files are, with the number of when they are. */
async function submit(script: Scripts["readRows"], rule = {}, sent = async () => 0n): Promise<string> {
	worker.trainer.scripts.readRows = script;
	feedId = (await worker.prisma.feed.create({ data: { name: `feed-${++last}` } })).id;
	const since = await sent();
	return worker.submit("feed_import", (tx, id) =>
		tx.feedImport.create({
			data: {
				id,
				feedId,
				rule,
				since,
				files: [{ role: "interactions", uploadKey: `uploads/${id}`, displayName: "a.csv", sha256: "0", bytes: 3 }],
			},
		}),
	);
}
const see = (id: string) => worker.prisma.feedImport.findUniqueOrThrow({ where: { id } });
async function imported(...asked: Parameters<typeof submit>) {
	const id = await submit(...asked);
	return { id, job: await worker.ends(id), row: await see(id) };
}
/** Counts on the feed's row, which are what is there. */
async function counts() {
	const { interactions, users, items } = await worker.prisma.feed.findUniqueOrThrow({ where: { id: feedId } });
	const where = { where: { feedId } };
	expect([Number(interactions), Number(users), Number(items)]).toEqual([
		await worker.prisma.feedInteraction.count(where),
		await worker.prisma.feedUser.count(where),
		await worker.prisma.feedItem.count(where),
	]);
	return [Number(interactions), Number(users), Number(items)];
}

const AT = Date.parse("2026-11-01T12:00:00Z");
const checked = (interactions: number, items = 0, bad = 0): ReadRowsResponse => ({
	event: { $case: "checked", value: { interactions, items, bad, problems: bad } },
});
/** The rows from one number on, as a trainer reads them that is to skip some. */
const some = (from: number, to: number): ReadRowsResponse => {
	const rows = Array.from({ length: to - from }, (_, index) => from + index);
	const value = {
		users: rows.map((row) => `u${row % 5}`),
		items: rows.map((row) => `i${row}`),
		atMs: rows.map((row) => AT + row),
		values: rows.map((row) => (row % 2 === 0 ? row : Number.NaN)),
	};
	return { event: { $case: "interactions", value } };
};
const progress = (fraction: number): ReadRowsResponse => ({
	event: { $case: "progress", value: { stage: "parsing", rowsRead: 10, fraction, problems: 0 } },
});
const crash = refusal("UNAVAILABLE", "trainer_crashed", "the process ended with SIGKILL");
const isDeleted = (id: string) =>
	until("its files are deleted", () => worker.trainer.deleted.includes(`uploads/${id}`), 30);

test("what was asked goes to the trainer, its rows into the feed, its problems and counts into the row", async () => {
	let asked: ReadRowsRequest | undefined;
	const problem = { code: "bad_time", file: "a.csv", line: 4, column: "at", message: "the time is missing" };
	const { id, job, row } = await imported(
		(request) => {
			asked = request;
			return [
				progress(0.5),
				{ event: { $case: "problem", value: problem } },
				checked(4, 3, 1),
				some(0, 3),
				some(2, 3),
				{
					event: {
						$case: "items",
						value: {
							rows: [
								{ item: "i1", title: "One", tags: ["a", "b"] },
								{ item: "new", title: "", tags: [] },
								{ item: "i1", title: "", tags: ["c"] },
							],
						},
					},
				},
			];
		},
		{ skipBadRows: true },
	);
	expect(job).toMatchObject({ state: "SUCCEEDED", crashes: 0 });
	expect(asked).toEqual({
		importId: id,
		files: [{ role: "interactions", uploadKey: `uploads/${id}`, displayName: "a.csv", sha256: "0" }],
		ruleJson: '{"skipBadRows":true}',
		latestMs: row.createdAt.getTime() + 86_400_000,
		skip: 0,
	});
	expect(row).toMatchObject({ rowsTotal: 7n, rowsDone: 7n, added: 3n, known: 1n, bad: 1n, items: 3n });
	expect(row).toMatchObject({ problems: [problem], problemsTotal: 1 });
	expect(await counts()).toEqual([3, 3, 4]);
	const rows = await worker.prisma.feedInteraction.findMany({ where: { feedId }, orderBy: { at: "asc" } });
	expect(rows.map(({ at, value }) => [at.getTime() - AT, value])).toEqual([
		[0, 0],
		[1, null],
		[2, 2],
	]);
	const described = await worker.prisma.feedItem.findMany({ where: { feedId, title: { not: null } } });
	expect(described).toMatchObject([{ id: "i1", title: "One", tags: ["c"] }]);
	const stages = (await worker.prisma.jobEvent.findMany({ where: { jobId: id, type: "progress" } })).map(
		({ data }) => (data as { stage: string }).stage,
	);
	expect(stages.slice(0, 2)).toEqual(["parsing", "writing"]);
	await isDeleted(id);
	await until("it says so", async () => !(await see(id)).filesKept, 30);
});

test("after a crash it goes on behind the last row that was committed, and crashes count only where nobody gets further", async () => {
	const skips: number[] = [];
	const further = await imported(({ skip }) => {
		skips.push(skip);
		return skip < 10 ? [checked(12), some(skip, skip + 2), crash] : [checked(12), some(skip, 12)];
	});
	expect(skips).toEqual([0, 2, 4, 6, 8, 10]);
	expect(further.job).toMatchObject({ state: "SUCCEEDED", crashes: 5 });
	expect(further.row).toMatchObject({ rowsTotal: 12n, rowsDone: 12n, added: 12n, known: 0n });
	expect(await counts()).toEqual([12, 5, 12]);
	const stuck = await imported(() => [checked(12), crash]);
	expect(stuck.job).toMatchObject({ state: "FAILED", errorCode: "trainer_crashed", crashes: CRASH_BUDGET });
	await isDeleted(stuck.id);
}, 30_000);

test("who is erased after the file was sent is left out of what is written later; who was erased before is new", async () => {
	const erase = async (user: string) => {
		const { name } = await worker.prisma.feed.findUniqueOrThrow({ where: { id: feedId } });
		await worker.app.feeds.hold(name, async (tx, feed) => {
			await recordErasure(tx, feed, user);
			await tx.feedUser.deleteMany({ where: { feedId: feed, id: user } });
		});
	};
	const sent = async () => {
		await erase("u0");
		return (await beginSending(worker.prisma)).since;
	};
	const script: Scripts["readRows"] = async function* ({ importId }) {
		yield checked(10);
		yield some(0, 5);
		await until("they are stored", async () => (await see(importId)).rowsDone === 5n, 30);
		await erase("u3");
		yield some(5, 10);
	};
	const { job, row } = await imported(script, {}, sent);
	expect(job).toMatchObject({ state: "SUCCEEDED", crashes: 0 });
	expect(row).toMatchObject({ rowsDone: 10n, added: 9n, known: 0n, erased: 1n });
	const users = await worker.prisma.feedUser.findMany({ where: { feedId }, orderBy: { id: "asc" } });
	expect(users.map(({ id }) => id)).toEqual(["u0", "u1", "u2", "u4"]);
});

test("a stream that ends before its last row is no success", async () => {
	const { job, row } = await imported(({ skip }) => (skip === 0 ? [checked(4), some(0, 2)] : [checked(4), some(2, 4)]));
	expect(job).toMatchObject({ state: "SUCCEEDED", crashes: 1 });
	expect(row).toMatchObject({ added: 4n, known: 0n });
});

test("files that are refused add nothing, and say why", async () => {
	const problem = { code: "empty_id", file: "a.csv", line: 2, column: "user", message: "the id is empty" };
	const { id, job, row } = await imported(() => [
		{ event: { $case: "problem", value: problem } },
		refusal("FAILED_PRECONDITION", "bad_rows", "1 of 2 rows of interactions cannot be read"),
	]);
	expect(job).toMatchObject({ state: "FAILED", errorCode: "bad_rows" });
	expect(row).toMatchObject({ problems: [problem], problemsTotal: 1, rowsTotal: null, added: 0n });
	expect(await counts()).toEqual([0, 0, 0]);
	await isDeleted(id);
});

test("those who serve the feed hear of items a few times, and only where something is new", async () => {
	const rows = Array.from({ length: 2_100 }, (_, row) => ({ item: `i${row}`, title: `T${row}`, tags: ["a"] }));
	const batches = Array.from({ length: 42 }, (_, batch): ReadRowsResponse => {
		return { event: { $case: "items", value: { rows: rows.slice(batch * 50, batch * 50 + 50) } } };
	});
	const script = () => [checked(2, 2_100), some(0, 2), ...batches];
	const { job, row } = await imported(script);
	expect(job).toMatchObject({ state: "SUCCEEDED", crashes: 0 });
	expect(row).toMatchObject({ rowsDone: 2_102n, items: 2_100n });
	expect(await counts()).toEqual([2, 2, 2_100]);
	const { described, name } = await worker.prisma.feed.findUniqueOrThrow({ where: { id: feedId } });
	expect(described).toBe(3n);
	const tell = (items: Said[]) => worker.app.feeds.hold(name, (tx, feed) => say(tx, name, feed, items));
	const numbers = [];
	for (const item of [
		{ item: "i7", title: "T7", tags: ["a"], available: true },
		{ item: "i7" },
		{ item: "i7", title: null },
		{ item: "i7", tags: ["b"] },
	]) {
		expect(await tell([item])).toBe(0);
		numbers.push((await worker.prisma.feed.findUniqueOrThrow({ where: { name } })).described);
	}
	expect(numbers).toEqual([3n, 3n, 4n, 5n]);
});

test("a cancel reaches the trainer; what is stored stays", async () => {
	let isCancelled = false;
	const id = await submit(async function* (_request, cancelled) {
		yield checked(100);
		yield some(0, 2);
		await forEver(cancelled);
		isCancelled = true;
	});
	await until("some is stored", async () => (await see(id)).rowsDone === 2n, 30);
	await worker.app.jobs.requestCancel(id);
	expect(await worker.ends(id)).toMatchObject({ state: "CANCELLED" });
	await until("the trainer heard of it", () => isCancelled, 30);
	expect(await counts()).toEqual([2, 2, 2]);
	await isDeleted(id);
});
