// Refreshes of a stack: deployments that are alike to the row, and the moments and victims of a refresh.
import pg from "pg";
import type { Prisma } from "../../services/api/src/generated/prisma/client.js";
import { isFinal } from "../../services/api/src/plugins/jobs.js";
import { AT_ONE_MOMENT } from "../../services/api/src/plugins/prisma.js";
import type { Verdict } from "../../services/api/src/refreshes/verdict.js";
import { type Process, until } from "./processes.js";
import type { Stack } from "./stack.js";

const PEOPLE = 60;
const EACH = 10;
const AT = Date.parse("2026-11-01T00:00:00Z");
/** People and items of the stack's dataset; everybody takes items of one of its topics alone, which popularity cannot see. */
const ROWS = Array.from({ length: PEOPLE * EACH }, (_, index) => {
	const [user, nth] = [index % PEOPLE, Math.floor(index / PEOPLE)];
	const item = 12 * ((user * 7 + nth * 3) % 20) + (user % 4) * 3;
	return { user: `u${user}`, item: `i${item}`, at: AT + index * 60_000 };
});
const PARAMS = {
	...{ k: 2, embedding_size: 16, encoder_size: 16, learning_rate: 0.05, train_batch_size: 8 },
	...{ epochs: 6, patience: 6 },
};
const include = {
	job: true,
	dataset: { include: { job: true } },
	experiment: { include: { runs: { include: { job: true, metrics: true }, orderBy: { position: "asc" } } } },
	refitRun: { include: { job: true } },
} as const satisfies Prisma.RefreshInclude;
export type Whole = Prisma.RefreshGetPayload<{ include: typeof include }>;

/** In the order in which a refresh comes by them; `read`: the feed is being read, and the refresh knows of no snapshot yet. */
export const MOMENTS = {
	read: ({ job, datasetId }: Whole) => job.state === "RUNNING" && datasetId === null,
	snapshot: ({ dataset }: Whole) => dataset?.job.state === "RUNNING",
	train: ({ experiment }: Whole) => experiment?.runs.some(({ epoch }) => epoch > 0),
	compare: ({ evaluationId }: Whole) => evaluationId !== null,
	refit: ({ refitRun }: Whole) => refitRun?.job.state === "RUNNING",
	switch: ({ step }: Whole) => step === "switch",
} as const;
export type Moment = keyof typeof MOMENTS;
export const stepOf = (moment: Moment) => (moment === "read" ? "snapshot" : moment);

/** Returns what is to be done once the moment is over. */
export type Strike = () => Promise<undefined | (() => unknown)>;
export type Refreshes = ReturnType<typeof refreshesOf>;

