import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { form, type Reply, startApi, type TestApi } from "../../support/api.js";
import { refusal } from "../../support/grpc-server.js";
import { until } from "../../support/processes.js";

const ROWS = "user,item\na,1\nb,2\n";
let api: TestApi;
beforeAll(async () => {
	api = await startApi({ MAX_UPLOAD_BYTES: "16000000" });
});
afterAll(() => api.close());
afterEach(() => {
	api.trainer.refuseUploads = null;
	api.trainer.resume();
});

type Parts = Parameters<typeof form>;
async function upload(...parts: Parts): Promise<Reply> {
	const [payload, headers] = await form(...parts);
	return api.call("POST", "/datasets", payload, headers);
}
/** Staged files that no dataset names: there must never be any after a request. */
async function strays(): Promise<string[]> {
	const rows = await api.app.prisma.dataset.findMany({ select: { files: true } });
	const named = new Set(rows.flatMap((row) => (row.files as { uploadKey: string }[]).map((file) => file.uploadKey)));
	return [...api.trainer.uploads.keys()].filter((key) => !named.has(key));
}

test("streams the parts to the trainer and queues the import", async () => {
	const rule = { columns: { user: "user", item: "item" }, minRating: 4, kCore: 2, skipBadRows: true };
	const { status, headers, body } = await upload(
		["name", "Bücher"],
		["rule", JSON.stringify(rule)],
		["interactions", ROWS, "a.csv"],
		["interactions", "user,item\nc,3\n", "../../b.csv"],
		["items", "item,title\n1,<b>\n", "items.csv"],
	);
	expect(status).toBe(202);
	expect(headers.location).toBe(`/datasets/${body.id}`);
	expect(body).toMatchObject({
		name: "Bücher",
		state: "QUEUED",
		error: null,
		statistics: null,
		splitDigest: null,
		problems: [],
		rule: { ...rule, split: { kind: "ratio", ratios: [0.8, 0.1, 0.1], seed: 42 } },
	});
	expect(body.digest).toMatch(/^[0-9a-f]{64}$/);
	expect(body.files.map((file: { role: string; bytes: number }) => [file.role, file.bytes])).toEqual([
		["interactions", 18],
		["interactions", 14],
		["items", 17],
	]);
	expect(await api.app.queue.knows("import", body.id, 0)).toBe(true);
	expect((await api.call("GET", `/datasets/${body.id}`)).body).toEqual(body);
});

test("the same bytes and rule answer 200 with the dataset there is, and leave no second copy", async () => {
	const first = await upload(["name", "one"], ["train", ROWS, "t.inter"], ["test", "x", "s.inter"]);
	expect(first.body.rule).toEqual({ split: { kind: "given" } });
	const again = await upload(
		["name", "two"],
		["rule", '{"split": {"kind": "given"}}'],
		["test", "x", "s2"],
		["train", ROWS, "t2"],
	);
	expect([again.status, again.body.id, again.headers.location]).toEqual([
		200,
		first.body.id,
		`/datasets/${first.body.id}`,
	]);
	const other = await upload(
		["name", "one"],
		["rule", '{"minRating": 3}'],
		["train", ROWS, "t.inter"],
		["test", "x", "s.inter"],
	);
	expect([other.status, other.body.id === first.body.id]).toEqual([202, false]);
	expect(await strays()).toEqual([]);
});

test("equal uploads at the same time make one dataset", async () => {
	const replies = await Promise.all(
		Array.from({ length: 8 }, () => upload(["name", "race"], ["interactions", "user,item\nr,1\n", "r.csv"])),
	);
	expect(replies.map((reply) => reply.status).sort()).toEqual([200, 200, 200, 200, 200, 200, 200, 202]);
	expect(new Set(replies.map((reply) => reply.body.id)).size).toBe(1);
	expect(await strays()).toEqual([]);
});

test("a failed import makes room for the same bytes, and its staged files go", async () => {
	const first = await upload(["name", "fails"], ["interactions", "user,item\nf,1\n", "f.csv"]);
	await api.app.prisma.job.update({
		where: { id: first.body.id },
		data: { state: "FAILED", errorCode: "not_utf8", finishedAt: new Date() },
	});
	const again = await upload(["name", "fails"], ["interactions", "user,item\nf,1\n", "f.csv"]);
	expect([again.status, again.body.state]).toEqual([202, "QUEUED"]);
	expect((await api.call("GET", `/datasets/${first.body.id}`)).status).toBe(404);
	expect(await strays()).toEqual([]);
});

