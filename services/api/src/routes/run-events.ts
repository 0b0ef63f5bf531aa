// Server-sent events of a run: replayed from the database after Last-Event-ID, then followed.
import { once, setMaxListeners } from "node:events";
import type { ServerResponse } from "node:http";
import { type FastifyPluginAsyncTypebox, Type } from "@fastify/type-provider-typebox";
import { ApiError } from "../errors.js";
import { isFinal } from "../plugins/jobs.js";
import { IdParams, problems } from "../schemas.js";

/** When the database's word of a change is lost. */
const FALLBACK_MS = 2_000;
const COMMENT_MS = 15_000;
/** Rows held for one watcher; the next page is read only once the socket has taken this one. */
const PAGE = 200;
const MOST_STREAMS = 200;
const HEADERS = {
	"content-type": "text/event-stream; charset=utf-8",
	"cache-control": "no-store",
	"x-accel-buffering": "no",
};

const routes: FastifyPluginAsyncTypebox = async (app) => {
	let open = 0;
	const closing = new AbortController();
	setMaxListeners(MOST_STREAMS + 1, closing.signal);
	app.addHook("preClose", async () => closing.abort());

	app.get(
		"/runs/:id/events",
		{
			schema: {
				summary: "Follow a run: text/event-stream, replayed after Last-Event-ID, closed after the final state",
				tags: ["runs"],
				params: IdParams,
				headers: Type.Object({
					"last-event-id": Type.Optional(Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 })),
				}),
				response: {
					200: { description: "Events", content: { "text/event-stream": { schema: Type.String() } } },
					...problems,
				},
			},
		},
		async (request, reply) => {
			const { id } = request.params;
			const job = await app.prisma.job.findUnique({ where: { id }, select: { kind: true } });
			if (job?.kind !== "run") throw new ApiError("not_found", "There is no run with this id.");
			if (open >= MOST_STREAMS) throw new ApiError("too_many_streams", `At most ${MOST_STREAMS} may be open.`, [], 5);
			open++;
			reply.hijack();
			const { raw } = reply;
			const ended = new AbortController();
			const end = () => ended.abort();
			raw.on("close", end).on("error", end);
			closing.signal.addEventListener("abort", end, { once: true });
			let isWhole = false;
			try {
				raw.writeHead(200, { ...(reply.getHeaders() as Record<string, string>), ...HEADERS });
				await follow(id, request.headers["last-event-id"] ?? 0, raw, ended.signal);
				isWhole = !ended.signal.aborted;
			} catch (error) {
				if (!ended.signal.aborted) request.log.warn({ err: error }, "event stream");
			} finally {
				open--;
				closing.signal.removeEventListener("abort", end);
				// A clean end tells the client that the run is final; whoever is cut off comes back.
				if (isWhole) raw.end();
				else raw.destroy();
			}
		},
	);

	async function follow(jobId: string, after: number, raw: ServerResponse, ended: AbortSignal): Promise<void> {
		const write = async (text: string) => {
			if (!raw.write(text)) await once(raw, "drain", { signal: ended });
		};
		const changes = app.jobChanges.watch(jobId);
		let last = after;
		let quietSince = Date.now();
		try {
			await write("retry: 2000\n\n");
			while (!ended.aborted) {
				// Read before the events: what is final here has all its events there.
				const job = await app.prisma.job.findUnique({ where: { id: jobId }, select: { state: true } });
				const events = await app.prisma.jobEvent.findMany({
					where: { jobId, seq: { gt: last } },
					orderBy: { seq: "asc" },
					take: PAGE,
				});
				for (const { seq, type, data, at } of events) {
					await write(`id: ${seq}\nevent: ${type}\ndata: ${JSON.stringify({ ...(data as object), at })}\n\n`);
					last = seq;
				}
				if (events.length === PAGE) continue;
				if (!job || isFinal(job.state)) return;
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
