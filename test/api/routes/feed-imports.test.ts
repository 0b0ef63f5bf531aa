// Files that are sent to a feed: staged and queued, or refused with nothing left behind.
import { randomUUID } from "node:crypto";
import type { JobState } from "../../../services/api/src/generated/prisma/client.js";
import { form, type Reply, startApi, type TestApi } from "../../support/api.js";
import { passADay } from "../../support/clock.js";

const ROWS = "user,item,timestamp\na,1,1767225600\n";
const DAY_MS = 86_400_000;
let api: TestApi;
beforeAll(async () => {
	api = await startApi({ MAX_UPLOAD_BYTES: "1000000" });
});
afterAll(() => api.close());

let last = 0;
/** The address of a feed of the test's own. */
async function feed(): Promise<string> {
	const url = `/feeds/feed-${++last}`;
	expect((await api.call("PUT", url)).status).toBe(200);
	return url;
}
async function upload(url: string, ...parts: Parameters<typeof form>): Promise<Reply> {
	const [payload, headers] = await form(...parts);
	return api.call("POST", `${url}/imports`, payload, headers);
}
const file = (role = "interactions", name = "a.csv"): Parameters<typeof form>[0] => [role, ROWS, name];
/** As a worker leaves it. */
const setState = (id: string, state: JobState) => api.app.prisma.job.update({ where: { id }, data: { state } });
/** Staged files that no import names. */
async function strays(): Promise<string[]> {
	const rows = await api.app.prisma.feedImport.findMany({ select: { files: true } });
	const named = new Set(rows.flatMap((row) => (row.files as { uploadKey: string }[]).map((one) => one.uploadKey)));
	return [...api.trainer.uploads.keys()].filter((key) => !named.has(key));
}

test("is staged and queued, shown, listed newest first, cancelled", async () => {
	const [url, other] = [await feed(), await feed()];
	const rule = { columns: { user: 1, items: { title: "name" } }, at: "2026-01-01", skipBadRows: true };
	const { status, headers, body } = await upload(
		url,
		["rule", JSON.stringify(rule)],
		file(),
		file("interactions", "b.csv"),
		file("items", "i.csv"),
		file("items", "j.csv"),
	);
	expect([status, headers.location]).toEqual([202, `/feed-imports/${body.id}`]);
	expect(body).toMatchObject({
		feed: url.slice(7),
		rule,
		state: "QUEUED",
		error: null,
		progress: null,
		added: 0,
		known: 0,
		refused: 0,
		erased: 0,
		items: 0,
		problems: [],
		warnings: [],
		problemsTotal: 0,
		startedAt: null,
		finishedAt: null,
	});
	expect(body.files.map(({ role, name }: { role: string; name: string }) => [role, name])).toEqual([
		["interactions", "a.csv"],
		["interactions", "b.csv"],
		["items", "i.csv"],
		["items", "j.csv"],
	]);
	expect(JSON.stringify(body)).not.toContain("uploads/");
	const second = (await upload(url, file("items"))).body;
	await upload(other, file());

	const page = (await api.call("GET", `${url}/imports?limit=1`)).body;
	expect(page.items.map(({ id }: { id: string }) => id)).toEqual([second.id]);
	const next = (await api.call("GET", `${url}/imports?limit=1&cursor=${page.nextCursor}`)).body;
	expect([next.items, next.nextCursor]).toEqual([[body], null]);
	expect((await api.call("GET", `/feed-imports/${body.id}`)).body).toEqual(body);

	const cancelled = await api.call("POST", `/feed-imports/${body.id}/cancel`);
	expect([cancelled.status, cancelled.body.state]).toEqual([202, "CANCELLED"]);
	expect((await api.call("POST", `/feed-imports/${body.id}/cancel`)).body).toMatchObject({
		status: 409,
		code: "conflict",
	});
	expect(await strays()).toEqual([]);
});

