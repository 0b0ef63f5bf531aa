// What tests ask of the runs of a stack: launch one, wait for it, and what its history says.
import type { FastifyInstance } from "fastify";
import type { Job, JobState, Run } from "../../services/api/src/generated/prisma/client.js";
import { isFinal } from "../../services/api/src/plugins/jobs.js";
import { AT_ONE_MOMENT } from "../../services/api/src/plugins/prisma.js";
import { until } from "./processes.js";

/**
 * Long enough to be hit in the middle, short enough to be waited for, and best before its last epoch. One seed, so that
 * every run must end alike.
 */
const PARAMS = { k: 2, embedding_size: 16, encoder_size: 16, learning_rate: 0.05, epochs: 14, patience: 14 };
const SEED = 7;

export function runsOf(app: FastifyInstance, dataset: string, logs: () => string) {
	const { prisma } = app;

	/** Waits, and says what the processes said when that is in vain. */
	const wait = <T>(what: string, ask: () => Promise<T>, seconds?: number) =>
		until(what, ask, seconds).catch((error: Error) => {
			throw new Error(`${error.message}\n${logs()}`);
		});

	const see = (id: string): Promise<Run & { job: Job }> =>
		prisma.$transaction((tx) => tx.run.findUniqueOrThrow({ where: { id }, include: { job: true } }), AT_ONE_MOMENT);

	const dataOf = async (jobId: string, type: string) => {
		const events = await prisma.jobEvent.findMany({ where: { jobId, type }, orderBy: { seq: "asc" } });
		return events.map(({ data }) => data as Record<string, unknown>);
	};

	return {
		/** Starts a run of the usual configuration, for machines of a class or for any, and returns its id. */
		async launch(params: object = {}, machineClass?: string): Promise<string> {
			const models = [{ model: "valid", params: { ...PARAMS, ...params } }];
			const payload = { dataset, models, seeds: [SEED], class: machineClass };
			const reply = await app.inject({ method: "POST", url: "/experiments", payload });
			if (reply.statusCode !== 202) throw new Error(`no experiment: ${reply.body}`);
			return reply.json().runs[0].id;
		},
		see,
		/** The run once it has committed this epoch. */
		reaches: (id: string, epoch: number) =>
			wait(`run at epoch ${epoch}`, async () => {
				const run = await see(id);
				if (isFinal(run.job.state) && run.epoch < epoch) throw new Error(`the run ended early: ${run.job.errorCode}`);
				return run.epoch >= epoch && run;
			}),
		becomes: (id: string, state: JobState, seconds?: number) =>
			wait(`run is ${state}`, async () => (await see(id)).job.state === state, seconds),
		ends: (id: string, seconds?: number) =>
			wait("the run's end", async () => ((run) => isFinal(run.job.state) && run)(await see(id)), seconds),
		/** The epochs from which the attempts of a run started. */
		startedFrom: async (id: string) => (await dataOf(id, "started")).map(({ resumedEpoch }) => resumedEpoch as number),
		/** Why attempts of a run ended. */
		errorsOf: async (id: string) =>
			(await dataOf(id, "state")).flatMap(({ error }) => (error ? [(error as { code: string }).code] : [])),
		logOf: async (id: string) => (await dataOf(id, "log")).map(({ message }) => message as string),
		/** Waits until a delivery of the queue is over. */
		delivered: (id: string, lease: number) =>
			wait("the delivery", async () => !(await app.queue.knows({ kind: "run", id, lease }))),
	};
}
