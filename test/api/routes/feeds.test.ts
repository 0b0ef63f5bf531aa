// Feeds: what is sent counts once, what is answered is stored, and who is erased is nowhere.

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { store } from "../../../services/api/src/feeds/storing.js";
import { startApi, type TestApi } from "../../support/api.js";
import { passADay } from "../../support/clock.js";
import { until } from "../../support/processes.js";

let api: TestApi;
beforeAll(async () => {
	api = await startApi();
});
afterAll(() => api.close());

let last = 0;
/** A feed of the test's own. */
async function feed(): Promise<string> {
	const url = `/feeds/feed-${++last}`;
	expect((await api.call("PUT", url)).status).toBe(200);
	return url;
}
const AT = "2026-11-01T12:00:00.000Z";
const later = (seconds: number) => new Date(Date.parse(AT) + seconds * 1_000).toISOString();
const send = (url: string, rows: object[]) => api.call("POST", `${url}/interactions`, rows);
const stream = (url: string, body: string | Buffer | Readable) =>
	api.call("POST", `${url}/interactions`, body, { "content-type": "application/x-ndjson" });
const list = async (url: string, query = "") => (await api.call("GET", `${url}/interactions${query}`)).body;

/** Counts on the feed's row, and what is there when it is counted. */
async function counts(url: string): Promise<object> {
	const { interactions, users, items } = (await api.call("GET", url)).body;
	const name = url.split("/").at(-1) as string;
	const { id } = await api.app.prisma.feed.findUniqueOrThrow({ where: { name } });
	const where = { where: { feedId: id } };
	expect({ interactions, users, items }).toEqual({
		interactions: await api.app.prisma.feedInteraction.count(where),
		users: await api.app.prisma.feedUser.count(where),
		items: await api.app.prisma.feedItem.count(where),
	});
	return { interactions, users, items };
}

test("made, made again, listed newest first in pages, deleted with everything in it", async () => {
	const [first, second] = [await feed(), await feed()];
	await send(first, [{ user: "u", item: "i", at: AT }]);
	const { status, body } = await api.call("PUT", first);
	expect([status, body]).toEqual([
		200,
		{
			name: first.slice(7),
			interactions: 1,
			users: 1,
			items: 1,
			newest: AT,
			bytes: expect.any(Number),
			createdAt: expect.any(String),
		},
	]);
	expect(body.bytes).toBeGreaterThan(8_192);

	const page = (await api.call("GET", "/feeds?limit=1")).body;
	expect(page.items.map(({ name }: { name: string }) => name)).toEqual([second.slice(7)]);
	const next = (await api.call("GET", `/feeds?limit=1&cursor=${page.nextCursor}`)).body;
	expect(next.items.map(({ name }: { name: string }) => name)).toEqual([first.slice(7)]);
	expect(next.nextCursor).toBe(null);
	const beyond = Buffer.from("2147483648").toString("base64url");
	expect((await api.call("GET", `/feeds?cursor=${beyond}`)).body).toMatchObject({
		status: 400,
		code: "invalid_cursor",
	});

	expect((await api.call("DELETE", first)).status).toBe(204);
	expect((await api.call("GET", first)).status).toBe(404);
	expect((await send(first, [{ user: "u", item: "i" }])).status).toBe(404);
	expect(await api.app.prisma.feedInteraction.count()).toBe(0);
	expect((await api.call("GET", second)).body.newest).toBe(null);
	await api.call("DELETE", second);
});

test("the same id, or the same user, item and time, counts once: in one request, in two, and with whatever else beside it", async () => {
	const url = await feed();
	const rows = [
		{ user: "u", item: "i", at: AT, id: "e1" },
		{ user: "u", item: "i", at: AT, id: "e1" },
		{ user: "u", item: "i", at: AT },
		{ user: "v", item: "j", at: later(5), id: "e1" },
		{ user: "u", item: "i", at: later(1) },
		{ user: "u", item: "j", at: AT, value: 4.5 },
	];
	expect((await send(url, rows)).body).toEqual({ added: 3, known: 3, refused: 0, erased: 0, problems: [] });
	expect((await send(url, rows.slice(2))).body).toMatchObject({ added: 0, known: 4 });
	expect((await send(url, [{ user: "w", item: "i", at: AT, id: "e2" }])).body).toMatchObject({ added: 1, known: 0 });
	expect((await stream(url, `${JSON.stringify(rows[5])}\n`)).body).toMatchObject({ added: 0, known: 1 });
	const elsewhere = [
		{ user: "v", item: "k", at: later(9), id: "e1" },
		{ user: "w", item: "i", at: AT },
	];
	expect((await send(url, elsewhere)).body).toMatchObject({ added: 0, known: 2 });
	// Nothing is kept of v and k, whose one row was there as somebody else's.
	expect(await counts(url)).toEqual({ interactions: 4, users: 2, items: 2 });
});

/** What the ranges of an answer say of each row, by its position; a row in two of them is no word. */
function byRow(results: Record<string, number[][]>): string[] {
	const words: string[] = [];
	for (const [outcome, ranges] of Object.entries(results))
		for (const [first, last] of ranges as [number, number][])
			for (let position = first; position <= last; position++)
				words[position - 1] = words[position - 1] === undefined ? outcome : "told twice";
	return words;
}
const told = (url: string, rows: object[] | string | Readable) =>
	Array.isArray(rows)
		? api.call("POST", `${url}/interactions?results=true`, rows)
		: api.call("POST", `${url}/interactions?results=true`, rows, { "content-type": "application/x-ndjson" });

