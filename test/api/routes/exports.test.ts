// Exports as callers see them: asked for, listed, cancelled, deleted, and their files in whole and in part.
import { createHash, randomUUID } from "node:crypto";
import { get } from "node:http";
import type { AddressInfo } from "node:net";
import { startApi, type TestApi } from "../../support/api.js";
import { until } from "../../support/processes.js";

let api: TestApi;
let run: string;
let experiment: string;
beforeAll(async () => {
	api = await startApi();
	const { id, runs } = await api.experiment(["SUCCEEDED"]);
	[run] = runs as [string];
	experiment = id;
	await api.call("PUT", "/deployments/default", { checkpoint: await api.checkpoint(run) });
});
afterAll(() => api.close());

const ask = (body: object = { format: "csv" }, deployment = "default", headers = {}) =>
	api.call("POST", `/deployments/${deployment}/exports`, body, headers);

type State = "QUEUED" | "RUNNING" | "SUCCEEDED" | "FAILED" | "CANCELLED";
/** As the worker leaves it. */
async function becomes(id: string, state: State) {
	const finishedAt = ["QUEUED", "RUNNING"].includes(state) ? null : new Date();
	await api.app.prisma.job.update({ where: { id }, data: { state, finishedAt, startedAt: new Date() } });
}
const content = Buffer.from(Array.from({ length: 50_000 }, (_, index) => `line ${index}\n`).join(""));
const sha256 = createHash("sha256").update(content).digest("hex");
async function finished(format = "csv", bytes = content) {
	const { id } = (await ask({ format })).body as { id: string };
	const key = `exports/${id}`;
	api.trainer.exports.set(key, bytes);
	const result = {
		artifactKey: key,
		rows: 7,
		bytes: content.length,
		sha256,
		unknownUsers: 0,
		usersTotal: 7,
		usersDone: 7,
	};
	await api.app.prisma.export.update({ where: { id }, data: result });
	await becomes(id, "SUCCEEDED");
	return { id, key };
}

test("are queued jobs of what is deployed at the moment, and of what it hides", async () => {
	await api.app.prisma.deployment.update({ where: { name: "default" }, data: { hidden: ["item 1"] } });
	const { status, headers, body } = await ask({ n: 3, format: "ndjson", explain: true, users: ["b", "a", "é"] });
	expect([status, headers.location]).toEqual([202, `/exports/${body.id}`]);
	expect(body).toMatchObject({
		deployment: "default",
		checkpoint: { id: await api.checkpoint(run), runId: run, model: "valid", epoch: 2 },
		experiment: { id: experiment, name: "an experiment" },
		n: 3,
		format: "ndjson",
		explain: true,
		users: 3,
		unknownUsers: null,
		state: "QUEUED",
		error: null,
		progress: null,
		rows: null,
		bytes: null,
		sha256: null,
		hasFile: false,
		startedAt: null,
		finishedAt: null,
	});
	expect(await api.app.queue.knows({ kind: "export", id: body.id, lease: 0 })).toBe(true);
	await api.app.prisma.deployment.update({ where: { name: "default" }, data: { hidden: [] } });
	const row = await api.app.prisma.export.findUniqueOrThrow({ where: { id: body.id } });
	expect(row).toMatchObject({ users: ["b", "a", "é"], hidden: ["item 1"] });

	const all = (await ask({ format: "parquet" })).body;
	expect(all).toMatchObject({ n: 20, explain: false, users: null });
	await becomes(all.id, "RUNNING");
	await api.app.prisma.export.update({ where: { id: all.id }, data: { usersDone: 5, usersTotal: 9 } });
	expect((await api.call("GET", `/exports/${all.id}`)).body).toMatchObject({
		state: "RUNNING",
		progress: { done: 5, total: 9 },
	});
	expect(await api.app.prisma.export.findUniqueOrThrow({ where: { id: all.id } })).toMatchObject({ live: null });
	expect((await ask({ format: "csv" }, "nowhere")).body.code).toBe("not_found");
});

