// A trial gets its configuration when a worker comes to it, told of everything that was proposed before.
import type { FastifyInstance } from "fastify";
import { configHashOf } from "../experiments/labels.js";
import type { Prisma } from "../generated/prisma/client.js";
import { RemoteError } from "../grpc.js";
import { appendEvent, type Claim, guard } from "../plugins/jobs.js";
import type { Space } from "./space.js";
import { planOf, proposedTrials } from "./trials.js";

/**
 * Does nothing for runs that are no trials, and for trials that have theirs: what was chosen stays, so that a retry trains the same. One
 * trial of a search at a time is proposed, by whatever worker: the row of the search is held, and the job's only to write, as its
 * heartbeat needs that. What is proposed follows from the rows alone, so that it may be asked for again after a crash.
 */
export async function chooseConfiguration(app: FastifyInstance, claim: Claim): Promise<void> {
	const run = await app.prisma.run.findUniqueOrThrow({ where: { id: claim.id }, include: { search: true } });
	const { search, trial: number, model, processes } = run;
	if (!search || number === null || run.chosen !== null) return;
	const plan = await planOf(app, search);
	await app.prisma.$transaction(async (tx) => {
		await tx.$executeRaw`SELECT 1 FROM searches WHERE id = ${search.id}::uuid FOR UPDATE`;
		const trials = await proposedTrials(tx, search.id);
		// It went through before, and its answer was lost.
		if (trials.some((trial) => trial.number === number)) return;
		const chosen = read(await propose(app, { plan, trials, number }), search.space as Space);
		const config = { ...(run.config as Prisma.JsonObject), ...chosen };
		await guard(tx, claim);
		const configHash = configHashOf({ model, config, processes });
		await tx.run.update({ where: { id: claim.id }, data: { chosen, config, configHash } });
		const words = Object.entries(chosen).map(([field, value]) => `${field} ${JSON.stringify(value)}`);
		const message = `trial ${number} tries ${words.join(", ")}`;
		await appendEvent(tx, claim.id, "log", { level: "info", message });
	});
}

/** A trainer that is too busy to answer says nothing about the run: it waits as for one that is away. */
async function propose(app: FastifyInstance, request: Parameters<typeof app.trainer.proposeTrial>[0]): Promise<string> {
	try {
		return await app.trainer.proposeTrial(request);
	} catch (error) {
		if (!(error instanceof RemoteError) || error.code !== "timeout") throw error;
		throw new RemoteError("unavailable", "the trainer did not propose a configuration in time");
	}
}

function read(json: string, space: Space): Prisma.InputJsonObject {
	const chosen = JSON.parse(json) as Prisma.InputJsonObject;
	const [told, asked] = [chosen, space].map((fields) => Object.keys(fields).toSorted().join(", "));
	if (told !== asked) throw new RemoteError("internal", `the trainer proposed ${told}; the space is of ${asked}`);
	return chosen;
}