test.each(["SUCCEEDED", "FAILED", "CANCELLED"] as const)(
	"a dataset once imported, now %s and not whole, is imported again under its id; its experiments stay",
	async (state) => {
		const { prisma } = api.app;
		const parts: Parts = [
			["name", "lost"],
			["interactions", `user,item\n${state},1\n`, "l.csv"],
		];
		const { id, files } = (await upload(...parts)).body;
		const artifactKey = `datasets/${id}`;
		await prisma.job.update({ where: { id }, data: { state: "SUCCEEDED", lease: 1, finishedAt: new Date() } });
		await prisma.dataset.update({ where: { id }, data: { artifactKey, splitDigest: "s" } });
		const experiment = await api.experiment(["SUCCEEDED"], { dataset: id });
		expect((await upload(...parts)).status).toBe(200);
		api.trainer.damaged.add(artifactKey);
		await prisma.job.update({ where: { id }, data: { state, crashes: 1, cancelRequestedAt: new Date() } });
		const replies = await Promise.all([upload(...parts), upload(...parts)]);
		expect(replies.map((reply) => reply.status).sort()).toEqual([200, 202]);
		expect(replies.map((reply) => reply.body.id)).toEqual([id, id]);
		expect(await prisma.job.findUnique({ where: { id } })).toMatchObject({
			state: "QUEUED",
			crashes: 0,
			cancelRequestedAt: null,
			finishedAt: null,
		});
		expect(await api.app.queue.knows("import", id, 1)).toBe(true);
		expect((await api.call("GET", `/datasets/${id}`)).body.files).toEqual(files);
		expect(await strays()).toEqual([]);
		expect((await api.call("GET", `/experiments/${experiment.id}`)).body.dataset.id).toBe(id);
	},
);

test("an import is cancelled once", async () => {
	const { id } = (await upload(["name", "c"], ["interactions", "user,item\nc,9\n", "c.csv"])).body;
	const { status, body } = await api.call("POST", `/datasets/${id}/cancel`);
	expect([status, body.state]).toEqual([202, "CANCELLED"]);
	expect((await api.call("POST", `/datasets/${id}/cancel`)).body.code).toBe("conflict");
	expect((await api.call("POST", `/datasets/${randomUUID()}/cancel`)).status).toBe(404);
});

describe("DELETE /datasets/:id", () => {
	const parts = (value: string): Parts => [
		["name", "d"],
		["interactions", `user,item\n${value},1\n`, "d.csv"],
	];
	async function imported(value: string): Promise<{ id: string; artifactKey: string }> {
		const { id } = (await upload(...parts(value))).body;
		const artifactKey = `datasets/${id}`;
		await api.app.prisma.job.update({ where: { id }, data: { state: "SUCCEEDED", finishedAt: new Date() } });
		await api.app.prisma.dataset.update({ where: { id }, data: { artifactKey, splitDigest: "s" } });
		return { id, artifactKey };
	}

	test("takes rows, staged files and what the import made; the same bytes can come again", async () => {
		const { id, artifactKey } = await imported("gone");
		expect((await api.call("DELETE", `/datasets/${id}`)).status).toBe(204);
		expect(api.trainer.deleted).toContain(artifactKey);
		expect(await strays()).toEqual([]);
		expect(await api.app.prisma.job.findUnique({ where: { id } })).toBeNull();
		expect((await api.call("DELETE", `/datasets/${id}`)).status).toBe(404);
		expect((await upload(...parts("gone"))).status).toBe(202);
	});

	test("a failed one goes, too", async () => {
		const { id } = (await upload(...parts("failed"))).body;
		await api.app.prisma.job.update({ where: { id }, data: { state: "FAILED", finishedAt: new Date() } });
		expect((await api.call("DELETE", `/datasets/${id}`)).status).toBe(204);
		expect(await strays()).toEqual([]);
	});

	test("refuses while it is imported or an experiment is on it", async () => {
		const open = (await upload(...parts("open"))).body;
		const first = await api.call("DELETE", `/datasets/${open.id}`);
		expect([first.status, first.body.detail]).toEqual([409, "Its import is QUEUED; cancel it first."]);
		const { id } = await imported("used");
		const experiment = await api.experiment(["SUCCEEDED"], { dataset: id });
		const second = await api.call("DELETE", `/datasets/${id}`);
		expect([second.status, second.body.detail]).toEqual([409, "1 experiment is on it; delete that first."]);
		expect((await api.call("DELETE", `/experiments/${experiment.id}`)).status).toBe(204);
		expect((await api.call("DELETE", `/datasets/${id}`)).status).toBe(204);
	});

	test("an experiment whose rows are being written keeps its dataset", async () => {
		const { id } = await imported("held");
		let commit = () => {};
		const told = new Promise<void>((resolve) => {
			commit = resolve;
		});
		const launched = api.app.prisma.$transaction(async (tx) => {
			const spec = { maskTest: "train", cutoffs: [20], protocolHash: "h", spec: {} };
			await tx.experiment.create({ data: { id: randomUUID(), name: "held", datasetId: id, ...spec } });
			await told;
		});
		await sleep(200);
		const deleted = api.call("DELETE", `/datasets/${id}`);
		await sleep(500);
		commit();
		await launched;
		const { status, body } = await deleted;
		expect([status, body.detail]).toEqual([409, "An experiment on it has just been launched."]);
		expect((await api.call("GET", `/datasets/${id}`)).status).toBe(200);
	});

	test("an experiment launched at the same moment is whole, or refused", async () => {
		for (let round = 0; round < 8; round += 1) {
			const { id } = await imported(`race ${round}`);
			const [launched, deleted] = await Promise.all([
				api.call("POST", "/experiments", { dataset: id, models: [{ model: "popularity" }] }),
				api.call("DELETE", `/datasets/${id}`),
			]);
			const outcome = [launched.status, deleted.status];
			expect([
				[202, 409],
				[422, 204],
			]).toContainEqual(outcome);
		}
	});
});

