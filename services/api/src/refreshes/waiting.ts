// A refresh waits: for jobs that do its steps, and for parts of the service that are away.
import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import { RemoteError } from "../grpc.js";
import { ApiError } from "../http/errors.js";
import { type Claim, type Failure, guarded, isFinal } from "../plugins/jobs.js";

/** What passes by itself. */
const AWAY = new Set(["unavailable", "timeout", "busy", "no_free_slot", "stopping", "store_unavailable"]);

interface Waiting {
	app: FastifyInstance;
	signal: AbortSignal;
}

/** What the refresh waits for has failed, or somebody has cancelled or deleted it: so it ends, too. */
export class PartEnded extends Error {
	constructor(
		readonly state: "FAILED" | "CANCELLED",
		readonly failure?: Failure,
	) {
		super(failure?.message ?? state);
	}
}

/** Waits until all of these jobs have SUCCEEDED. Once one gets further the crash budget of who waits begins anew. Throws PartEnded. */
export async function ended(
	{ app, signal, claim }: Waiting & { claim: Claim },
	ids: string[],
	what: string,
): Promise<void> {
	let first: number | undefined;
	let gotFurther = false;
	for (;;) {
		signal.throwIfAborted();
		const jobs = await app.persist(() => app.prisma.job.findMany({ where: { id: { in: ids } } }));
		if (jobs.length < ids.length) throw gone(what);
		const failed = jobs.find(({ state }) => state === "FAILED");
		if (failed) {
			const message = `${what} failed: ${failed.errorMessage ?? ""}`;
			throw new PartEnded("FAILED", { code: failed.errorCode ?? "internal", message });
		}
		if (jobs.some(({ state }) => state === "CANCELLED")) throw new PartEnded("CANCELLED");
		if (jobs.every(({ state }) => isFinal(state))) return;
		const events = jobs.reduce((sum, { eventSeq }) => sum + eventSeq, 0);
		first ??= events;
		// Once is enough: who crashes has to claim it again.
		if (events > first && !gotFurther) {
			await app.persist(() => guarded(app, claim, (tx) => app.jobs.gotFurther(tx, claim)));
			gotFurther = true;
		}
		await sleep(app.config.timings.refreshLook, undefined, { signal });
	}
}

export const gone = (what: string) =>
	new PartEnded("FAILED", { code: "conflict", message: `${what} has been deleted.` });
export function needed(id: string | null, what: string): string {
	if (id === null) throw gone(what);
	return id;
}

/** Again and again while a part of the service is away or has no room. */
export async function patiently<T>({ app, signal }: Waiting, ask: () => Promise<T>): Promise<T> {
	for (;;) {
		signal.throwIfAborted();
		try {
			return await ask();
		} catch (error) {
			const isKnown = error instanceof ApiError || error instanceof RemoteError;
			const passes = isKnown && (AWAY.has(error.code) || (error instanceof ApiError && error.retryAfterSeconds));
			if (!passes) throw error;
			app.log.warn({ code: error.code }, "a refresh waits");
			await sleep(app.config.timings.trainerBusy, undefined, { signal });
		}
	}
}
