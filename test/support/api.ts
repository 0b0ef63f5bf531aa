// The whole api on a database of its own, beside a fake trainer and recommender; and rows as a worker would leave them.
import { randomBytes, randomUUID } from "node:crypto";
import type { FastifyInstance, InjectOptions } from "fastify";
import { Redis } from "ioredis";
import { buildApp } from "../../services/api/src/app.js";
import { readConfig } from "../../services/api/src/config.js";
import type { JobState } from "../../services/api/src/generated/prisma/client.js";
import { migrate } from "../../services/api/src/migrate.js";
import type { Timings } from "../../services/api/src/timings.js";
import { wrongAnswers } from "./answers.js";
import { createDatabase } from "./database.js";
import { type FakeRecommender, startFakeRecommender } from "./fake-recommender.js";
import { type FakeTrainer, startFakeTrainer } from "./fake-trainer.js";

export interface TestApi {
	app: FastifyInstance;
	trainer: FakeTrainer;
	recommender: FakeRecommender;
	/** Status, headers and JSON body. */
	call(
		method: InjectOptions["method"],
		url: string,
		payload?: InjectOptions["payload"],
		headers?: Record<string, string>,
	): Promise<Reply>;
	/** A dataset in the given state. */
	dataset(state?: JobState): Promise<string>;
	/** An experiment of runs in the given states, each with metrics and one checkpoint when it has trained. */
	experiment(
		states: JobState[],
		options?: { dataset?: string; model?: string },
	): Promise<{ id: string; runs: string[] }>;
	/** The best checkpoint of a run. */
	checkpoint(run: string): Promise<string>;
	close(): Promise<void>;
}
export interface Reply {
	status: number;
	headers: Record<string, string | string[] | number | undefined>;
	// biome-ignore lint/suspicious/noExplicitAny: answers are what the tests are about
	body: any;
}

/** A database of the test's own. */
async function existing(url: string) {
	await migrate(url);
	return { url, drop: async () => undefined };
}

const IS_JSON = /^application\/(problem\+)?json/;

export async function startApi(
	environment: Record<string, string> = {},
	timings: Partial<Timings> = {},
): Promise<TestApi> {
	const database = environment.DATABASE_URL ? await existing(environment.DATABASE_URL) : await createDatabase();
	const trainer = await startFakeTrainer();
	const recommender = await startFakeRecommender();
	const config = readConfig({
		DATABASE_URL: database.url,
		TRAINER_ADDRESS: trainer.address,
		RECOMMENDER_ADDRESS: recommender.address,
		REDIS_URL: process.env.VALENCE_TEST_REDIS ?? "",
		QUEUE_PREFIX: `test_${randomBytes(6).toString("hex")}`,
		LOG_LEVEL: process.env.LOG_LEVEL ?? "silent",
		...environment,
	});
	const app = await buildApp({ ...config, timings: { ...config.timings, ...timings } }, "routes");
	await app.ready();
	const { prisma } = app;

	async function job(kind: "run" | "import", state: JobState) {
		const id = randomUUID();
		const isFinal = !["QUEUED", "RUNNING"].includes(state);
		const failure = state === "FAILED" ? { errorCode: "diverged", errorMessage: "the loss is not finite" } : {};
		await prisma.job.create({
			data: {
				id,
				kind,
				state,
				lease: 1,
				eventSeq: 1,
				...(isFinal && { startedAt: new Date(), finishedAt: new Date() }),
				...failure,
			},
		});
		await prisma.jobEvent.create({ data: { jobId: id, seq: 1, type: "state", data: { state } } });
		return id;
	}

	const api: TestApi = {
		app,
		trainer,
		recommender,
		async call(method, url, payload, headers) {
			const response = await app.inject({ method, url, payload, headers });
			const type = String(response.headers["content-type"]);
			return {
				status: response.statusCode,
				headers: response.headers,
				body: IS_JSON.test(type) && response.body !== "" ? response.json() : response.body,
			};
		},
		async dataset(state = "SUCCEEDED") {
			const id = await job("import", state);
			await prisma.dataset.create({
				data: {
					id,
					name: `dataset ${id.slice(0, 4)}`,
					digest: id.replaceAll("-", "").repeat(2),
					rule: { split: { kind: "given" } },
					files: [{ role: "train", uploadKey: "uploads/x", displayName: "a.csv", sha256: "0", bytes: 3 }],
					...(state === "SUCCEEDED" && { artifactKey: `datasets/${id}`, splitDigest: id }),
				},
			});
			return id;
		},
		async experiment(states, { dataset, model = "valid" } = {}) {
			const datasetId = dataset ?? (await api.dataset());
			const id = randomUUID();
			await prisma.experiment.create({
				data: {
					id,
					name: "an experiment",
					datasetId,
					spec: {},
					maskTest: "train",
					cutoffs: [20, 50],
					protocolHash: "p",
				},
			});
			const runs: string[] = [];
			for (const [position, state] of states.entries()) {
				const runId = await job("run", state);
				const trained = state !== "QUEUED";
				await prisma.run.create({
					data: {
						id: runId,
						experimentId: id,
						datasetId,
						model,
						config: { k: 4 },
						configHash: "c",
						seed: position + 1,
						position,
						...(trained && { epoch: 2, maxEpochs: 4, bestEpoch: 2, bestValue: 0.2 + position / 100 }),
					},
				});
				if (trained) {
					const value = 0.2 + position / 100;
					await prisma.metric.createMany({
						data: [
							{ runId, split: "train", name: "loss", epoch: 1, value: Number.NaN },
							{ runId, split: "valid", name: "recall@20", epoch: 1, value: 0.1 },
							{ runId, split: "valid", name: "recall@20", epoch: 2, value },
						],
					});
					await prisma.checkpoint.create({
						data: {
							runId,
							epoch: 2,
							key: `runs/${runId}/epoch-00002`,
							sha256: "a".repeat(64),
							bytes: 10,
							isBest: true,
							isLast: true,
						},
					});
				}
				runs.push(runId);
			}
			return { id, runs };
		},
		checkpoint: async (runId) => (await prisma.checkpoint.findFirstOrThrow({ where: { runId, isBest: true } })).id,
		async close() {
			await app.close();
			if (config.redisUrl) await forget(config.redisUrl, config.queuePrefix);
			await Promise.all([trainer.close(), recommender.close()]);
			await database.drop();
			const wrong = wrongAnswers();
			if (wrong.length > 0) throw new Error(`answers do not fit their schemas:\n${[...new Set(wrong)].join("\n")}`);
		},
	};
	return api;
}

async function forget(redisUrl: string, prefix: string): Promise<void> {
	const redis = new Redis(redisUrl);
	const keys = await redis.keys(`${prefix}:*`);
	if (keys.length > 0) await redis.del(keys);
	await redis.quit();
}

/** A multipart body: fields are strings, files have a name. */
export async function form(...parts: [name: string, value: string | Uint8Array, fileName?: string][]) {
	const data = new FormData();
	for (const [name, value, fileName] of parts) {
		if (fileName === undefined) data.append(name, value as string);
		else data.append(name, new Blob([value as BlobPart]), fileName);
	}
	const body = new Response(data);
	const headers = { "content-type": body.headers.get("content-type") as string };
	return [Buffer.from(await body.arrayBuffer()), headers] as const;
}
