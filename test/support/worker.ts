// A worker in this process on a database and a queue of its own, beside a scripted trainer; and work for it.
import { randomBytes, randomUUID } from "node:crypto";
import { buildApp } from "../../services/api/src/app.js";
import { readConfig } from "../../services/api/src/config.js";
import type { JobKind, Prisma } from "../../services/api/src/generated/prisma/client.js";
import { isFinal } from "../../services/api/src/plugins/jobs.js";
import { createDatabase } from "./database.js";
import { until } from "./processes.js";
import { startScriptedTrainer } from "./scripted-trainer.js";

export type TestWorker = Awaited<ReturnType<typeof startWorker>>;

export async function startWorker(environment: Record<string, string> = {}) {
	const database = await createDatabase();
	const trainer = await startScriptedTrainer();
	const config = readConfig({
		DATABASE_URL: database.url,
		REDIS_URL: process.env.VALENCE_TEST_REDIS ?? "",
		QUEUE_PREFIX: `test_${randomBytes(6).toString("hex")}`,
		TRAINER_ADDRESS: trainer.address,
		TIMING_SCALE: "20",
		LOG_LEVEL: process.env.LOG_LEVEL ?? "silent",
		...environment,
	});
	const app = await buildApp(config, "jobs");
	await app.ready();
	const { prisma } = app;

	async function submit<T>(kind: JobKind, insert: (tx: Prisma.TransactionClient, id: string) => Promise<T>) {
		const id = randomUUID();
		await prisma.$transaction(async (tx) => {
			await app.jobs.create(tx, [id], kind);
			await insert(tx, id);
		});
		await app.queue.add({ kind, id, lease: 0 });
		return id;
	}

	const see = (id: string) => prisma.job.findUniqueOrThrow({ where: { id } });
	/** `digest`: the dataset's; its id where none is given. */
	const submitImport = (digest?: string) =>
		submit("import", (tx, id) =>
			tx.dataset.create({
				data: {
					id,
					name: "a dataset",
					digest: digest ?? id,
					rule: { split: { kind: "given" } },
					files: [{ role: "train", uploadKey: `uploads/${id}`, displayName: "a.csv", sha256: "0", bytes: 3 }],
				},
			}),
		);

	/** A dataset as its import left it. */
	async function dataset(): Promise<string> {
		const id = randomUUID();
		await prisma.job.create({ data: { id, kind: "import", state: "SUCCEEDED" } });
		await prisma.dataset.create({
			data: { id, name: "a dataset", digest: id, rule: {}, files: [], artifactKey: `datasets/${id}`, splitDigest: id },
		});
		return id;
	}

	async function submitRun(): Promise<string> {
		const datasetId = await dataset();
		const { id: experimentId } = await prisma.experiment.create({
			data: {
				id: randomUUID(),
				name: "one run",
				datasetId,
				spec: {},
				maskTest: "train",
				cutoffs: [20],
				protocolHash: "p",
			},
		});
		const given = { experimentId, datasetId, model: "valid", config: { k: 4 }, configHash: "c", seed: 7, position: 0 };
		return submit("run", (tx, id) => tx.run.create({ data: { id, ...given } }));
	}

	return {
		app,
		prisma,
		trainer,
		submit,
		submitImport,
		submitRun,
		see,
		/** The job once it is over. */
		ends: (id: string) => until("the job's end", async () => ((job) => isFinal(job.state) && job)(await see(id))),
		/** What its watchers saw, without the times. */
		async events(id: string) {
			const rows = await prisma.jobEvent.findMany({ where: { jobId: id }, orderBy: { seq: "asc" } });
			return rows.map(({ type, data }) => ({ type, data }));
		},
		async close() {
			await app.close();
			await trainer.close();
			await database.drop();
		},
	};
}
