// app.once: Idempotency-Key as in draft-ietf-httpapi-idempotency-key-header. The unique row is the arbiter; the answer is
// stored in the transaction that does the work, so that a crash leaves either both or neither.
import type { FastifyReply, FastifyRequest } from "fastify";
import fp from "fastify-plugin";
import type { Prisma } from "../generated/prisma/client.js";
import { digest } from "../http/digest.js";
import { ApiError } from "../http/errors.js";
import { MOST_IDEMPOTENCY_KEY } from "../http/validation.js";
import type { Transaction } from "./prisma.js";

const KEPT_HOURS = 24;
const HOUR_MS = 3_600_000;

export interface Answer {
	status: number;
	location: string;
	body: object;
}
/** To be called at the end of the transaction that does the work. */
export type Remember = (tx: Transaction, answer: Answer) => Promise<void>;

declare module "fastify" {
	interface FastifyInstance {
		once(request: FastifyRequest, reply: FastifyReply, work: (remember: Remember) => Promise<Answer>): Promise<object>;
	}
}

export default fp(
	async (app) => {
		const send = (reply: FastifyReply, { status, location, body }: Answer) => {
			reply.code(status).header("location", location);
			return body;
		};
		const keys = app.prisma.idempotencyKey;
		const { abandonedKey } = app.config.timings;

		app.decorate("once", async (request, reply, work) => {
			const key = request.headers["idempotency-key"];
			if (key === undefined) return send(reply, await work(async () => undefined));
			if (typeof key !== "string" || key.length === 0 || key.length > MOST_IDEMPOTENCY_KEY) {
				const message = `must be 1 to ${MOST_IDEMPOTENCY_KEY} characters`;
				const problem = { pointer: "/headers/idempotency-key", code: "out_of_range", message };
				throw new ApiError("invalid_request", `Idempotency-Key ${message}.`, [problem]);
			}
			// The whole path: the same key for another run is another request. Of whoever asks: it is a word of their own.
			const asker = request.key === null ? "" : `${request.by} `;
			const id = `${asker}${request.method} ${request.url.split("?", 1)[0]} ${key}`;
			const fingerprint = digest(request.body);
			await keys.deleteMany({ where: { id, status: null, createdAt: { lt: new Date(Date.now() - abandonedKey) } } });
			const { count } = await keys.createMany({ data: [{ id, fingerprint }], skipDuplicates: true });
			if (count === 0) {
				const first = await keys.findUnique({ where: { id } });
				if (first && first.fingerprint !== fingerprint) {
					throw new ApiError("idempotency_mismatch", "The same key needs the same body.");
				}
				if (!first?.status || !first.location) {
					throw new ApiError("idempotency_in_progress", "Ask again in a moment.", [], 1);
				}
				// It may be from before an upgrade, and lack what the schema has since.
				reply.type("application/json; charset=utf-8").serializer((payload: unknown) => JSON.stringify(payload));
				reply.header("idempotent-replayed", "true");
				return send(reply, { status: first.status, location: first.location, body: first.body as object });
			}
			const renewal = setInterval(() => {
				keys
					.updateMany({ where: { id, fingerprint, status: null }, data: { createdAt: new Date() } })
					.catch((err) => app.log.warn({ err }, "renewal of an Idempotency-Key"));
			}, abandonedKey / 3);
			try {
				const answer = await work(async (tx, { status, location, body }) => {
					const done = { status, location, body: body as Prisma.InputJsonObject };
					const { count: ours } = await tx.idempotencyKey.updateMany({
						where: { id, fingerprint, status: null },
						data: done,
					});
					if (ours === 0) throw new ApiError("idempotency_in_progress", "Another request took the key over.", [], 1);
				});
				return send(reply, answer);
			} catch (error) {
				// A refused request may be repeated with the same key once it is mended.
				await keys.deleteMany({ where: { id, status: null } }).catch(() => undefined);
				throw error;
			} finally {
				clearInterval(renewal);
			}
		});

		const sweep = setInterval(() => {
			const before = new Date(Date.now() - KEPT_HOURS * HOUR_MS);
			keys
				.deleteMany({ where: { createdAt: { lt: before } } })
				.catch((err) => app.log.warn({ err }, "idempotency sweep"));
		}, HOUR_MS);
		app.addHook("onClose", async () => clearInterval(sweep));
	},
	{ name: "idempotency", dependencies: ["prisma"] },
);