test("of a deployment with a feed the rows until now count, but for those that the dataset holds", async () => {
	const { prisma } = api.app;
	const checkpoint = await api.checkpoint(run);
	await api.call("PUT", "/feeds/shop");
	await api.call("PUT", "/deployments/fed", { checkpoint, feed: "shop" });
	const liveOf = async () => {
		const { id } = (await ask({ format: "csv" }, "fed")).body;
		return (await prisma.export.findUniqueOrThrow({ where: { id } })).live;
	};
	const { id: feed } = await prisma.feed.findUniqueOrThrow({ where: { name: "shop" } });
	expect(await liveOf()).toEqual({ feed, since: 0, upTo: 0 });
	const rows = ["a", "b"].map((item) => ({ user: "u", item }));
	await api.call("POST", "/feeds/shop/interactions", rows);
	const { seq } = await prisma.feedInteraction.findFirstOrThrow({ orderBy: { seq: "desc" } });
	expect(await liveOf()).toEqual({ feed, since: 0, upTo: Number(seq) });
	const snapshot = { name: "shop", at: new Date().toISOString(), rows: 1, upTo: Number(seq) - 1 };
	const { datasetId } = await prisma.run.findUniqueOrThrow({ where: { id: run } });
	await prisma.dataset.update({ where: { id: datasetId }, data: { feed: snapshot } });
	expect(await liveOf()).toEqual({ feed, since: Number(seq) - 1, upTo: Number(seq) });
	await prisma.dataset.update({ where: { id: datasetId }, data: { feed: { ...snapshot, name: "another" } } });
	expect(await liveOf()).toEqual({ feed, since: 0, upTo: Number(seq) });
});

test("a hundred thousand ids of the largest size are taken", async () => {
	const users = Array.from({ length: 100_000 }, (_, index) => String(index).padStart(512, "x"));
	const { status, body } = await ask({ format: "csv", users });
	expect([status, body.users]).toEqual([202, 100_000]);
});

test("the same Idempotency-Key and body export once; for another deployment they are another request", async () => {
	await api.call("PUT", "/deployments/other", { checkpoint: await api.checkpoint(run) });
	const key = { "idempotency-key": "k" };
	const first = await ask({ format: "csv" }, "default", key);
	const again = await ask({ format: "csv" }, "default", key);
	expect([again.status, again.body, again.headers["idempotent-replayed"]]).toEqual([202, first.body, "true"]);
	expect((await ask({ format: "ndjson" }, "default", key)).body.code).toBe("idempotency_mismatch");
	expect((await ask({ format: "csv" }, "other", key)).body.deployment).toBe("other");
	await becomes(first.body.id, "CANCELLED");
	expect((await api.call("DELETE", `/exports/${first.body.id}`)).status).toBe(204);
	// The answer is forgotten with what it speaks of.
	expect((await ask({ format: "csv" }, "default", key)).body.id).not.toBe(first.body.id);
});

test("lists are newest first, page by page, of all deployments or of one", async () => {
	const one = (await ask({ format: "csv" }, "other")).body.id;
	const two = (await ask({ format: "csv" }, "default")).body.id;
	const three = (await ask({ format: "csv" }, "other")).body.id;
	const first = (await api.call("GET", "/exports?limit=2")).body;
	expect(first.items.map(({ id }: { id: string }) => id)).toEqual([three, two]);
	const second = (await api.call("GET", `/exports?limit=2&cursor=${first.nextCursor}`)).body;
	expect(second.items[0].id).toBe(one);
	const others = (await api.call("GET", "/exports?deployment=other")).body;
	expect(others.items.map(({ id }: { id: string }) => id).slice(0, 2)).toEqual([three, one]);
	expect(new Set(others.items.map(({ deployment }: { deployment: string }) => deployment))).toEqual(new Set(["other"]));
	expect((await api.call("GET", "/exports?deployment=never-there")).body).toEqual({ items: [], nextCursor: null });
});

