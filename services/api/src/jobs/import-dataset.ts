// Imports one dataset from its staged files.
import type { FastifyInstance } from "fastify";
import fp from "fastify-plugin";
import { datasetKey, type StoredFile } from "../datasets/dataset-store.js";
import type { ImportFinished, ImportProblem, ImportProgress } from "../generated/proto/trainer/v1/trainer.js";
import { RemoteError } from "../grpc.js";
import { appendEvent, type Claim, guarded } from "../plugins/jobs.js";
import { perform } from "./ownership.js";

const CONCURRENCY = 2;
const MOST_PROBLEMS = 100;
/** Watchers see progress about this often; a stage is always told. */
const PROGRESS_MS = 1_000;

export default fp(
	async (app) => {
		app.queue.work("import", CONCURRENCY, (id, shutdown) =>
			perform(app, id, shutdown, (claim, signal, heard) => importDataset(app, claim, signal, heard)),
		);
	},
	{ name: "import-dataset", dependencies: ["queue", "jobs", "trainer", "removals", "machine"] },
);

async function importDataset(
	app: FastifyInstance,
	claim: Claim,
	signal: AbortSignal,
	heard: () => void,
): Promise<void> {
	const dataset = await app.persist(() => app.prisma.dataset.findUniqueOrThrow({ where: { id: claim.id } }));
	const files = dataset.files as unknown as StoredFile[];
	const request = {
		datasetId: dataset.id,
		files: files.map(({ role, uploadKey, displayName, sha256 }) => ({ role, uploadKey, displayName, sha256 })),
		ruleJson: JSON.stringify(dataset.rule),
		digest: dataset.digest,
	};
	const uploads = files.map((file) => file.uploadKey);
	const problems: ImportProblem[] = [];
	let badRows = 0;
	let problemsTotal = 0;
	await app.persist(() => app.removals.forgo(datasetKey(dataset.digest))); // the same bytes were here, and deleted
	let stage = "";
	let told = 0;
	try {
		for await (const { event } of app.trainer.importDataset(request, signal)) {
			heard();
			// What is said of a whole file must not be lost behind the rows.
			if (event?.$case === "problem" && (event.value.line === 0 || ++badRows <= MOST_PROBLEMS)) {
				problems.push(event.value);
			}
			// A table that is read once more is counted again.
			if (event?.$case === "progress") problemsTotal = Math.max(problemsTotal, event.value.problems);
			if (event?.$case === "progress" && (event.value.stage !== stage || Date.now() - told >= PROGRESS_MS)) {
				stage = event.value.stage;
				told = Date.now();
				await app.persist(() =>
					guarded(app, claim, (tx) => appendEvent(tx, claim.id, "progress", progressOf(event.value))),
				);
			}
			if (event?.$case === "finished") {
				await app.persist(() => onFinished(app, claim, event.value, problems, uploads));
				await app.removals.carryOut(uploads);
				return;
			}
		}
	} catch (error) {
		if (problems.length > 0) {
			await app.persist(() =>
				guarded(app, claim, (tx) =>
					tx.dataset.update({
						where: { id: claim.id },
						data: { problems: problems as object[], problemsTotal },
					}),
				),
			);
		}
		throw error;
	}
	throw new RemoteError("trainer_crashed", "the import ended without a result");
}

const progressOf = ({ stage, rowsRead, fraction }: ImportProgress) => ({ stage, rowsRead, fraction });

function onFinished(
	app: FastifyInstance,
	claim: Claim,
	finished: ImportFinished,
	problems: ImportProblem[],
	uploads: string[],
): Promise<void> {
	return guarded(app, claim, async (tx) => {
		const { datasetKey: artifactKey, splitDigest, statistics } = finished;
		await tx.dataset.update({
			where: { id: claim.id },
			data: {
				artifactKey,
				splitDigest,
				statistics: statistics as object,
				problems: problems as object[],
				problemsTotal: statistics?.problemsTotal ?? 0,
			},
		});
		await app.removals.note(tx, uploads);
		await app.jobs.end(tx, claim, "SUCCEEDED");
	});
}
