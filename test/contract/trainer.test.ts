// The real Python trainer behind the api's own client: error codes, uploads, cancellation, deadlines.
import { createHash } from "node:crypto";
import {
	closeSync,
	existsSync,
	mkdirSync,
	openSync,
	readdirSync,
	readFileSync,
	writeFileSync,
	writeSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import type { Disk } from "../../services/api/src/generated/proto/trainer/v1/trainer.js";
import { RemoteError } from "../../services/api/src/grpc.js";
import { freePort } from "../../services/supervisor/src/ports.js";
import { type Process, trainerChildren, until } from "../support/processes.js";
import { connectTrainer, startRealTrainer } from "../support/real-trainer.js";

const NOBODY = "00000000-0000-4000-8000-000000000000";
const MIB = 2 ** 20;

jest.setTimeout(120_000);
let started: Awaited<ReturnType<typeof startRealTrainer>>;
let app: FastifyInstance;
let server: Process;
let artifacts: string;
beforeAll(async () => {
	started = await startRealTrainer({ MAX_UPLOAD_BYTES: String(160 * MIB) });
	({ app, server, artifacts } = started);
});
afterAll(() => started?.stop());

test("what lies on its disk, with sizes and the room that is left", async () => {
	const { uploadKey } = await app.trainer.uploadFile(Readable.from([Buffer.alloc(12_345)]));
	const found = [];
	let disk: Disk | undefined;
	for await (const some of app.trainer.listArtifacts(AbortSignal.timeout(10_000))) {
		found.push(...some.artifacts);
		disk ??= some.disk;
	}
	const upload = found.find(({ key }) => key === uploadKey);
	expect(upload).toMatchObject({ shape: "upload", bytes: 12_345 });
	expect(Math.abs(Date.now() - (upload?.changedMs ?? 0))).toBeLessThan(60_000);
	expect(disk?.freeBytes).toBeGreaterThan(0);
	expect(disk?.totalBytes).toBeGreaterThan(disk?.freeBytes ?? 0);
	await app.trainer.deleteArtifacts([uploadKey]);
});

/** Counts while the trainer adds and removes: a folder that goes as we look holds nothing. */
function stagedFiles(): number {
	const filesOf = (folder: string) => {
		try {
			return readdirSync(join(artifacts, "uploads", folder)).length;
		} catch {
			return 0;
		}
	};
	return readdirSync(join(artifacts, "uploads")).reduce((sum, folder) => sum + filesOf(folder), 0);
}

async function* chunks(count: number, size = MIB): AsyncGenerator<Uint8Array> {
	for (let index = 0; index < count; index++) yield Buffer.alloc(size, index % 251);
}

/** Peak resident memory of a process, in MiB. */
const peakOf = (pid: number) => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;

const run = {
	runId: NOBODY,
	lease: 1,
	model: "popularity",
	configJson: "{}",
	datasetKey: `datasets/${"0".repeat(64)}`,
};
const request = {
	...run,
	seed: 1,
	protocol: { maskTest: "train", cutoffs: [20], metrics: [] },
	resumeFrom: undefined,
	device: "cpu",
	refit: undefined,
	processes: 1,
	allowOtherWorldSize: false,
};

async function drain(stream: AsyncIterable<unknown>): Promise<unknown[]> {
	const messages = [];
	for await (const message of stream) messages.push(message);
	return messages;
}

test("the catalogue is answered with all that the trainer says of each configuration", async () => {
	const { models } = await app.trainer.listModels();
	expect(models.map(({ name }) => name)).toEqual(expect.arrayContaining(["macridvae", "popularity", "valid"]));
	const said = models.map(({ configSchemaJson, ...model }) => ({
		...model,
		configSchema: JSON.parse(configSchemaJson),
	}));
	expect((await app.inject("/models")).json()).toEqual({ items: said });
	for (const { configSchema } of said) expect(configSchema).toMatchObject({ type: "object", title: expect.anything() });
});

test("a rule between two fields is a problem of the configuration that breaks it", async () => {
	const problems = await app.trainer.checkConfigurations([
		{ model: "valid", configJson: '{"r": 2}' },
		{ model: "valid", configJson: '{"implicit_differentiation": "one_step", "r": 1}' },
		{ model: "valid", configJson: '{"k": 0}' },
		{ model: "nothing", configJson: "{}" },
	]);
	expect(problems.map(({ position, field }) => [position, field])).toEqual([
		[1, ""],
		[2, "k"],
		[3, "model"],
	]);
	expect(problems[0]?.message).toBe("valid: implicit_differentiation one_step needs r of at least 2");
});

test("a configuration that is too large for a dataset is told before anything runs", async () => {
	const large = [{ model: "valiant", configJson: '{"linear": "ease"}' }];
	expect(await app.trainer.checkConfigurations(large)).toEqual([]);
	expect(await app.trainer.checkConfigurations(large, { users: 5_551, items: 16_945 })).toEqual([]);
	expect(await app.trainer.checkConfigurations(large, { users: 20_000, items: 50_000 })).toMatchObject([
		{ position: 0, field: "linear", message: expect.stringContaining("ease takes 1.5 GiB on the disk") },
	]);
});

test.each([
	["dataset_missing", {}],
	["unknown_model", { model: "nothing" }],
	["bad_configuration", { model: "valid", configJson: '{"k": 0}' }],
	["invalid_request", { processes: 17 }],
	["invalid_request", { model: "ease", processes: 2 }],
])("%s arrives as a code", async (code, changed) => {
	const error = await drain(app.trainer.train({ ...request, ...changed }, new AbortController().signal)).catch(
		(e) => e,
	);
	expect(error).toBeInstanceOf(RemoteError);
	expect(error.code).toBe(code);
	expect(error.message).not.toMatch(/Traceback|File "/);
});

test("checkpoint_missing arrives as a code", async () => {
	const checkpoint = { key: `runs/${NOBODY}/epoch-00001`, sha256: "0".repeat(64) };
	const protocol = { maskTest: "train", cutoffs: [20], metrics: [] };
	const asked = { evaluationId: NOBODY, checkpoint, split: "test", protocol, device: "cpu", datasetKey: "" };
	const evaluating = drain(app.trainer.evaluate(asked, new AbortController().signal));
	await expect(evaluating).rejects.toMatchObject({ code: "checkpoint_missing" });
});

test("codes and fields of exports arrive", async () => {
	const checkpoint = { key: `runs/${NOBODY}/epoch-00001`, sha256: "0".repeat(64) };
	const asked = {
		exportId: NOBODY,
		lease: 1,
		checkpoint,
		n: 5,
		format: "csv",
		explain: false,
		users: [],
		hidden: [],
		device: "cpu",
		live: undefined,
		erased: [],
	};
	const exporting = (changed: object) =>
		drain(app.trainer.export({ ...asked, ...changed }, new AbortController().signal));
	await expect(exporting({})).rejects.toMatchObject({ code: "checkpoint_missing", field: "checkpoint.key" });
	await expect(exporting({ n: 0 })).rejects.toMatchObject({ code: "invalid_request", field: "n" });
	const live = { uploadKey: `uploads/${NOBODY}`, sha256: "0".repeat(64) };
	await expect(exporting({ live })).rejects.toMatchObject({ code: "upload_missing" });
	await expect(exporting({ format: "xml" })).rejects.toMatchObject({ code: "invalid_request", field: "format" });
	const reading = drain(app.trainer.readExport(`exports/${NOBODY}`, 0, new AbortController().signal));
	await expect(reading).rejects.toMatchObject({ code: "export_gone" });
});

test("150 MB come down in bounded memory, from any place, and no faster than they are taken", async () => {
	const key = `exports/${NOBODY}`;
	const folder = join(artifacts, key);
	mkdirSync(folder, { recursive: true });
	const hash = createHash("sha256");
	const file = openSync(join(folder, "data"), "w");
	for await (const chunk of chunks(150)) {
		hash.update(chunk);
		writeSync(file, chunk);
	}
	closeSync(file);
	writeFileSync(join(folder, "manifest.json"), JSON.stringify({ bytes: 150 * MIB }));
	const [ours, theirs] = [process.memoryUsage().rss / MIB, peakOf(server.pid)];
	const received = createHash("sha256");
	let isFirst = true;
	for await (const { chunk } of app.trainer.readExport(key, 0, new AbortController().signal)) {
		received.update(chunk);
		if (isFirst) await new Promise((resolve) => setTimeout(resolve, 2_000)); // what is sent meanwhile is held somewhere
		isFirst = false;
	}
	expect(received.digest("hex")).toBe(hash.digest("hex"));
	expect(peakOf(server.pid) - theirs).toBeLessThan(50);
	expect(process.memoryUsage().rss / MIB - ours).toBeLessThan(100);
	let left = 0;
	for await (const { chunk } of app.trainer.readExport(key, 150 * MIB - 3, new AbortController().signal))
		left += chunk.length;
	expect(left).toBe(3);
	const stop = new AbortController();
	const reading = app.trainer.readExport(key, 0, stop.signal);
	await reading.next();
	stop.abort();
	await expect(drain(reading)).rejects.toMatchObject({ code: "cancelled" });
	await app.trainer.deleteArtifacts([key]);
	expect(existsSync(folder)).toBe(false);
});

test("150 MB go up in bounded memory, and what is staged is what was sent", async () => {
	const { uploadKey: first } = await app.trainer.uploadFile(chunks(1));
	const [ours, theirs] = [process.memoryUsage().rss / MIB, peakOf(server.pid)];
	const hash = createHash("sha256");
	async function* hashed() {
		for await (const chunk of chunks(150)) {
			hash.update(chunk);
			yield chunk;
		}
	}
	const answer = await app.trainer.uploadFile(hashed());
	expect(answer).toMatchObject({ bytes: 150 * MIB, sha256: hash.digest("hex") });
	expect(peakOf(server.pid) - theirs).toBeLessThan(75);
	expect(process.memoryUsage().rss / MIB - ours).toBeLessThan(100);
	await app.trainer.deleteArtifacts([first, answer.uploadKey]);
});

test("staged files that are gone are named", async () => {
	const { uploadKey } = await app.trainer.uploadFile(chunks(1));
	const gone = `uploads/${NOBODY}`;
	expect(await app.trainer.missingUploads([uploadKey, gone])).toEqual([gone]);
	await app.trainer.deleteArtifacts([uploadKey]);
	expect(await app.trainer.missingUploads([uploadKey, gone])).toEqual([uploadKey, gone]);
});

test("a source is read no faster than the trainer takes it", async () => {
	const SENT = 150; // MiB: far more than the windows of HTTP/2, which grow with the uploads before, and sockets hold
	let read = 0;
	async function* counted() {
		for await (const chunk of chunks(SENT)) {
			read += 1;
			yield chunk;
		}
	}
	server.signal("SIGSTOP");
	const uploading = app.trainer.uploadFile(counted());
	try {
		// The windows of HTTP/2 and of the sockets fill up, then nothing more is read.
		let before = -1;
		await until("reading stops", async () => {
			const isStill = read === before;
			before = read;
			await new Promise((resolve) => setTimeout(resolve, 500));
			return isStill && read > 0;
		});
		expect(read).toBeLessThan(75);
	} finally {
		server.signal("SIGCONT");
		const { bytes, uploadKey } = await uploading;
		expect(bytes).toBe(SENT * MIB);
		await app.trainer.deleteArtifacts([uploadKey]);
	}
});

test("a source that fails leaves nothing staged", async () => {
	async function* broken() {
		yield* chunks(3);
		await until("the trainer has begun to write", () => stagedFiles() > 0, 30);
		throw new Error("the client is gone");
	}
	await expect(app.trainer.uploadFile(broken())).rejects.toThrow("the client is gone");
	// Cancelled before the trainer has begun: to gRPC's iterator such a call has ended like any other.
	async function* atOnce() {
		yield* chunks(3);
		throw new Error("the client is gone");
	}
	for (let time = 0; time < 20; time++) await app.trainer.uploadFile(atOnce()).catch(() => undefined);
	await until("nothing is staged", () => stagedFiles() === 0, 30);
});

test("an upload over the limit is refused with a code", async () => {
	await expect(app.trainer.uploadFile(chunks(170))).rejects.toMatchObject({ code: "upload_too_large" });
	await until("nothing is staged", () => stagedFiles() === 0, 30);
});

test("an aborted import ends the child", async () => {
	const lines = Buffer.from(Array.from({ length: 100_000 }, (_, index) => `u${index % 5_000}\ti${index}\n`).join(""));
	async function* file() {
		yield Buffer.from("user_id:token\titem_id:token\n");
		for (let copy = 0; copy < 30; copy++) yield lines;
	}
	const { uploadKey, sha256 } = await app.trainer.uploadFile(file());
	const stop = new AbortController();
	const files = [{ role: "interactions", uploadKey, displayName: "big.inter", sha256 }];
	const ruleJson = JSON.stringify({ split: { kind: "ratio", ratios: [0.8, 0.1, 0.1], seed: 1 } });
	const importing = drain(
		app.trainer.importDataset({ datasetId: NOBODY, files, ruleJson, digest: "1".repeat(64) }, stop.signal),
	);
	importing.catch(() => undefined);
	await until("the child works", () => trainerChildren(artifacts).length === 1, 10);
	stop.abort();
	await expect(importing).rejects.toMatchObject({ code: "cancelled" });
	await until("the child is gone", () => trainerChildren(artifacts).length === 0, 5);
});

test("a trainer that does not answer costs a caller its deadline, no more", async () => {
	// Takes connections and never says a word.
	const silent = createServer(() => undefined);
	const address = await new Promise<string>((resolve) =>
		silent.listen(0, "127.0.0.1", () => resolve(`127.0.0.1:${(silent.address() as { port: number }).port}`)),
	);
	const other = await connectTrainer(address, 500);
	try {
		const asked = Date.now();
		await expect(other.trainer.listModels()).rejects.toMatchObject({ code: "timeout" });
		expect(Date.now() - asked).toBeLessThan(5_000);
	} finally {
		await other.close();
		silent.close();
	}
});

test("a trainer that is not there is unavailable", async () => {
	const other = await connectTrainer(`127.0.0.1:${await freePort()}`);
	await expect(other.trainer.listModels()).rejects.toMatchObject({ code: "unavailable" });
	await other.close();
});