test("an export is cancelled once; only a final one is deleted, with its file", async () => {
	const { id } = (await ask()).body;
	const early = await api.call("DELETE", `/exports/${id}`);
	expect([early.status, early.body.detail]).toEqual([409, "The export is QUEUED; cancel it first."]);
	const { status, body } = await api.call("POST", `/exports/${id}/cancel`);
	expect([status, body.state]).toEqual([202, "CANCELLED"]);
	expect((await api.call("POST", `/exports/${id}/cancel`)).body.code).toBe("conflict");
	const other = await finished();
	for (const one of [id, other.id]) {
		expect((await api.call("DELETE", `/exports/${one}`)).status).toBe(204);
		expect((await api.call("GET", `/exports/${one}`)).status).toBe(404);
		expect(api.trainer.deleted).toContain(`exports/${one}`);
	}
	expect(await api.app.prisma.job.count({ where: { id: { in: [id, other.id] } } })).toBe(0);
});

describe("the file", () => {
	const fileOf = (id: string, headers: Record<string, string> = {}, method: "GET" | "HEAD" = "GET") =>
		api.app.inject({ method, url: `/exports/${id}/file`, headers });

	test.each([
		["ndjson", "application/x-ndjson; charset=utf-8"],
		["csv", "text/csv; charset=utf-8; header=present"],
		["parquet", "application/vnd.apache.parquet"],
	])("of %s comes whole, with its type, length, name and sha256", async (format, type) => {
		const { id } = await finished(format);
		expect((await api.call("GET", `/exports/${id}`)).body).toMatchObject({ hasFile: true, rows: 7, sha256 });
		const { statusCode, headers, rawPayload } = await fileOf(id);
		expect(statusCode).toBe(200);
		expect(rawPayload.equals(content)).toBe(true);
		const day = new Date().toISOString().slice(0, 10);
		const told = {
			"content-type": type,
			"content-length": String(content.length),
			"content-disposition": `attachment; filename="default-${day}-${id.slice(0, 8)}.${format}"`,
			etag: `"${sha256}"`,
			"accept-ranges": "bytes",
			"cache-control": "private, no-cache",
			"x-content-type-options": "nosniff",
		};
		expect(headers).toMatchObject(told);
		const head = await fileOf(id, {}, "HEAD");
		expect([head.statusCode, head.rawPayload.length]).toEqual([200, 0]);
		expect(head.headers).toMatchObject(told);
	});

	test("that one has already is not sent again", async () => {
		const { id } = await finished();
		const before = api.trainer.reads.length;
		for (const tags of [`"${sha256}"`, `"x", "${sha256}"`, "*"]) {
			for (const method of ["GET", "HEAD"] as const) {
				const { statusCode, headers, rawPayload } = await fileOf(id, { "if-none-match": tags }, method);
				expect([statusCode, headers.etag, rawPayload.length]).toEqual([304, `"${sha256}"`, 0]);
			}
		}
		expect(api.trainer.reads.length).toBe(before);
		expect((await fileOf(id, { "if-none-match": '"x"' })).statusCode).toBe(200);
	});

	test("comes in ranges", async () => {
		const { id } = await finished();
		const size = content.length;
		const ranges: [string, number, number][] = [
			["bytes=0-0", 0, 1],
			["bytes=10-99999", 10, 100_000],
			[`bytes=${size - 5}-`, size - 5, size],
			["bytes=-7", size - 7, size],
			[`bytes=-${size + 1}`, 0, size],
			[`bytes=70000-${size + 100}`, 70_000, size],
		];
		for (const [range, from, to] of ranges) {
			const { statusCode, headers, rawPayload } = await fileOf(id, { range });
			expect([range, statusCode, headers["content-range"], headers["content-length"]]).toEqual([
				range,
				206,
				`bytes ${from}-${to - 1}/${size}`,
				String(to - from),
			]);
			expect(rawPayload.equals(content.subarray(from, to))).toBe(true);
		}
		for (const range of [`bytes=${size}-`, "bytes=9-5", "bytes=-0"]) {
			const { statusCode, headers, body } = await fileOf(id, { range });
			expect([range, statusCode, JSON.parse(body).code]).toEqual([range, 416, "range_not_satisfiable"]);
			expect(headers["content-range"]).toBe(`bytes */${size}`);
			expect(headers["content-disposition"]).toBeUndefined();
		}
		// Several, another unit, or a file that has changed meanwhile: the whole.
		const whole = [{ range: "bytes=0-1,5-6" }, { range: "lines=0-1" }, { range: "bytes=0-1", "if-range": '"x"' }];
		for (const headers of whole) expect((await fileOf(id, headers as Record<string, string>)).statusCode).toBe(200);
		expect((await fileOf(id, { range: "bytes=0-1", "if-range": `"${sha256}"` })).statusCode).toBe(206);
	});

	test("is there only once the export has succeeded", async () => {
		const { id } = (await ask()).body;
		for (const state of ["QUEUED", "RUNNING", "FAILED", "CANCELLED"] as const) {
			await becomes(id, state);
			const { statusCode, body } = await fileOf(id);
			expect([statusCode, JSON.parse(body).detail]).toEqual([409, `The export is ${state}; it has no file.`]);
		}
	});

	test("that is gone says so, and so does its export from then on", async () => {
		const { id, key } = await finished();
		api.trainer.exports.delete(key);
		for (let time = 0; time < 2; time++) {
			const { statusCode, body } = await fileOf(id);
			expect([statusCode, JSON.parse(body)]).toEqual([410, expect.objectContaining({ code: "export_gone" })]);
			expect((await api.call("GET", `/exports/${id}`)).body).toMatchObject({ state: "SUCCEEDED", hasFile: false });
		}
	});

	test("that is damaged ends before its end", async () => {
		const damaged = Buffer.from(content);
		damaged.writeUInt8(damaged.readUInt8(20_000) ^ 1, 20_000);
		const { id } = await finished("csv", damaged);
		const port = await listening();
		const received = await new Promise<{ bytes: number; isWhole: boolean }>((resolve, reject) => {
			get({ port, path: `/exports/${id}/file` }, (response) => {
				let bytes = 0;
				response.on("data", (chunk) => {
					bytes += chunk.length;
				});
				response.on("error", () => undefined);
				response.on("close", () => resolve({ bytes, isWhole: response.complete }));
			}).on("error", reject);
		});
		expect(received.isWhole).toBe(false);
		expect(received.bytes).toBeLessThan(content.length);
	});

	test("is read no faster than it is taken, and no further than it is wanted", async () => {
		const large = Buffer.alloc(64 << 20, "x");
		const { id } = await finished("csv", large);
		const data = { bytes: large.length, sha256: createHash("sha256").update(large).digest("hex") };
		await api.app.prisma.export.update({ where: { id }, data });
		const port = await listening();
		const before = api.trainer.reads.length;
		const response = await new Promise<import("node:http").IncomingMessage>((resolve, reject) => {
			get({ port, path: `/exports/${id}/file` }, resolve).on("error", reject);
		});
		response.pause();
		const read = await until("it is read", () => api.trainer.reads[before]);
		let sent = -1;
		await until("reading stops", async () => {
			const isStill = read.sent === sent;
			sent = read.sent;
			await new Promise((resolve) => setTimeout(resolve, 300));
			return isStill;
		});
		expect(sent).toBeLessThan(large.length / 2);
		response.destroy();
		await until("the call is cancelled", () => read.isCancelled);
	});

	let port = 0;
	async function listening(): Promise<number> {
		if (port === 0) await api.app.listen({ port: 0, host: "127.0.0.1" });
		port = (api.app.server.address() as AddressInfo).port;
		return port;
	}
});