const file = ["interactions", ROWS, "a.csv"] as Parts[number];
const withRule = (rule: string): Parts => [["name", "x"], ["rule", rule], file];
test.each<[string, string, Parts]>([
	["no name", "/name", [file]],
	["an empty name", "/name", [["name", ""], file]],
	["a long name", "/name", [["name", "n".repeat(201)], file]],
	["a NUL in the name", "/name", [["name", "a\u0000b"], file]],
	["two names", "/name", [["name", "a"], ["name", "b"], file]],
	["two rules", "/rule", [["name", "a"], ["rule", "{}"], ["rule", "{}"], file]],
	["an unknown field", "/nmae", [["nmae", "a"], file]],
	[
		"an unknown file",
		"/data",
		[
			["name", "a"],
			["data", ROWS, "a.csv"],
		],
	],
	["a rule that is no JSON", "/rule", withRule("{")],
	["a rule that is no object", "/rule", withRule("[]")],
	["an unknown rule", "/rule/minratin", withRule('{"minratin": 3}')],
	["an unknown column", "/rule/columns/users", withRule('{"columns": {"users": "u"}}')],
	["a prototype in the rule", "/rule/__proto__", withRule('{"__proto__": {"kCore": 2}}')],
	["a number as text", "/rule/kCore", withRule('{"kCore": "5"}')],
	["a number that is none", "/rule/minRating", withRule('{"minRating": 1e999}')],
	[
		"ratios that do not sum to 1",
		"/rule/split/ratios",
		withRule('{"split": {"kind": "ratio", "ratios": [0.8, 0.1, 0.2]}}'),
	],
	["no part for the test", "/rule/split/ratios", withRule('{"split": {"kind": "ratio", "ratios": [0.9, 0.1, 0]}}')],
	["a given split without parts", "/rule/split/kind", withRule('{"split": {"kind": "given"}}')],
	[
		"a ratio split of parts",
		"/rule/split/kind",
		[
			["name", "a"],
			["rule", '{"split": {"kind": "ratio"}}'],
			["train", "a", "a"],
			["test", "b", "b"],
		],
	],
	[
		"a seed for parts",
		"/rule/split",
		[
			["name", "a"],
			["rule", '{"split": {"kind": "given", "seed": 1}}'],
			["train", "a", "a"],
			["test", "b", "b"],
		],
	],
	[
		"a core of given parts",
		"/rule/kCore",
		[
			["name", "a"],
			["rule", '{"kCore": 2}'],
			["train", "a", "a"],
			["test", "b", "b"],
		],
	],
	["no file at all", "/interactions", [["name", "a"]]],
	[
		"only titles",
		"/interactions",
		[
			["name", "a"],
			["items", "a", "a"],
		],
	],
	["interactions beside parts", "/interactions", [["name", "a"], file, ["train", "a", "a"], ["test", "b", "b"]]],
	[
		"no test part",
		"/test",
		[
			["name", "a"],
			["train", "a", "a"],
			["valid", "b", "b"],
		],
	],
	[
		"no train part",
		"/train",
		[
			["name", "a"],
			["test", "a", "a"],
		],
	],
	[
		"two train parts",
		"/train",
		[
			["name", "a"],
			["train", "a", "a"],
			["train", "c", "c"],
			["test", "b", "b"],
		],
	],
	["two files of titles", "/items", [["name", "a"], file, ["items", "a", "a"], ["items", "b", "b"]]],
])("refuses %s, naming %s, and keeps nothing", async (_, pointer, parts) => {
	const before = await api.app.prisma.dataset.count();
	const { status, body } = await upload(...parts);
	expect([status, body.code, body.errors?.[0]?.pointer]).toEqual([400, "invalid_request", pointer]);
	expect(await api.app.prisma.dataset.count()).toBe(before);
	expect(await strays()).toEqual([]);
});