describe("with results=true the answer says of every row what has become of it", () => {
	test("of an array with all of them, and with duplicates in it", async () => {
		const url = await feed();
		await send(url, [{ user: "u", item: "there", at: AT, id: "e0" }]);
		const rows = [
			{ user: "u", item: "i", at: AT, id: "e1" },
			{ user: "u", item: "i", at: AT, id: "e1" },
			{ user: "u", item: "i", at: AT },
			{ user: "u" },
			{ user: "u", item: "j", at: AT },
			{ user: "v", item: "j", at: AT, id: "e0" },
			{ user: "v", item: "j", at: AT },
			{ user: "w", item: "j", at: AT },
		];
		const { status, body } = await told(url, rows);
		expect([status, body]).toEqual([
			200,
			{
				added: 4,
				known: 3,
				refused: 1,
				erased: 0,
				problems: [{ position: 4, field: "item", code: "missing_field", message: "is missing" }],
				results: {
					added: [
						[1, 1],
						[5, 5],
						[7, 8],
					],
					known: [
						[2, 3],
						[6, 6],
					],
					refused: [[4, 4]],
					erased: [],
				},
			},
		]);
		expect((await told(url, rows)).body).toMatchObject({
			added: 0,
			results: {
				added: [],
				known: [
					[1, 3],
					[5, 8],
				],
				refused: [[4, 4]],
			},
		});
		expect((await told(url, [])).body.results).toEqual({ added: [], known: [], refused: [], erased: [] });
		expect((await api.call("POST", `${url}/interactions?results=false`, rows)).body).not.toHaveProperty("results");
		expect(await counts(url)).toEqual({ interactions: 5, users: 3, items: 3 });
	});

	test("of more refused rows than problems are told of, in an array and in a stream with blank lines", async () => {
		const url = await feed();
		// Every third is refused, and every third is known from the second time on.
		const row = (index: number) =>
			index % 3 === 1 ? { user: "u" } : { user: "u", item: index % 3 === 2 ? "again" : `i${index}`, at: AT };
		const rows = Array.from({ length: 9_000 }, (_, index) => row(index));
		const expected = rows.map((_, index) => (index % 3 === 1 ? "refused" : index % 3 === 2 ? "known" : "added"));
		expected[2] = "added";
		const array = await told(url, rows);
		expect(array.body).toMatchObject({ added: 3_001, known: 2_999, refused: 3_000 });
		expect(array.body.problems).toHaveLength(100);
		expect(byRow(array.body.results)).toEqual(expected);

		const other = await feed();
		const lines = rows.map((row) => JSON.stringify(row)).join("\n\n");
		const stream = await told(other, Readable.from([Buffer.from(lines)]));
		expect(stream.body).toMatchObject({ added: 3_001, known: 2_999, refused: 3_000 });
		expect(byRow(stream.body.results)).toEqual(
			expected.flatMap((word, index) => (index === rows.length - 1 ? [word] : [word, undefined])),
		);
	}, 60_000);

	test("of requests that are committed together each its own", async () => {
		const url = await feed();
		let free = () => {};
		const isFree = new Promise<void>((resolve) => (free = resolve));
		const held = api.app.feeds.hold(url.slice(7), () => isFree);
		const rows = Array.from({ length: 50 }, (_, index) => ({ user: "u", item: `i${index}`, at: AT }));
		const sending = [told(url, rows), send(url, rows), told(url, [...rows, { user: "u", item: "last", at: AT }])];
		await sleep(300); // they have come, and wait
		free();
		await held;
		const answers = (await Promise.all(sending)).map(({ body }) => body);
		expect(answers.map(({ results }) => results !== undefined)).toEqual([true, false, true]);
		const first = byRow(answers[0].results);
		const third = byRow(answers[2].results);
		expect([first.length, third.length, third[50]]).toEqual([50, 51, "added"]);
		for (const [words, { added }] of [
			[first, answers[0]],
			[third, answers[2]],
		] as const)
			expect(words.filter((word) => word === "added")).toHaveLength(added);
		expect(answers.reduce((sum, { added }) => sum + added, 0)).toBe(51);
		// Whoever of them came first, one has added all of the fifty.
		expect(new Set(rows.map((_, index) => `${first[index]} ${third[index]}`)).size).toBe(1);
	});

	test("of a stream of up to 100,000 lines: what is beyond is to be sent in another", async () => {
		const url = await feed();
		const row = (item: string) => `${JSON.stringify({ user: "u", item, at: AT })}\n`;
		const lines = `${row("first")}${"\n".repeat(99_998)}${row("last")}`;
		expect((await told(url, lines)).body.results).toEqual({
			added: [
				[1, 1],
				[100_000, 100_000],
			],
			known: [],
			refused: [],
			erased: [],
		});
		const { status, body } = await told(url, lines + row("beyond"));
		expect([status, body.errors]).toEqual([
			400,
			[{ pointer: "/100000", code: "invalid_request", message: "is where to begin again" }],
		]);
		expect(body.detail).toMatch(
			/^\/100000 is beyond the 100000 rows of a request whose results are told\. Of the rows up to 100000, 0 were stored as new, 2 were known/,
		);
		expect((await stream(url, lines + row("beyond"))).body).toMatchObject({ added: 1, known: 2 });
		const nothing = await told(url, "\n".repeat(100_000) + row("beyond"));
		expect([nothing.status, nothing.body.errors]).toEqual([
			400,
			[
				{
					pointer: "/100000",
					code: "out_of_range",
					message: "is beyond the 100000 rows of a request whose results are told",
				},
			],
		]);
	});
});

test("times: ISO with a zone, seconds and milliseconds are one moment; without one it is now", async () => {
	const url = await feed();
	const ms = Date.parse(AT);
	const same = [AT, "2026-11-01T13:00:00+01:00", ms, ms / 1_000].map((at) => ({ user: "u", item: "i", at }));
	expect((await send(url, same)).body).toMatchObject({ added: 1, known: 3 });
	expect((await list(url)).items).toMatchObject([{ user: "u", item: "i", at: AT, value: null, id: null, title: null }]);
	const before = Date.now();
	await send(url, [{ user: "u", item: "now" }]);
	const [{ at }] = (await list(url, "?item=now")).items;
	expect(Date.parse(at)).toBeGreaterThanOrEqual(before);
	expect(Date.parse(at)).toBeLessThanOrEqual(Date.now());
});

