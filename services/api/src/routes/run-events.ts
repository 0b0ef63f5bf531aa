// Server-sent events of runs: replayed from the database after Last-Event-ID, then followed. Of one run, or of several on
// one connection: a browser has six of them to a host.
import { once, setMaxListeners } from "node:events";
import type { ServerResponse } from "node:http";
import { type FastifyPluginAsyncTypebox, type TSchema, Type } from "@fastify/type-provider-typebox";
import type { FastifyReply, FastifyRequest } from "fastify";
import { Gauge } from "prom-client";
import { ApiError } from "../http/errors.js";
import { IdParams, problems, Uuid } from "../http/schemas.js";
import { isFinal } from "../plugins/jobs.js";
import { RunEvent, RunsEvent } from "../views/run-event.js";

/** When the database's word of a change is lost. */
const FALLBACK_MS = 2_000;
const COMMENT_MS = 15_000;
/** Rows held for one watcher; the next page is read only once the socket has taken this one. */
const PAGE = 200;
const MOST_STREAMS = 200;
const MOST_RUNS = 100;
const HEADERS = {
	"content-type": "text/event-stream; charset=utf-8",
	"cache-control": "no-store",
	"x-accel-buffering": "no",
};

interface Event {
	jobId: string;
	seq: number;
	type: string;
	data: unknown;
	at: Date;
}
interface Following {
	/** Each run that is followed, with the number of its last event that was written. */
	positions: Map<string, number>;
	/** An event that has just moved its position, as it is written. */
	written(event: Event): string;
	/** A run that is not there, or no longer; that is the last of it. */
	gone(id: string): string;
	/** Goes on until every run is final; else ends with what there is. */
	wait: boolean;
}

const streamed = (event: TSchema) => ({
	200: {
		description: "Messages, each with these fields; `data` is JSON",
		content: { "text/event-stream": { schema: event } },
	},
	...problems,
});