test("a rule may say that it is JSON", async () => {
	const boundary = "b0undary";
	const part = (head: string, text: string) =>
		`--${boundary}\r\nContent-Disposition: form-data; ${head}\r\n\r\n${text}\r\n`;
	const payload =
		part('name="name"', "typed") +
		part('name="rule"\r\nContent-Type: application/json', '{"kCore": 3}') +
		part('name="interactions"; filename="a.csv"', ROWS) +
		`--${boundary}--\r\n`;
	const { status, body } = await api.call("POST", "/datasets", payload, {
		"content-type": `multipart/form-data; boundary=${boundary}`,
	});
	expect([status, body.rule?.kCore]).toEqual([202, 3]);
});

test("a file over the limit is refused and leaves nothing", async () => {
	const { status, body } = await upload(
		["name", "big"],
		["interactions", ROWS, "a"],
		["items", new Uint8Array(16_000_001), "b"],
	);
	expect([status, body.code]).toEqual([413, "body_too_large"]);
	expect(await strays()).toEqual([]);
});

test("too many files or fields are refused", async () => {
	const files = Array.from({ length: 21 }, (_, i) => ["interactions", `${i}`, `${i}`] as Parts[number]);
	expect((await upload(["name", "many"], ...files)).status).toBe(413);
	const fields = Array.from({ length: 12 }, () => ["name", "n"] as Parts[number]);
	expect((await upload(...fields)).status).toBeGreaterThanOrEqual(400);
	expect(await strays()).toEqual([]);
});

test("takes nothing but multipart", async () => {
	for (const [payload, type] of [
		["{}", "application/json"],
		["a,b", "text/csv"],
		["a,b", "text/plain"],
	]) {
		const { status, body } = await api.call("POST", "/datasets", payload, { "content-type": type as string });
		expect([status, body.code]).toEqual([415, "unsupported_media_type"]);
	}
	const broken = await api.call("POST", "/datasets", "--x\r\nnonsense", {
		"content-type": "multipart/form-data; boundary=x",
	});
	expect([broken.status, broken.body.code]).toEqual([400, "invalid_request"]);
});

test("what the trainer refuses is answered with its code", async () => {
	api.trainer.refuseUploads = refusal("RESOURCE_EXHAUSTED", "storage_full", "/secret/path is full");
	const full = await upload(["name", "full"], ["interactions", ROWS, "a.csv"]);
	expect([full.status, full.body.code]).toEqual([507, "storage_full"]);
	expect(JSON.stringify(full.body)).not.toContain("secret");
	api.trainer.refuseUploads = refusal("UNAVAILABLE", "busy", "8 uploads are under way");
	const busy = await upload(["name", "busy"], ["interactions", ROWS, "a.csv"]);
	expect([busy.status, busy.body.code, busy.headers["retry-after"]]).toEqual([503, "busy", "2"]);
	api.trainer.refuseUploads = refusal("UNAVAILABLE", "", "");
	const away = await upload(["name", "away"], ["interactions", ROWS, "a.csv"]);
	expect([away.status, away.body.code, away.headers["retry-after"]]).toEqual([503, "unavailable", "2"]);
});