test("rows that cannot be stored are named, the others are stored", async () => {
	const url = await feed();
	const bad: [object, string, string][] = [
		[{ user: "", item: "i" }, "user", "bad_format"],
		[{ user: 1, item: "i" }, "user", "wrong_type"],
		[{ user: "u" }, "item", "missing_field"],
		[{ user: "u", item: "a\u0000" }, "item", "bad_format"],
		[{ user: "u", item: "\ud800" }, "item", "bad_format"],
		[{ user: " ", item: "i" }, "user", "bad_format"],
		[{ user: " u", item: "i" }, "user", "bad_format"],
		[{ user: "u", item: "i\u00a0" }, "item", "bad_format"],
		[{ user: "u", item: "\u3000i" }, "item", "bad_format"],
		[{ user: "u", item: "i", at: new Date(Date.now() + 90_000_000).toISOString() }, "at", "out_of_range"],
		[{ user: "u", item: "i", at: Date.now() + 90_000_000 }, "at", "out_of_range"],
		[{ user: "u", item: "i", at: "yesterday" }, "at", "bad_format"],
		[{ user: "u", item: "i", at: "2026-11-01T12:00:00" }, "at", "bad_format"],
		[{ user: "u", item: "i", at: "1969-12-31T23:59:59Z" }, "at", "out_of_range"],
		[{ user: "u", item: "i", at: -1 }, "at", "out_of_range"],
		[{ user: "u", item: "i", at: 1e15 }, "at", "out_of_range"],
		[{ user: "u", item: "i", at: true }, "at", "wrong_type"],
		[{ user: "u", item: "i", value: "4" }, "value", "wrong_type"],
		[{ user: "u", item: "i", value: null }, "value", "wrong_type"],
		[{ user: "u", item: "i", id: "" }, "id", "bad_format"],
		[{ user: "u", item: "i", id: 7 }, "id", "wrong_type"],
		[{ user: "u", item: "i", id: null }, "id", "wrong_type"],
		[{ user: "u", item: "i", id: "x".repeat(513) }, "id", "bad_format"],
		[{ user: "u", item: "i", id: "é".repeat(257) }, "id", "bad_format"],
		[{ user: "x".repeat(513), item: "i" }, "user", "bad_format"],
		[{ user: "u", item: "é".repeat(257) }, "item", "bad_format"],
		[{ user: "u", item: "i", recommendationId: 1 }, "recommendationId", "wrong_type"],
		[{ user: "u", item: "i", recommendationId: "x".repeat(17) }, "recommendationId", "bad_format"],
		[{ user: "u", item: "i", rating: 4 }, "rating", "unknown_field"],
		[[], "", "wrong_type"],
	];
	const good = { user: "u", item: "i", at: AT };
	const { status, body } = await send(url, [good, ...bad.map(([row]) => row)]);
	expect([status, body.added, body.refused]).toEqual([200, 1, bad.length]);
	expect(
		body.problems.map(({ position, field, code }: { position: number; field: string; code: string }) => [
			position,
			field,
			code,
		]),
	).toEqual(bad.map(([, field, code], index) => [index + 2, field, code]));
	// Where nothing is good, the status says so.
	const nothing = await send(url, [{ user: "u" }, { item: "i" }]);
	expect([nothing.status, nothing.body.errors.map(({ pointer }: { pointer: string }) => pointer)]).toEqual([
		400,
		["/0/item", "/1/user"],
	]);
	expect((await send(url, [])).body).toEqual({ added: 0, known: 0, refused: 0, erased: 0, problems: [] });
	for (const body of ["{}", "null", "1", '"x"'])
		expect(
			(await api.call("POST", `${url}/interactions`, body, { "content-type": "application/json" })).body,
		).toMatchObject({ status: 400, errors: [{ pointer: "/" }] });
	const many = await send(url, Array(10_001).fill(good));
	expect(many.body).toMatchObject({ status: 400, errors: [{ pointer: "/", code: "out_of_range" }] });
	const timeless = await send(url, [{ user: "u", item: "i", at: null }]);
	expect(timeless.body.errors[0]).toEqual({
		pointer: "/0/at",
		code: "wrong_type",
		message: "must be text or a number",
	});
	// Where nothing is to be sent only what is not known is said.
	const named = await api.call("PUT", url, { a: 1 });
	expect(named.body.errors).toEqual([{ pointer: "/a", code: "unknown_field", message: "is not known here" }]);
	const csv = await api.call("POST", `${url}/interactions`, "x", { "content-type": "text/csv" });
	expect([csv.status, csv.body.detail]).toEqual([415, "Send application/json or application/x-ndjson."]);
	expect(await counts(url)).toEqual({ interactions: 1, users: 1, items: 1 });
});

test("no blank that an import takes away stands around an id", async () => {
	const url = await feed();
	const checks = readFileSync("services/trainer-py/trainer/data/importing/checks.py", "utf8");
	const blanks: string = JSON.parse(/^BLANKS = (".*")$/m.exec(checks)?.[1] as string);
	expect(blanks.length).toBeGreaterThan(5);
	const rows = [...blanks].flatMap((blank) => [`${blank}u`, `u${blank}`]).map((user) => ({ user, item: "i", at: AT }));
	const { body } = await send(url, [...rows, { user: "u u", item: "i", at: AT }]);
	expect(body).toMatchObject({ added: 1, refused: rows.length });
});