describe("when what an export came from is deleted", () => {
	async function deployed(name: string) {
		const { id, runs } = await api.experiment(["SUCCEEDED"]);
		const checkpoint = await api.checkpoint(runs[0] as string);
		await api.call("PUT", `/deployments/${name}`, { checkpoint });
		return { id, checkpoint };
	}

	test("the deployment: exports stay, with its name, and go on", async () => {
		await deployed("short-lived");
		const { id } = (await ask({ format: "csv" }, "short-lived")).body;
		await api.call("DELETE", "/deployments/short-lived");
		expect((await api.call("GET", `/exports/${id}`)).body).toMatchObject({
			deployment: "short-lived",
			state: "QUEUED",
		});
		expect((await api.call("GET", "/exports?deployment=short-lived")).body.items).toHaveLength(1);
	});

	test("the experiment: open ones hold it back, final ones go along with their files and their users", async () => {
		const { id: of } = await deployed("doomed");
		const { id } = (await ask({ format: "csv", users: ["somebody"] }, "doomed")).body;
		await api.call("DELETE", "/deployments/doomed");
		const refused = await api.call("DELETE", `/experiments/${of}`);
		expect([refused.status, refused.body.detail]).toEqual([
			409,
			'1 export is not final: of the deployment "doomed". Cancel what is under way first.',
		]);
		await api.call("POST", `/exports/${id}/cancel`);
		expect((await api.call("DELETE", `/experiments/${of}`)).status).toBe(204);
		expect((await api.call("GET", `/exports/${id}`)).status).toBe(404);
		expect(api.trainer.deleted).toContain(`exports/${id}`);
		expect(await api.app.prisma.job.count({ where: { id } })).toBe(0);
	});

	test("the checkpoint, by a keep rule: not while an export is under way; afterwards the export keeps its epoch", async () => {
		const { id: of, checkpoint } = await deployed("ruled");
		const { id } = (await ask({ format: "csv" }, "ruled")).body;
		await api.call("DELETE", "/deployments/ruled");
		await api.app.prisma.experiment.update({ where: { id: of }, data: { keepRuns: 0 } });
		const isThere = async () => (await api.app.prisma.checkpoint.count({ where: { id: checkpoint } })) === 1;
		for (const state of ["QUEUED", "RUNNING"] as const) {
			await becomes(id, state);
			await api.app.keep.sweep();
			expect(await isThere()).toBe(true);
		}
		await becomes(id, "SUCCEEDED");
		await api.app.keep.sweep();
		expect(await isThere()).toBe(false);
		expect((await api.call("GET", `/exports/${id}`)).body.checkpoint).toMatchObject({ id: null, epoch: 2 });
	});

	test("at the same moment: it is refused, or the export is", async () => {
		for (let round = 0; round < 4; round++) {
			const name = `race-${round}`;
			const { id: of } = await deployed(name);
			const [asked] = await Promise.all([ask({ format: "csv" }, name), api.call("DELETE", `/deployments/${name}`)]);
			expect([202, 404]).toContain(asked.status);
			const [again, deleted] = await Promise.all([
				asked.status === 202 ? api.call("POST", `/exports/${asked.body.id}/cancel`) : null,
				api.call("DELETE", `/experiments/${of}`),
			]);
			expect([202, 404, undefined]).toContain(again?.status);
			expect([204, 409]).toContain(deleted.status);
		}
		expect(await api.app.prisma.job.count({ where: { kind: "export", export: null } })).toBe(0);
	});
});

test.each(["GET /exports/:id", "GET /exports/:id/file", "POST /exports/:id/cancel", "DELETE /exports/:id"])(
	"%s answers 404 for an id that is not there",
	async (route) => {
		const [method, url] = route.split(" ") as ["GET", string];
		for (const id of [randomUUID(), await api.dataset(), run]) {
			const { status, body } = await api.call(method, url.replace(":id", id));
			expect([status, body.code]).toEqual([404, "not_found"]);
		}
	},
);