/** `recommender`: what stops and goes on so that a switch lasts for as long as a test likes. */
export function refreshesOf(stack: Stack, recommender: () => Process) {
	const { app, prisma } = stack;
	const ask = (method: "GET" | "POST" | "PUT" | "DELETE", url: string, payload?: object) =>
		app.inject({ method, url, payload });
	const call = async (method: "GET" | "POST" | "PUT" | "DELETE", url: string, payload?: object) => {
		const reply = await ask(method, url, payload);
		if (reply.statusCode >= 300) throw new Error(`${method} ${url}: ${reply.body}`);
		return reply.statusCode === 204 ? null : reply.json();
	};
	const see = (id: string): Promise<Whole> =>
		app.persist(() =>
			prisma.$transaction((tx) => tx.refresh.findUniqueOrThrow({ where: { id }, include }), AT_ONE_MOMENT),
		);

	/** A deployment with a history of two checkpoints, a feed of the rows above and a rule: of each name, the same. */
	async function prepare(name: string, more: object = {}): Promise<void> {
		await call("PUT", `/feeds/${name}`);
		await call("POST", `/feeds/${name}/interactions`, ROWS);
		const checkpoints = await prisma.checkpoint.findMany({
			where: { runId: stack.undisturbed },
			orderBy: { isBest: "asc" },
		});
		for (const { id: checkpoint } of checkpoints) await call("PUT", `/deployments/${name}`, { checkpoint });
		const gate = { tolerance: 1 };
		const rule = { feed: name, model: "valid", params: PARAMS, gate, every: "1d", ...more };
		await call("PUT", `/deployments/${name}/refresh`, rule);
	}
	const begin = async (name: string): Promise<string> => (await call("POST", `/deployments/${name}/refreshes`, {})).id;

	/** While this holds, whoever reads the feed for a snapshot waits, and has seen which rows there are. */
	async function holdReading() {
		const client = new pg.Client({ connectionString: app.config.databaseUrl });
		client.on("error", () => undefined); // PostgreSQL may be what dies
		await client.connect();
		await client.query("BEGIN");
		await client.query("LOCK TABLE feed_items IN ACCESS EXCLUSIVE MODE");
		return {
			/** By somebody who takes a snapshot. */
			async isWaitedFor(): Promise<boolean> {
				const { rowCount } = await client.query(`
					SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'feed_items'::regclass
						AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)`);
				return (rowCount ?? 0) > 0;
			},
			release: () => client.end().catch(() => undefined),
		};
	}

	/** Begins one and does something to it at this moment; the refresh as it was right after that. */
	async function at(moment: Moment, name: string, strike: Strike): Promise<Whole> {
		let back: Awaited<ReturnType<Strike>>;
		const holding = moment === "read" ? await holdReading() : null;
		const id = await begin(name);
		try {
			if (moment === "switch") {
				await reaches(id, "compare");
				recommender().signal("SIGSTOP");
			}
			await reaches(id, moment);
			if (holding) await until("the feed is being read", holding.isWaitedFor);
			back = await strike();
			return await see(id);
		} finally {
			await holding?.release();
			if (moment === "switch" && !recommender().isGone) recommender().signal("SIGCONT");
			await back?.();
		}
	}
	const reaches = (id: string, moment: Moment) =>
		until(`the moment "${moment}"`, async () => {
			const row = await see(id);
			if (isFinal(row.job.state)) throw new Error(`it is ${row.job.state} before: ${row.job.errorMessage}`);
			return MOMENTS[moment](row);
		});

	const ends = (id: string) =>
		until("the refresh's end", async () => ((row) => isFinal(row.job.state) && row)(await see(id)), 150);

	/** What there is under the name, counted. */
	async function left(name: string) {
		const experiment = { name: { startsWith: `Refresh of ${name},` } };
		const dataset = { feed: { path: ["name"], equals: name } };
		const [datasets, experiments, runs, evaluations, history, open] = await Promise.all([
			prisma.dataset.count({ where: dataset }),
			prisma.experiment.count({ where: experiment }),
			prisma.run.count({ where: { experiment } }),
			prisma.evaluation.count({ where: { dataset } }),
			prisma.deploymentHistory.findMany({ where: { deploymentName: name, cause: "refresh" } }),
			prisma.job.count({ where: { state: { in: ["QUEUED", "RUNNING"] } } }),
		]);
		return { datasets, experiments, runs, evaluations, history: history.length, open };
	}

	return { ask, call, see, prepare, begin, at, ends, left };
}

/** Of a refresh, all that follows from its rows alone: its split, its numbers, and the bits it has trained. */
export function resultOf({ dataset, experiment, refitRun, verdict, outcome }: Whole) {
	const { candidate, popularity, deployed, reason, needs } = verdict as Verdict;
	const runs = (experiment?.runs ?? []).map(({ model, bestEpoch, parametersSha256, metrics }) => ({
		...{ model, bestEpoch, parametersSha256 },
		metrics: metrics.map(({ split, name, epoch, value }) => `${split} ${name} ${epoch} ${value}`).sort(),
	}));
	return {
		...{ outcome, reason, needs, runs, split: dataset?.splitDigest, statistics: dataset?.statistics },
		numbers: [candidate.value, popularity.value, deployed?.value, deployed?.learntFrom, deployed?.unknownItems],
		refit: refitRun && [refitRun.parametersSha256, Number(refitRun.bestSteps)],
	};
}