test("a stream: cut anywhere, with blank and broken lines, a byte order mark and no last line end", async () => {
	const url = await feed();
	const lines = [
		`\ufeff${JSON.stringify({ user: "ü", item: "a", at: AT })}`,
		"",
		"{",
		JSON.stringify({ user: "ü", item: `b${"x".repeat(400)}`, at: AT }),
		`{"user": "${"x".repeat(70_000)}"}`,
		JSON.stringify({ user: "u", item: "c", at: AT, value: 1e308 }),
	];
	const bytes = Buffer.concat([
		Buffer.from(lines.join("\r\n")),
		Buffer.from("\n"),
		Buffer.from([0x7b, 0xff]),
		Buffer.from('\n{"user":"u","item":"d"}'),
	]);
	for (const size of [1, 7, 1_000, 100_000]) {
		const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
			bytes.subarray(index * size, (index + 1) * size),
		);
		const { body } = await stream(url, Readable.from(pieces));
		expect(body).toMatchObject({
			refused: 3,
			problems: [
				{ position: 3, code: "bad_json" },
				{ position: 5, code: "line_too_long" },
				{ position: 7, code: "bad_character" },
			],
		});
		expect(body.added + body.known).toBe(4);
	}
	expect((await list(url, "?user=%C3%BC")).items).toHaveLength(2);
	expect((await stream(url, "")).body).toEqual({ added: 0, known: 0, refused: 0, erased: 0, problems: [] });
	expect((await stream("/feeds/nowhere", "{}")).status).toBe(404);
	const packed = (type: string) => ({ "content-type": type, "content-encoding": "gzip" });
	for (const type of ["application/x-ndjson", "application/json"])
		expect((await api.call("POST", `${url}/interactions`, gzipSync("[]"), packed(type))).body).toMatchObject({
			status: 415,
			errors: [{ pointer: "/headers/content-encoding", code: "not_allowed" }],
		});
	expect((await stream(url, '{"user":1,"item":"i"}\n')).body).toMatchObject({
		status: 400,
		errors: [{ pointer: "/0/user" }],
	});
});

test("a stream is committed some thousand rows at a time; what breaks later says how far it came", async () => {
	const url = await feed();
	const line = (index: number) => `${JSON.stringify({ user: `u${index % 100}`, item: `i${index}`, at: AT })}\n`;
	const rows = Array.from({ length: 10_000 }, (_, index) => line(index)).join("");
	async function* breaking() {
		yield Buffer.from('{"user":"u"}\n');
		yield Buffer.from(rows);
		await until(
			"rows are stored before the stream ends",
			async () => (await api.call("GET", url)).body.interactions >= 8_000,
		);
		await api.call("DELETE", url);
		yield Buffer.from(rows);
	}
	const { status, body } = await stream(url, Readable.from(breaking()));
	expect([status, body.code]).toEqual([404, "not_found"]);
	expect(body.detail).toMatch(
		/Of the rows up to 10001, 10000 were stored as new, 0 were known before, 1 were refused\.$/,
	);
	// Nothing is to be sent again to a feed that is gone.
	expect(body.errors).toEqual([
		{ pointer: "/10001", code: "not_found", message: "is the first that was not stored" },
		{ pointer: "/0/item", code: "missing_field", message: "is missing" },
	]);

	const there = await feed();
	const { add } = api.app.feeds;
	let commits = 0;
	api.app.feeds.add = (name, some) => (++commits > 4 ? Promise.reject(new Error("lost")) : add(name, some));
	const left = await stream(there, rows).finally(() => (api.app.feeds.add = add));
	expect(left.body.detail).toMatch(/send the rest again\.$/);
	expect(left.body.errors).toEqual([{ pointer: "/8000", code: "internal", message: "is where to begin again" }]);
});

test("a stream is read no faster than its rows are stored", async () => {
	const url = await feed();
	const name = url.slice(7);
	let offered = 0;
	function* rows() {
		for (; offered < 100_000; offered += 100)
			yield Buffer.from(
				Array.from(
					{ length: 100 },
					(_, index) => `${JSON.stringify({ user: "u", item: `i${offered + index}`, at: AT })}\n`,
				).join(""),
			);
	}
	let done = false;
	let free = () => {};
	const isFree = new Promise<void>((resolve) => (free = resolve));
	const held = api.app.feeds.hold(name, () => isFree);
	const answered = stream(url, Readable.from(rows())).then((reply) => {
		done = true;
		return reply;
	});
	await sleep(500);
	expect([done, offered < 20_000]).toEqual([false, true]);
	free();
	await held;
	expect((await answered).body).toMatchObject({ added: 100_000, known: 0 });
}, 60_000);

test("duplicates sent by 20 clients at once count once", async () => {
	const url = await feed();
	const rows = Array.from({ length: 500 }, (_, index) => ({
		user: `u${index % 50}`,
		item: `i${index}`,
		at: later(index % 7),
		...(index % 2 && { id: `e${index}` }),
	}));
	const clients = Array.from({ length: 20 }, (_, client) => {
		const mine = [...rows].sort(() => (client % 2 ? 1 : -1));
		return client % 3 ? send(url, mine) : stream(url, mine.map((row) => JSON.stringify(row)).join("\n"));
	});
	const answers = (await Promise.all(clients)).map(({ body }) => body);
	expect(answers.reduce((sum, { added }) => sum + added, 0)).toBe(500);
	expect(answers.every(({ added, known }) => added + known === 500)).toBe(true);
	expect(await counts(url)).toEqual({ interactions: 500, users: 50, items: 500 });
});