const routes: FastifyPluginAsyncTypebox = async (app) => {
	let open = 0;
	new Gauge({
		name: "valence_event_streams",
		help: `Streams of events that are open, ${MOST_STREAMS} at most.`,
		registers: [app.meters.registry],
		collect() {
			this.set(open);
		},
	});
	const closing = new AbortController();
	setMaxListeners(MOST_STREAMS + 1, closing.signal);
	app.addHook("preClose", async () => closing.abort());

	app.get(
		"/runs/:id/events",
		{
			config: { access: ["train"] },
			schema: {
				operationId: "followRun",
				summary: "Follow a run: text/event-stream, replayed after Last-Event-ID, closed after the final state",
				tags: ["runs"],
				params: IdParams,
				headers: Type.Object({
					"last-event-id": Type.Optional(
						Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1, description: "The last one that is known." }),
					),
				}),
				response: streamed(RunEvent),
			},
		},
		async (request, reply) => {
			const { id } = request.params;
			const job = await app.prisma.job.findUnique({ where: { id }, select: { kind: true } });
			if (job?.kind !== "run") throw new ApiError("not_found", "There is no run with this id.");
			await stream(request, reply, {
				positions: new Map([[id, request.headers["last-event-id"] ?? 0]]),
				written: ({ seq, type, data, at }) => text(seq, type, { ...(data as object), at }),
				gone: () => "",
				wait: true,
			});
		},
	);

	app.get(
		"/events",
		{
			config: { access: ["train"] },
			schema: {
				operationId: "followRuns",
				summary: "Follow several runs on one connection: text/event-stream, closed once all of them are final",
				description:
					"Each event's data names its `run` and its number `seq` of that run's events. Its id holds the number of the last event of " +
					"each run that is asked for, in their order, and is taken as Last-Event-ID: to follow other runs, ask again with theirs. A run " +
					"that is not there has one event, `gone`.",
				tags: ["runs"],
				querystring: Type.Object(
					{
						runs: Type.Array(Uuid, { minItems: 1, maxItems: MOST_RUNS, uniqueItems: true, description: "Their ids." }),
						wait: Type.Boolean({ default: true, description: "False: answers the events that there are, and ends." }),
					},
					{ additionalProperties: false },
				),
				headers: Type.Object({
					"last-event-id": Type.Optional(
						Type.String({ pattern: "^\\d{1,9}(,\\d{1,9})*$", description: "A number for each run, in their order." }),
					),
				}),
				response: streamed(RunsEvent),
			},
		},
		async (request, reply) => {
			const { runs, wait } = request.query;
			const after = request.headers["last-event-id"]?.split(",").map(Number) ?? runs.map(() => 0);
			if (after.length !== runs.length) {
				const message = `must hold a number for each of the ${runs.length} runs`;
				throw new ApiError("invalid_request", `The Last-Event-ID ${message}.`, [
					{ pointer: "/headers/last-event-id", code: "not_allowed", message },
				]);
			}
			const positions = new Map(runs.map((id, index) => [id.toLowerCase(), after[index] ?? 0]));
			await stream(request, reply, {
				positions,
				written: ({ jobId, seq, type, data, at }) =>
					text([...positions.values()].join(","), type, { ...(data as object), at, run: jobId, seq }),
				gone: (run) => text([...positions.values()].join(","), "gone", { run }),
				wait,
			});
		},
	);

	async function stream(request: FastifyRequest, reply: FastifyReply, following: Following): Promise<void> {
		if (open >= MOST_STREAMS) throw new ApiError("too_many_streams", `At most ${MOST_STREAMS} may be open.`, [], 5);
		open++;
		reply.hijack();
		const { raw } = reply;
		const ended = new AbortController();
		const end = () => ended.abort();
		raw.on("close", end).on("error", end);
		closing.signal.addEventListener("abort", end, { once: true });
		const unwatch = request.key && app.keys.watch(request.key, end);
		let isWhole = false;
		try {
			raw.writeHead(200, { ...(reply.getHeaders() as Record<string, string>), ...HEADERS });
			await follow(following, raw, ended.signal);
			isWhole = !ended.signal.aborted;
		} catch (error) {
			if (!ended.signal.aborted) request.log.warn({ err: error }, "event stream");
		} finally {
			open--;
			unwatch?.();
			closing.signal.removeEventListener("abort", end);
			// A clean end tells the client that there is nothing more; whoever is cut off comes back.
			if (isWhole) raw.end();
			else raw.destroy();
		}
	}

	async function follow(
		{ positions, written, gone, wait }: Following,
		raw: ServerResponse,
		ended: AbortSignal,
	): Promise<void> {
		const write = async (chunk: string) => {
			if (chunk !== "" && !raw.write(chunk)) await once(raw, "drain", { signal: ended });
		};
		const left = new Set(positions.keys());
		const changes = app.jobChanges.watch([...left]);
		let quietSince = Date.now();
		try {
			await write("retry: 2000\n\n");
			while (!ended.aborted) {
				// Read before the events: what is final here has all its events there.
				const jobs = await app.prisma.job.findMany({
					where: { id: { in: [...left] }, kind: "run" },
					select: { id: true, state: true },
				});
				const events = await app.prisma.jobEvent.findMany({
					where: { OR: jobs.map(({ id }) => ({ jobId: id, seq: { gt: positions.get(id) ?? 0 } })) },
					orderBy: [{ jobId: "asc" }, { seq: "asc" }],
					take: PAGE,
				});
				for (const event of events) {
					positions.set(event.jobId, event.seq);
					await write(written(event));
				}
				if (events.length === PAGE) continue;
				const states = new Map(jobs.map(({ id, state }) => [id, state]));
				for (const id of [...left]) {
					const state = states.get(id);
					if (state === undefined) await write(gone(id));
					if (state === undefined || isFinal(state)) left.delete(id);
				}
				if (left.size === 0 || !wait) return;
				if (events.length > 0) quietSince = Date.now();
				if (Date.now() - quietSince > COMMENT_MS - FALLBACK_MS) {
					await write(": still here\n\n");
					quietSince = Date.now();
				}
				await changes.next(FALLBACK_MS, ended);
			}
		} finally {
			changes.stop();
		}
	}
};
export default routes;

const text = (id: number | string, type: string, data: object) =>
	`id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