test("what is wrong is named, and nothing of it stays", async () => {
	const url = await feed();
	const soon = new Date(Date.now() + 3 * DAY_MS).toISOString();
	const rule = (value: unknown): Parameters<typeof form>[0] => ["rule", JSON.stringify(value)];
	const wrong: [pointer: string, ...parts: Parameters<typeof form>][] = [
		["/interactions", rule({})],
		["/train", file("train")],
		["/valid", file(), file("valid")],
		["/test", file(), file("test")],
		["/name", ["name", "x"], file()],
		["/rule", ["rule", "{"], file()],
		["/rule", rule([]), file()],
		["/rule", rule(null), file()],
		["/rule", rule({}), rule({}), file()],
		["/rule/split", rule({ split: { kind: "ratio" } }), file()],
		["/rule/minRating", rule({ minRating: 3 }), file()],
		["/rule/kCore", rule({ kCore: 3 }), file()],
		["/rule/since", rule({ since: "2026-01-01" }), file()],
		["/rule/until", rule({ until: "2026-01-01" }), file()],
		["/rule/other", rule({ other: 1 }), file()],
		["/rule/skipBadRows", rule({ skipBadRows: 1 }), file()],
		["/rule/columns/train", rule({ columns: { train: {} } }), file()],
		["/rule/columns/user", rule({ columns: { user: 0 } }), file()],
		["/rule/at", rule({ at: "yesterday" }), file()],
		["/rule/at", rule({ at: 5 }), file()],
		["/rule/at", rule({ at: "1969-12-31" }), file()],
		["/rule/at", rule({ at: soon }), file()],
	];
	for (const [pointer, ...parts] of wrong) {
		const { status, body } = await upload(url, ...parts);
		expect({ parts, status, pointers: body.errors?.map((one: { pointer: string }) => one.pointer) }).toEqual({
			parts,
			status: 400,
			pointers: [pointer],
		});
	}
	const { body } = await upload(url, ["interactions", "x".repeat(1_000_001), "a.csv"]);
	expect([body.status, body.code]).toEqual([413, "body_too_large"]);
	expect((await api.call("POST", `${url}/imports`, {})).body.code).toBe("unsupported_media_type");
	expect((await upload("/feeds/none", file())).status).toBe(404);
	expect((await api.call("GET", "/feeds/none/imports")).status).toBe(404);
	for (const [method, path] of [
		["GET", ""],
		["POST", "/cancel"],
	] as const)
		expect((await api.call(method, `/feed-imports/${randomUUID()}${path}`)).status).toBe(404);
	expect(await strays()).toEqual([]);
	expect((await api.call("GET", `${url}/imports`)).body.items).toEqual([]);
});

test("a feed is not deleted under an import; its imports go with it, and what they had staged", async () => {
	const url = await feed();
	const { id } = (await upload(url, file())).body;
	const key = [...api.trainer.uploads.keys()].at(-1);
	expect((await api.call("DELETE", url)).body).toMatchObject({ status: 409, code: "conflict" });
	await setState(id, "FAILED");
	expect((await api.call("DELETE", url)).status).toBe(204);
	expect((await api.call("GET", `/feed-imports/${id}`)).status).toBe(404);
	expect(await api.app.prisma.job.count({ where: { id } })).toBe(0);
	expect(await api.app.prisma.artifactRemoval.count({ where: { key: key as string } })).toBe(1);
});

test("files are of when their first byte came: who was erased before is new in them, who is erased later is not brought back", async () => {
	const url = await feed();
	const erase = async (user: string) => {
		await api.call("DELETE", `${url}/users/${user}`);
		return (await api.app.prisma.feedErasure.findFirstOrThrow({ orderBy: { seq: "desc" } })).seq;
	};
	const before = await erase("before");
	const uploadFile = api.app.trainer.uploadFile;
	let during = 0n;
	api.app.trainer.uploadFile = async (bytes) => {
		during = await erase("during");
		return uploadFile(bytes);
	};
	const { id } = (await upload(url, file())).body;
	api.app.trainer.uploadFile = uploadFile;
	const { since } = await api.app.prisma.feedImport.findUniqueOrThrow({ where: { id } });
	expect([before < since, since < during]).toEqual([true, true]);
});

test("files that took a day, after which who was erased meanwhile may be forgotten, are refused and gone", async () => {
	const url = await feed();
	const before = await strays();
	const { uploadFile } = api.app.trainer;
	let tomorrow = () => {};
	api.app.trainer.uploadFile = async (bytes) => {
		tomorrow = passADay();
		return uploadFile(bytes);
	};
	const { body } = await upload(url, file()).finally(() => tomorrow());
	api.app.trainer.uploadFile = uploadFile;
	expect(body).toMatchObject({ status: 408, code: "sent_too_long" });
	expect([(await api.call("GET", `${url}/imports`)).body.items, await strays()]).toEqual([[], before]);
});

test("staged files are in use as long as they are needed", async () => {
	const url = await feed();
	const { id } = (await upload(url, file())).body;
	const key = [...api.trainer.uploads.keys()].at(-1) as string;
	api.trainer.artifacts = [{ key, shape: "upload", bytes: 7, changedMs: 0 }];
	const orphans = async () => (await api.app.disk.measure(true)).orphans.map((one) => one.key);
	expect(await orphans()).toEqual([]);
	await api.app.prisma.feedImport.update({ where: { id }, data: { filesKept: false } });
	expect(await orphans()).toEqual([key]);
});