test("interactions newest first, of a user, of an item, of both, in pages that neither lose nor repeat any", async () => {
	const url = await feed();
	const rows = Array.from({ length: 60 }, (_, index) => ({
		user: `u${index % 3}`,
		item: `i${index % 4}`,
		at: later(Math.floor(index / 20)),
		value: index,
	}));
	const { added } = (await send(url, rows)).body;
	expect(added).toBe(36);
	for (const [query, expected] of [
		["", 36],
		["user=u1", 12],
		["item=i2", 9],
		["user=u1&item=i2", 3],
		["user=nobody", 0],
		["item=none", 0],
	] as const) {
		const seen: { at: string; user: string; item: string }[] = [];
		let cursor: string | null = "";
		do {
			const page: { items: typeof seen; nextCursor: string | null } = await list(
				url,
				`?limit=2&${query}${cursor && `&cursor=${cursor}`}`,
			);
			seen.push(...page.items);
			cursor = page.nextCursor;
		} while (cursor);
		expect({ query, seen: seen.length, different: new Set(seen.map((row) => JSON.stringify(row))).size }).toEqual({
			query,
			seen: expected,
			different: expected,
		});
		const times = seen.map(({ at }) => at);
		expect(times).toEqual([...times].sort().reverse());
		for (const [field, value] of new URLSearchParams(query))
			expect(seen.every((row) => row[field as "user"] === value)).toBe(true);
	}
	const days = (await api.call("GET", `${url}/days`)).body.items;
	expect(days).toEqual([{ day: "2026-11-01", interactions: 36 }]);
	await send(url, [{ user: "u", item: "i", at: "2026-11-03T00:00:00Z" }]);
	expect((await api.call("GET", `${url}/days?days=2`)).body.items).toEqual([{ day: "2026-11-03", interactions: 1 }]);
	expect((await api.call("GET", `${url}/days?days=3`)).body.items).toHaveLength(2);
	// A clock that is ahead does not move the days on.
	const ahead = new Date(Date.now() + 86_395_000).toISOString();
	expect((await send(url, [{ user: "u", item: "ahead", at: ahead }])).body.added).toBe(1);
	expect((await api.call("GET", `${url}/days?days=1`)).body.items).toEqual([{ day: "2026-11-03", interactions: 1 }]);
});

test("taken back: by id, by user and item, at one time or at all; who has none left is no longer known", async () => {
	const url = await feed();
	await send(url, [
		{ user: "u", item: "i", at: AT, id: "e1" },
		{ user: "u", item: "j", at: AT },
		{ user: "u", item: "j", at: later(1) },
		{ user: "v", item: "i", at: AT, id: "e2" },
		{ user: "v", item: "j", at: AT, id: "e3" },
	]);
	const remove = async (...interactions: object[]) =>
		(await api.call("POST", `${url}/interactions/remove`, { interactions })).body;
	expect(await remove({ id: "e1" }, { user: "u", item: "i", at: AT })).toEqual({ removed: 1 });
	expect(await remove({ user: "u", item: "j", at: later(1) })).toEqual({ removed: 1 });
	expect(await remove({ id: "e1" }, { user: "nobody", item: "i" })).toEqual({ removed: 0 });
	expect(await remove({ user: "v", item: "i" }, { id: "e3" })).toEqual({ removed: 2 });
	expect(await counts(url)).toEqual({ interactions: 1, users: 1, items: 1 });
	// What was taken back may come again.
	expect((await send(url, [{ user: "v", item: "i", at: AT, id: "e2" }])).body).toMatchObject({ added: 1 });
	for (const [wrong, pointer] of [
		[{}, "/interactions/0"],
		[{ user: "u" }, "/interactions/0"],
		[{ id: "e", item: "i" }, "/interactions/0"],
		[{ id: "e", at: AT }, "/interactions/0"],
		[{ user: "u", item: "i", at: "x" }, "/interactions/0/at"],
	] as const)
		expect(await remove(wrong)).toMatchObject({ status: 400, errors: [{ pointer }] });
});

test("items: many at a time, what is not said stays, unavailable ones are found", async () => {
	const url = await feed();
	await send(url, [{ user: "u", item: "i", at: AT }]);
	const put = (...items: object[]) => api.call("PUT", `${url}/items`, { items });
	expect((await put({ item: "i", title: "An item", tags: ["a", "b"] }, { item: "j", available: false })).body).toEqual({
		added: 1,
		known: 1,
	});
	expect((await put({ item: "i", available: false }, { item: "j", tags: [] })).body).toEqual({ added: 0, known: 2 });
	const items = async (query = "") => (await api.call("GET", `${url}/items${query}`)).body.items;
	const i = { id: "i", title: "An item", tags: ["a", "b"], available: false };
	const j = { id: "j", title: null, tags: [], available: false };
	expect(await items()).toEqual([j, i]);
	expect((await put({ item: "i", title: null, available: true })).status).toBe(200);
	expect(await items("?item=i")).toEqual([{ ...i, title: null, available: true }]);
	expect(await items("?available=false")).toEqual([j]);
	const page = (await api.call("GET", `${url}/items?limit=1`)).body;
	expect((await api.call("GET", `${url}/items?limit=1&cursor=${page.nextCursor}`)).body).toMatchObject({
		items: [{ id: "i" }],
		nextCursor: null,
	});
	expect((await put({ item: "i" }, { item: "j" }, { item: "i" })).body).toMatchObject({
		status: 400,
		errors: [{ pointer: "/items/2/item" }],
	});
	expect((await put({ item: "k" }, { item: "l " })).body).toMatchObject({
		status: 400,
		errors: [{ pointer: "/items/1/item", code: "bad_format" }],
	});
	expect(await counts(url)).toEqual({ interactions: 1, users: 1, items: 2 });
});

