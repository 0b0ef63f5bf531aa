// An export whose processes die one after the other ends with the bytes of one that nothing happened to.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { isFinal } from "../../services/api/src/plugins/jobs.js";
import { expectSound } from "../support/invariants.js";
import { until } from "../support/processes.js";
import { type Stack, startStack } from "../support/stack.js";

jest.setTimeout(240_000);
let stack: Stack;
beforeAll(async () => {
	stack = await startStack();
	const checkpoint = await stack.prisma.checkpoint.findFirstOrThrow({
		where: { runId: stack.undisturbed, isBest: true },
	});
	await stack.prisma.deployment.create({ data: { name: "default", checkpointId: checkpoint.id, hidden: ["i7"] } });
});
afterAll(() => stack?.stop());

const call = async (method: "GET" | "POST" | "DELETE", url: string, payload?: object) => {
	const reply = await stack.app.inject({ method, url, ...(payload && { payload }) });
	if (reply.statusCode >= 300) throw new Error(`${method} ${url}: ${reply.body}`);
	return reply.statusCode === 204 ? null : reply.json();
};
/** Several parts of several seconds. */
const ask = async () =>
	(await call("POST", "/deployments/default/exports", { n: 500, format: "csv", explain: true })).id as string;
const see = (id: string) => call("GET", `/exports/${id}`);
const ends = (id: string) =>
	until("the export's end", async () => ((one) => isFinal(one.state) && one)(await see(id)), 120);
const folderOf = (id: string) => join(stack.artifacts, "exports", id);
const partsOf = (id: string) =>
	existsSync(folderOf(id)) ? readdirSync(folderOf(id)).filter((name) => name.startsWith("part-")) : [];
const hasParts = (id: string, some: number) =>
	until(`part ${some} is there`, async () => {
		if (isFinal((await see(id)).state)) throw new Error("the export was over too early");
		return partsOf(id).length >= some;
	});

test("child and worker are killed: the file is the same, and no part is made twice", async () => {
	stack.startWorker();
	const undisturbed = await ends(await ask());
	expect(undisturbed).toMatchObject({ state: "SUCCEEDED", progress: { done: 2_000, total: 2_000 } });

	const id = await ask();
	await hasParts(id, 1);
	const begins = (attempt: number) =>
		until(`attempt ${attempt}`, async () => {
			const { lease } = await stack.prisma.job.findUniqueOrThrow({ where: { id } });
			return lease >= attempt;
		});
	const made = statSync(join(folderOf(id), "part-000000.safetensors")).mtimeMs;
	process.kill(stack.children()[0] as number, "SIGKILL");
	await begins(2);
	await stack.endWorkers();
	expect(statSync(join(folderOf(id), "part-000000.safetensors")).mtimeMs).toBe(made);
	stack.startWorker();
	await begins(3);
	const ended = await ends(id);
	expect(ended).toMatchObject({ state: "SUCCEEDED", rows: undisturbed.rows, bytes: undisturbed.bytes });
	expect(ended.sha256).toBe(undisturbed.sha256);
	const { lease, crashes } = await stack.prisma.job.findUniqueOrThrow({ where: { id } });
	expect([lease, crashes]).toEqual([3, 2]);
	expect(readdirSync(folderOf(id)).sort()).toEqual(["data", "manifest.json"]);

	const { rawPayload, statusCode } = await stack.app.inject({ method: "GET", url: `/exports/${id}/file` });
	expect([statusCode, rawPayload.length]).toEqual([200, ended.bytes]);
	expect(createHash("sha256").update(rawPayload).digest("hex")).toBe(ended.sha256);
	const [header, ...lines] = rawPayload.toString().trimEnd().split("\n");
	expect(header).toBe(
		'"user","rank","item","title","score","interest_0","interest_1","because_0","because_1","because_2"',
	);
	expect(lines.length).toBe(ended.rows);
	const items = new Set(lines.map((line) => line.split(",")[2]));
	expect([items.has('"i8"'), items.has('"i7"')]).toEqual([true, false]); // i7 is hidden
	await expectSound(stack);
});

test("the trainer is killed: the file is the same", async () => {
	const before = await ends(await ask());
	const id = await ask();
	await hasParts(id, 1);
	await stack.trainer().end("SIGKILL");
	stack.startTrainer();
	const ended = await ends(id);
	expect(ended).toMatchObject({ state: "SUCCEEDED", sha256: before.sha256 });
	// One that dies before it has said a word is away, which is no crash.
	const { lease, crashes } = await stack.prisma.job.findUniqueOrThrow({ where: { id } });
	expect(lease).toBeGreaterThanOrEqual(2);
	expect([0, 1]).toContain(crashes);
});

test("cancelled and deleted, it leaves nothing", async () => {
	const id = await ask();
	await hasParts(id, 1);
	await call("POST", `/exports/${id}/cancel`);
	expect((await ends(id)).state).toBe("CANCELLED");
	await until("its parts are gone", () => !existsSync(folderOf(id)), 20);
	const finished = await ends(await ask());
	expect(existsSync(folderOf(finished.id))).toBe(true);
	await call("DELETE", `/exports/${finished.id}`);
	expect(existsSync(folderOf(finished.id))).toBe(false);
});