test("the list pages and filters by state", async () => {
	const ids = [await api.dataset("RUNNING"), await api.dataset("RUNNING"), await api.dataset("RUNNING")].reverse();
	const first = (await api.call("GET", "/datasets?state=RUNNING&limit=2")).body;
	const second = (await api.call("GET", `/datasets?state=RUNNING&limit=2&cursor=${first.nextCursor}`)).body;
	expect([...first.items, ...second.items].map((item: { id: string }) => item.id)).toEqual(ids);
	expect(second.nextCursor).toBeNull();
});

test("shows progress, statistics and problems as the worker left them", async () => {
	const id = await api.dataset("RUNNING");
	const progress = { stage: "parsing", fraction: 0.5, rowsRead: 10 };
	await api.app.prisma.jobEvent.create({ data: { jobId: id, seq: 2, type: "progress", data: progress } });
	expect((await api.call("GET", `/datasets/${id}`)).body.progress).toEqual(progress);
	const bins = [{ low: 1, high: 1, count: 3 }];
	const counts = {
		users: 1,
		items: 2,
		interactions: 3,
		train: 1,
		valid: 1,
		test: 1,
		density: 0.5,
		duplicatesMerged: 0,
		rowsSkipped: 0,
	};
	const statistics = {
		...counts,
		belowThreshold: 0,
		coldDropped: 0,
		titledItems: 2,
		userDegrees: bins,
		itemDegrees: bins,
		problemsTotal: 7,
	};
	const problems = [{ code: "empty_id", file: "a.csv", line: 3, column: "user", message: "the id is empty" }];
	await api.app.prisma.dataset.update({ where: { id }, data: { statistics, problems } });
	await api.app.prisma.job.update({ where: { id }, data: { state: "SUCCEEDED" } });
	expect((await api.call("GET", `/datasets/${id}`)).body).toMatchObject({
		progress: null,
		statistics: counts,
		problems,
		problemsTotal: 7,
	});
});

describe("over a socket", () => {
	let port: number;
	beforeAll(async () => {
		port = Number(new URL(await api.app.listen({ port: 0, host: "127.0.0.1" })).port);
	});
	const open = () => {
		const socket = connect(port, "127.0.0.1");
		socket.on("error", () => undefined);
		const head = [
			"POST /datasets HTTP/1.1",
			"Host: localhost",
			"Content-Type: multipart/form-data; boundary=b",
			"Content-Length: 15900000",
		];
		socket.write(`${head.join("\r\n")}\r\n\r\n--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nx\r\n`);
		socket.write(`--b\r\nContent-Disposition: form-data; name="interactions"; filename="a"\r\n\r\n`);
		return socket;
	};

	test("a client that goes away mid-file leaves nothing", async () => {
		const before = api.trainer.received;
		const socket = open();
		socket.write(Buffer.alloc(1_000_000, 97));
		while (api.trainer.received === before) await sleep(10);
		socket.destroy();
		await until("nothing staged is left", async () => (await strays()).length === 0, 20);
		expect((await api.call("GET", "/healthz")).status).toBe(200);
	});

	test("a trainer that does not read holds the client back: nothing is buffered whole", async () => {
		api.trainer.pause();
		const socket = open();
		for (let i = 0; i < 240; i++) socket.write(Buffer.alloc(64 * 1024, 97));
		// Until nothing more is read: sockets and HTTP/2 windows are full.
		for (let before = -1; before !== Math.max(...bytesRead()); await sleep(500)) before = Math.max(...bytesRead());
		// Sockets and HTTP/2 windows hold some megabytes themselves; what counts is that reading stops.
		expect(Math.max(...bytesRead())).toBeGreaterThan(100_000);
		expect(Math.max(...bytesRead())).toBeLessThan(6_000_000);
		socket.destroy();
		api.trainer.resume();
		await until("nothing staged is left", async () => (await strays()).length === 0, 20);
	});

	const bytesRead = () => {
		const handles = (
			process as unknown as { _getActiveHandles(): { bytesRead?: number; localPort?: number }[] }
		)._getActiveHandles();
		return handles.filter((handle) => handle.localPort === port).map((handle) => handle.bytesRead ?? 0);
	};
});