test("who is erased is nowhere: not in the feed, not in the next snapshot; older snapshots are named", async () => {
	const url = await feed();
	const person = "person-to-erase@example.org";
	await send(url, [
		{ user: person, item: "i", at: AT, id: "e1" },
		{ user: person, item: "j", at: AT },
		{ user: "other", item: "i", at: AT },
	]);
	const before = (await api.call("POST", `${url}/snapshots`, { name: "before" })).body;
	const users = (await api.call("GET", `${url}/users`)).body;
	expect(users).toEqual({
		items: [
			{ id: "other", interactions: 1, newest: AT },
			{ id: person, interactions: 2, newest: AT },
		],
		nextCursor: null,
	});
	const first = (await api.call("GET", `${url}/users?limit=1`)).body;
	expect((await api.call("GET", `${url}/users?limit=1&cursor=${first.nextCursor}`)).body.items).toMatchObject([
		{ id: person },
	]);
	expect((await api.call("GET", `${url}/users?user=other`)).body.items).toMatchObject([{ id: "other" }]);
	expect((await api.call("GET", `${url}/users?user=nobody`)).body).toEqual({ items: [], nextCursor: null });
	const one = `${url}/users/${encodeURIComponent(person)}`;
	expect((await api.call("GET", one)).body).toEqual({ id: person, interactions: 2, newest: AT });

	const snapshots = [{ id: before.id, name: "before" }];
	expect((await api.call("DELETE", one)).body).toEqual({ interactions: 2, snapshots });
	expect((await api.call("DELETE", one)).body).toEqual({ interactions: 0, snapshots });
	expect((await api.call("GET", one)).status).toBe(404);
	expect(await counts(url)).toEqual({ interactions: 1, users: 1, items: 2 });
	for (const table of await api.app.prisma.$queryRaw<
		{ tablename: string }[]
	>`SELECT tablename FROM pg_tables WHERE schemaname = 'public'`) {
		const rows = await api.app.prisma.$queryRawUnsafe<{ text: string }[]>(
			`SELECT t::text AS text FROM "${table.tablename}" t`,
		);
		expect({ table, named: rows.filter(({ text }) => text.includes("person-to-erase")) }).toEqual({ table, named: [] });
	}
	const after = (await api.call("POST", `${url}/snapshots`, {})).body;
	expect(textsOf(await filesOf(after.id))).not.toContain("person");
	await api.app.prisma.$executeRaw`
		WITH made AS (INSERT INTO jobs (id, kind, state) SELECT gen_random_uuid(), 'import', 'SUCCEEDED' FROM generate_series(1, 1000) RETURNING id)
		INSERT INTO datasets (id, name, digest, rule, files, feed)
		SELECT made.id, 'many', made.id::text, '{}', '[]', ${{ name: url.slice(7) }} FROM made`;

	// Snapshots outlive their feed, and hold whom they held.
	expect((await api.call("DELETE", url)).status).toBe(204);
	const late = await api.call("DELETE", one);
	expect([late.status, late.body.interactions, late.body.snapshots.length]).toEqual([200, 0, 1_002]);
	expect(late.body.snapshots.at(-1)).toEqual(snapshots[0]);
	expect((await api.call("DELETE", `/feeds/nowhere/users/u`)).status).toBe(404);
	await api.app.prisma.$executeRaw`DELETE FROM datasets WHERE name = 'many'`;
});

const filesOf = async (id: string) =>
	(await api.app.prisma.dataset.findUniqueOrThrow({ where: { id } })).files as { role: string; uploadKey: string }[];
const textsOf = (files: { uploadKey: string }[]) =>
	files.map(({ uploadKey }) => api.trainer.texts.get(uploadKey)).join("");

test("a snapshot: the same rows and rule of a feed are the same dataset in whatever order they came", async () => {
	const one = await feed();
	const rows = [
		{ user: "b", item: "i", at: later(1), value: 3 },
		{ user: "B", item: "i", at: AT },
		{ user: "b", item: "j", at: AT, id: "e" },
		{ user: "ä", item: "i", at: AT },
	];
	const described = { items: [{ item: "j", title: "J", tags: ["t"] }] };
	await send(one, rows);
	await api.call("PUT", `${one}/items`, described);

	const rule = { minRating: 0, skipBadRows: true };
	const made = await api.call("POST", `${one}/snapshots`, { rule, name: "a snapshot" });
	expect([made.status, made.headers.location]).toEqual([202, `/datasets/${made.body.id}`]);
	expect(made.body).toMatchObject({
		name: "a snapshot",
		state: "QUEUED",
		rule: { ...rule, split: { kind: "ratio" } },
		feed: { name: one.slice(7), rows: 4 },
	});
	expect(Math.abs(Date.now() - Date.parse(made.body.feed.at))).toBeLessThan(60_000);
	const files = await filesOf(made.body.id);
	expect(files.map(({ role }) => role)).toEqual(["interactions", "items"]);
	expect(files.map(({ uploadKey }) => api.trainer.texts.get(uploadKey))).toEqual([
		`{"user":"B","item":"i","rating":null,"timestamp":"${AT}"}\n{"user":"b","item":"j","rating":null,"timestamp":"${AT}"}\n` +
			`{"user":"b","item":"i","rating":3,"timestamp":"${later(1)}"}\n{"user":"ä","item":"i","rating":null,"timestamp":"${AT}"}\n`,
		`{"item":"j","title":"J","tags":["t"]}\n`,
	]);
	await api.call("DELETE", `${one}/users/b`);
	await send(one, [{ user: "gone", item: "i", at: AT }, ...rows.toReversed()]);
	await api.call("DELETE", `${one}/users/gone`);
	const staged = api.trainer.uploads.size;
	const id = randomUUID();
	await api.app.prisma.job.create({ data: { id, kind: "refresh", state: "SUCCEEDED" } });
	const ofIt = { deploymentName: "shop", spec: {}, recipe: "r", trigger: "schedule", newInteractions: 1n };
	await api.app.prisma.refresh.create({ data: { id, ...ofIt, datasetId: made.body.id, madeDataset: true } });
	const again = await api.call("POST", `${one}/snapshots`, { rule });
	expect([again.status, again.body.id]).toEqual([200, made.body.id]);
	// Its rows have come later than the dataset was made: it has them nevertheless.
	expect(again.body.feed.at > made.body.feed.at).toBe(true);
	expect(again.body.feed.upTo).toBeGreaterThan(made.body.feed.upTo);
	// What a person has asked for is no longer a refresh's to delete.
	expect((await api.app.prisma.refresh.findUniqueOrThrow({ where: { id } })).madeDataset).toBe(false);
	// What was staged for nothing is gone again.
	expect(api.trainer.uploads.size).toBe(staged);
	// The same rows of another feed are other people's.
	const other = await feed();
	await send(other, rows);
	await api.call("PUT", `${other}/items`, described);
	const others = await api.call("POST", `${other}/snapshots`, { rule });
	expect([others.status, others.body.files]).toEqual([
		202,
		made.body.files.map((file: object) => expect.objectContaining({ ...file, name: expect.any(String) })),
	]);
	expect(others.body.feed.name).toBe(other.slice(7));
	expect((await api.call("GET", `/datasets/${made.body.id}`)).body.feed.name).toBe(one.slice(7));
	const another = await api.call("POST", `${one}/snapshots`, { rule: { kCore: 2 } });
	expect(another.status).toBe(202);
	expect(another.body.id).not.toBe(made.body.id);
	await api.call("DELETE", one);
	expect((await api.call("GET", `/datasets/${made.body.id}`)).body.feed).toMatchObject({ rows: 4 });
});

