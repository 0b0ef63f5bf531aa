// A keep rule and the orphans with a real trainer: what is on the disk at the end is exactly what should be.
import { randomUUID } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isFinal } from "../../services/api/src/plugins/jobs.js";
import { until } from "../support/processes.js";
import { type Stack, startStack } from "../support/stack.js";

jest.setTimeout(240_000);
let stack: Stack;
beforeAll(async () => {
	stack = await startStack();
	stack.startWorker();
});
afterAll(() => stack?.stop());

const SHORT = { k: 2, embedding_size: 16, encoder_size: 16, epochs: 2, patience: 2 };
const call = async (method: "GET" | "POST" | "PUT" | "DELETE", url: string, payload?: object) => {
	const reply = await stack.app.inject({ method, url, ...(payload && { payload }) });
	if (reply.statusCode >= 300) throw new Error(`${method} ${url}: ${reply.body}`);
	return reply.json();
};

/** An experiment of several seeds, launched and ended. */
async function ended(seeds: number[], keep?: object): Promise<string> {
	const { datasetId } = await stack.prisma.run.findUniqueOrThrow({ where: { id: stack.undisturbed } });
	const models = [{ model: "valid", params: SHORT }];
	const { id } = await call("POST", "/experiments", { dataset: datasetId, models, seeds, keep });
	await until("the experiment's end", async () => (await runsOf(id)).every(({ job }) => isFinal(job.state)), 150);
	return id;
}
const runsOf = (experimentId: string) =>
	stack.prisma.run.findMany({
		where: { experimentId },
		include: { job: true, checkpoints: true },
		orderBy: [{ bestValue: "desc" }, { position: "asc" }],
	});

type Runs = Awaited<ReturnType<typeof runsOf>>;

/** Keys of the checkpoints on the disk, of these runs. */
const onDisk = (runs: { id: string }[]) =>
	runs
		.flatMap(({ id }) => {
			const folder = join(stack.artifacts, "runs", id);
			return existsSync(folder) ? readdirSync(folder).map((name) => `runs/${id}/${name}`) : [];
		})
		.sort();
const keyOf = (run: { id: string; bestEpoch: number | null }) =>
	`runs/${run.id}/epoch-${String(run.bestEpoch).padStart(5, "0")}`;

test("an experiment ends with the checkpoint of its best run, and no other file of its runs", async () => {
	const id = await ended([1, 2], { checkpoints: "best", runs: 1 });
	const runs = await until("the rule is applied", async () => {
		const all = await runsOf(id);
		return all.flatMap(({ checkpoints }) => checkpoints).length === 1 && all;
	});
	const [best, other] = runs as [Runs[number], Runs[number]];
	await until("the files are gone", () => onDisk(runs).length === 1, 10);
	expect(onDisk(runs)).toEqual([keyOf(best)]);
	expect(best.checkpoints).toMatchObject([{ key: keyOf(best), isBest: true }]);
	expect(existsSync(join(stack.artifacts, "runs", other.id))).toBe(false);
	const { metrics, checkpoints, checkpointsRemovedAt } = await call("GET", `/runs/${other.id}`);
	expect([checkpoints, typeof checkpointsRemovedAt, typeof metrics["test.recall@20"]]).toEqual([
		[],
		"string",
		"number",
	]);
});

test("a rule that comes later applies at once; evaluations outlive their checkpoint", async () => {
	const { id, experimentId, bestEpoch, epoch } = await stack.see(stack.undisturbed);
	expect(epoch).toBeGreaterThan(bestEpoch as number);
	const all = { where: { runId: id, epoch } };
	const { id: checkpoint } = await stack.prisma.checkpoint.findFirstOrThrow(all);
	const evaluation = await call("POST", `/runs/${id}/evaluations`, { checkpoint, split: "valid" });
	const measured = await until(
		"the evaluation",
		async () => ((one) => isFinal(one.state) && one)(await call("GET", `/evaluations/${evaluation.id}`)),
		90,
	);
	const { removed } = await call("PUT", `/experiments/${experimentId}/keep`, { checkpoints: "best" });
	expect(removed.checkpoints).toBe(1);
	expect(onDisk([{ id }])).toEqual([keyOf({ id, bestEpoch })]);
	expect(await call("GET", `/evaluations/${evaluation.id}`)).toEqual({ ...measured, checkpointId: null });
	expect(measured).toMatchObject({ state: "SUCCEEDED", epoch });
});

test("orphans go, and nothing else that lies on the disk", async () => {
	const { checkpoints } = await stack.prisma.run.findUniqueOrThrow({
		where: { id: stack.undisturbed },
		include: { checkpoints: true },
	});
	const whole = checkpoints[0]?.key as string;
	const old = new Date(Date.now() - 2 * 24 * 3_600_000);
	const lies = (key: string, isOld: boolean) => {
		const folder = join(stack.artifacts, key);
		mkdirSync(join(folder, ".."), { recursive: true });
		cpSync(join(stack.artifacts, whole), folder, { recursive: true });
		for (const name of [...readdirSync(folder), "."]) if (isOld) utimesSync(join(folder, name), old, old);
		return key;
	};
	// What rows name may be as old as it likes.
	for (const { key } of checkpoints) utimesSync(join(stack.artifacts, key), old, old);
	const lost = [lies(`runs/${randomUUID()}/epoch-00003`, true), lies(`datasets/${"ab".repeat(32)}`, true)];
	const kept = [
		lies(`runs/${randomUUID()}/epoch-00003`, false),
		lies("datasets/notes", true),
		lies(`runs/${stack.undisturbed}/.tmp-epoch-00099-0`, true),
		...checkpoints.map(({ key }) => key),
	];
	writeFileSync(join(stack.artifacts, "notes.txt"), "mine");
	const disk = await call("GET", "/system/disk?again=true");
	expect(disk.orphanFiles.map(({ key }: { key: string }) => key).sort()).toEqual([...lost].sort());
	expect(disk.unknownFiles.map(({ key }: { key: string }) => key).sort()).toEqual(["datasets/notes", "notes.txt"]);
	expect(disk.byExperiment.length).toBeGreaterThan(0);
	expect(await call("DELETE", "/system/orphans")).toEqual({ keys: 2, bytes: disk.orphans });
	for (const key of lost) expect([key, existsSync(join(stack.artifacts, key))]).toEqual([key, false]);
	for (const key of [...kept, "notes.txt"]) expect([key, existsSync(join(stack.artifacts, key))]).toEqual([key, true]);
});