test("an Idempotency-Key gives the first snapshot again, though more rows have come", async () => {
	const url = await feed();
	await send(url, [{ user: "u", item: "i", at: AT }]);
	const take = () => api.call("POST", `${url}/snapshots`, {}, { "idempotency-key": url });
	const first = await take();
	await send(url, [{ user: "u", item: "j", at: AT }]);
	const second = await take();
	expect([second.status, second.body.id, second.headers["idempotent-replayed"]]).toEqual([202, first.body.id, "true"]);
	expect((await api.call("POST", `${url}/snapshots`, {})).body.feed.rows).toBe(2);
});

test("a snapshot of a feed under writes holds exactly what was committed before", async () => {
	const url = await feed();
	const row = (index: number) => ({ user: `u${index}`, item: "i", at: AT });
	await send(
		url,
		Array.from({ length: 3_000 }, (_, index) => row(index)),
	);
	api.trainer.pause();
	const begun = api.trainer.received;
	const taking = api.call("POST", `${url}/snapshots`, {});
	try {
		await until("the first rows are on their way", () => api.trainer.received > begun);
		await send(url, [row(4_000)]);
		await api.call("PUT", `${url}/items`, { items: [{ item: "i", title: "too late" }] });
		expect(await counts(url)).toEqual({ interactions: 3_001, users: 3_001, items: 1 });
	} finally {
		api.trainer.resume();
	}
	const { body } = await taking;
	expect(body.feed.rows).toBe(3_000);
	const files = await filesOf(body.id);
	expect(files).toHaveLength(1);
	const users = textsOf(files)
		.trim()
		.split("\n")
		.map((line) => JSON.parse(line).user);
	expect(new Set(users)).toEqual(new Set(Array.from({ length: 3_000 }, (_, index) => `u${index}`)));
});

/** The first `times` times that its rows have been read, and no dataset is there yet. */
async function whileTaken(url: string, times: number, meanwhile: (time: number) => Promise<unknown>) {
	const { trainer } = api.app;
	const { uploadFile } = trainer;
	let time = 0;
	trainer.uploadFile = async (bytes) => {
		const uploaded = await uploadFile(bytes);
		if (time < times) await meanwhile(++time);
		return uploaded;
	};
	return api.call("POST", `${url}/snapshots`, {}).finally(() => (trainer.uploadFile = uploadFile));
}

describe("who is erased while rows are sent is not brought back by them", () => {
	const line = (user: string, item: string) => Buffer.from(`${JSON.stringify({ user, item, at: AT })}\n`);
	const erase = (url: string) => api.call("DELETE", `${url}/users/a`);

	test("in a stream: what came before is gone, what comes after is left out, what is sent later is new", async () => {
		const url = await feed();
		async function* sending() {
			for (let index = 0; index < 2_000; index++) yield line("a", `i${index}`);
			await until("rows are stored", async () => (await api.call("GET", url)).body.interactions === 2_000);
			await erase(url);
			yield line("a", "late");
			yield line("b", "late");
			yield Buffer.from("{}\n");
		}
		const { body } = await told(url, Readable.from(sending()));
		expect(body).toMatchObject({ added: 2_001, known: 0, refused: 1, erased: 1 });
		expect(body.results).toEqual({
			added: [
				[1, 2_000],
				[2_002, 2_002],
			],
			known: [],
			refused: [[2_003, 2_003]],
			erased: [[2_001, 2_001]],
		});
		expect(await counts(url)).toMatchObject({ interactions: 1, users: 1 });
		expect((await send(url, [{ user: "a", item: "i", at: AT }])).body).toMatchObject({ added: 1, erased: 0 });
	});

	test("in rows that wait for the feed", async () => {
		const url = await feed();
		let free = () => {};
		const isFree = new Promise<void>((resolve) => (free = resolve));
		const hold = jest.spyOn(api.app.feeds, "hold");
		const held = api.app.feeds.hold(url.slice(7), () => isFree);
		const erasing = erase(url);
		// First in the line for the feed: what is sent waits behind it.
		await until("the erasure waits", () => hold.mock.calls.length === 2);
		hold.mockRestore();
		const sending = ["a", "b"].map((user) => send(url, [{ user, item: "i", at: AT }]));
		await sleep(300); // they have begun, and wait
		free();
		await Promise.all([held, erasing]);
		const answers = (await Promise.all(sending)).map(({ body: { added, erased } }) => [added, erased]);
		expect(answers).toEqual([
			[0, 1],
			[1, 0],
		]);
		expect(await counts(url)).toMatchObject({ interactions: 1, users: 1 });
	});

	test("among several requests those that began before it", async () => {
		const url = await feed();
		await erase(url);
		const { seq } = await api.app.prisma.feedErasure.findFirstOrThrow({ orderBy: { seq: "desc" } });
		const row = { user: "a", item: "i", at: new Date(AT), value: null, id: null, recommendationId: null };
		const stored = await api.app.feeds.hold(url.slice(7), (tx, of) =>
			store(
				tx,
				of,
				[seq, seq - 1n].map((since) => ({ interactions: [row], since })),
			),
		);
		expect(stored).toEqual([
			{ added: 1, erased: 0 },
			{ added: 0, erased: 1 },
		]);
	});

	test("a stream of more than a day, after which they may be forgotten, is to be sent again from where it stands", async () => {
		const url = await feed();
		let tomorrow = () => {};
		async function* sending() {
			for (let index = 0; index < 2_000; index++) yield line("a", `i${index}`);
			await until("rows are stored", async () => (await api.call("GET", url)).body.interactions === 2_000);
			tomorrow = passADay();
			yield line("a", "late");
		}
		const { status, body } = await stream(url, Readable.from(sending())).finally(() => tomorrow());
		expect([status, body.code, body.errors[0].pointer]).toEqual([408, "sent_too_long", "/2000"]);
		expect(await counts(url)).toMatchObject({ interactions: 2_000 });
	});
});

test("who is erased while a snapshot is under way is not in it: it is taken again, and given up when that does not end", async () => {
	const url = await feed();
	const people = Array.from({ length: 10 }, (_, index) => ({ user: `person-${index}`, item: "i", at: AT }));
	await send(url, people);
	const staged = api.trainer.uploads.size;
	const erase = (index: number) => api.call("DELETE", `${url}/users/person-${index}`);
	const { status, body } = await whileTaken(url, 1, () => erase(0));
	expect([status, body.feed.rows]).toEqual([202, 9]);
	expect(textsOf(await filesOf(body.id))).not.toContain("person-0");
	expect(api.trainer.uploads.size).toBe(staged + 1);

	const back = (index: number) =>
		api.call("POST", `${url}/interactions/remove`, { interactions: [{ user: `person-${index}`, item: "i" }] });
	const again = await whileTaken(url, 3, back);
	expect([again.status, again.body.code, again.headers["retry-after"]]).toEqual([409, "conflict", "60"]);
	const gone = await whileTaken(url, 1, () => api.call("DELETE", url));
	expect(gone.status).toBe(404);
	expect(api.trainer.uploads.size).toBe(staged + 1);
	expect(await api.app.prisma.dataset.count({ where: { feed: { path: ["name"], equals: url.slice(7) } } })).toBe(1);
});

test("one snapshot of a feed at a time, and two in all; one whose client has gone is given up", async () => {
	const [first, second, third] = [await feed(), await feed(), await feed()];
	for (const url of [first, second, third]) await send(url, [{ user: "u", item: "i", at: AT }]);
	const take = (url: string) => api.call("POST", `${url}/snapshots`, {});
	const staged = api.trainer.uploads.size;
	const datasets = await api.app.prisma.dataset.count();
	const base = await api.app.listen({ port: 0 });
	const leaving = new AbortController();
	api.trainer.pause();
	const begun = api.trainer.received;
	const headers = { "content-type": "application/json" };
	const left = fetch(`${base}${first}/snapshots`, { method: "POST", headers, body: "{}", signal: leaving.signal });
	const isLeft = expect(left).rejects.toThrow("abort");
	let also: ReturnType<typeof take>;
	try {
		await until("the first is under way", () => api.trainer.received > begun);
		const same = await take(first);
		expect([same.status, same.body.code, same.headers["retry-after"]]).toEqual([409, "conflict", "60"]);
		const before = api.trainer.received;
		also = take(second);
		await until("the second is under way", () => api.trainer.received > before);
		const refused = await take(third);
		expect([refused.status, refused.body.code, refused.headers["retry-after"]]).toEqual([503, "busy", "60"]);
		leaving.abort();
		await isLeft;
		await sleep(200);
	} finally {
		api.trainer.resume();
	}
	expect((await also).status).toBe(202);
	await until("the first has been given up", () => api.trainer.uploads.size === staged + 1);
	expect(await api.app.prisma.dataset.count()).toBe(datasets + 1);
	expect((await take(first)).status).toBe(202);
	expect((await take(third)).status).toBe(202);
});

test("an Idempotency-Key holds as long as its snapshot takes", async () => {
	const slow = await startApi({ TIMING_SCALE: "100" });
	try {
		await slow.call("PUT", "/feeds/slow");
		await slow.call("POST", "/feeds/slow/interactions", [{ user: "u", item: "i", at: AT }]);
		const take = () => slow.call("POST", "/feeds/slow/snapshots", {}, { "idempotency-key": "once" });
		slow.trainer.pause();
		const first = take();
		await until("it is under way", () => slow.trainer.received > 0);
		await sleep(3 * slow.app.config.timings.abandonedKey);
		expect((await take()).body.code).toBe("idempotency_in_progress");
		slow.trainer.resume();
		const { status, body } = await first;
		expect(status).toBe(202);
		expect((await take()).body.id).toBe(body.id);
	} finally {
		slow.trainer.resume();
		await slow.close();
	}
});

test("no snapshot of nothing, of columns, of a split that is given, or where the trainer refuses; nothing stays staged", async () => {
	const url = await feed();
	const staged = api.trainer.uploads.size;
	const take = async (body: object) => (await api.call("POST", `${url}/snapshots`, body)).body;
	expect(await take({})).toMatchObject({ status: 409, code: "conflict" });
	await send(url, [{ user: "u", item: "i" }]);
	expect(await take({ rule: { columns: { user: "u" } } })).toMatchObject({
		status: 400,
		errors: [{ pointer: "/rule/columns" }],
	});
	expect(await take({ rule: { split: { kind: "given" } } })).toMatchObject({
		status: 400,
		errors: [{ pointer: "/rule/split/kind" }],
	});
	expect((await api.call("POST", "/feeds/nowhere/snapshots", {})).status).toBe(404);
	expect(api.trainer.uploads.size).toBe(staged);
});
