// Who changed what: a line is written before a request that changes something begins, and told how it ended. A line without an end is of a
// process that died, so that no change is without its line. What comes by the second, and what a key may not, is counted, and written by the
// minute.
import { isIP } from "node:net";
import type { FastifyReply, FastifyRequest } from "fastify";
import fp from "fastify-plugin";
import { pathOf, resourceOf, routeOf } from "../access/resource.js";

declare module "fastify" {
	interface FastifyRequest {
		/** Of its line, once that is written. */
		auditId: bigint | null;
	}
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Counted apart, by route, key, address and status: so many are written before their minute is over. */
const MOST_COUNTED = 1_000;
/** What waits for PostgreSQL; beyond it nothing new is counted. */
const MOST_KEPT = 10_000;

interface Line {
	keyId: string | null;
	by: string | null;
	route: string;
	resource: string;
	address: string;
	status: number | null;
}

export default fp(
	async (app) => {
		const { prisma } = app;
		const { auditDays, timings } = app.config;
		app.decorateRequest("auditId", null);

		/**
		 * Neither waits for the disk: what commits later, the change itself above all, brings to it what has committed before.
		 */
		async function begin({ keyId, by, route, resource, address }: Line): Promise<bigint> {
			const [row] = await prisma.$queryRaw<{ id: bigint }[]>`
				INSERT INTO audit_log (key_id, by, route, resource, address)
				SELECT ${keyId}::uuid, ${by}, ${route}, ${resource}, ${address}
				WHERE set_config('synchronous_commit', 'off', true) IS NOT NULL RETURNING id`;
			return (row as { id: bigint }).id;
		}
		const end = (id: bigint, resource: string, status: number) => prisma.$executeRaw`
			UPDATE audit_log SET resource = ${resource}, status = ${status}
			WHERE id = ${id} AND set_config('synchronous_commit', 'off', true) IS NOT NULL`;

		const writing = new Set<Promise<unknown>>();
		function write(work: Promise<unknown>, otherwise: string): void {
			const done = work.catch((err) => app.log.warn({ err }, otherwise)).finally(() => writing.delete(done));
			writing.add(done);
		}

		let counts = new Map<string, number>();
		/** Then what is counted waits for the next minute. */
		let isAway = false;
		async function storeCounts(): Promise<void> {
			if (counts.size === 0) return;
			const taken = counts;
			counts = new Map();
			const data = [...taken].map(([line, times]) => ({ ...(JSON.parse(line) as Line), times }));
			try {
				await prisma.auditEntry.createMany({ data });
				isAway = false;
			} catch (error) {
				isAway = true;
				for (const [line, times] of taken) add(line, times);
				throw error;
			}
		}
		const writeCounts = () => write(storeCounts(), "what the audit log counts waits");
		function add(line: string, times: number): void {
			const known = counts.get(line);
			if (known !== undefined || counts.size < MOST_KEPT) counts.set(line, (known ?? 0) + times);
		}
		function count(line: Line): void {
			add(JSON.stringify(line), 1);
			if (counts.size >= MOST_COUNTED && !isAway) writeCounts();
		}

		const lineOf = (request: FastifyRequest, resource: string, status: number | null): Line => ({
			keyId: request.key?.id ?? null,
			by: request.by,
			route: routeOf(request),
			resource,
			// A trusted proxy may hand on whatever it was sent.
			address: isIP(request.ip) ? request.ip : (request.socket.remoteAddress ?? ""),
			status,
		});

		app.addHook("preValidation", async (request) => {
			if (request.is404 || request.routeOptions.config.audit !== "each") return;
			request.auditId = await begin(lineOf(request, pathOf(request), null));
		});
		app.addHook("onResponse", async (request, reply) => {
			const { auditId, is404, routeOptions } = request;
			const status = reply.statusCode;
			if (is404) return;
			if (auditId !== null) {
				write(end(auditId, resourceOf(request, reply), status), "the audit log lacks how a request ended");
			} else if (isBeyondScope(request, reply)) {
				// The pattern: whoever tries one id after the other fills no table.
				count(lineOf(request, routeOptions.url ?? "", status));
			} else if (routeOptions.config?.audit === "counted" && status < 400) {
				count(lineOf(request, pathOf(request), status));
			}
		});

		const forget = () =>
			prisma.auditEntry.deleteMany({ where: { at: { lt: new Date(Date.now() - auditDays * DAY_MS) } } });
		const timers = [
			setInterval(writeCounts, timings.auditCounts),
			...(auditDays > 0 ? [setInterval(() => write(forget(), "old lines of the audit log stay"), HOUR_MS)] : []),
		];
		app.addHook("onClose", async () => {
			for (const timer of timers) clearInterval(timer);
			await Promise.all(writing);
			writeCounts();
			await Promise.all(writing);
		});
	},
	{ name: "audit", dependencies: ["authentication", "prisma"] },
);

/** A key that tries what it may not; without a key there is nobody to name. */
const isBeyondScope = (request: FastifyRequest, reply: FastifyReply) =>
	request.key !== null && reply.statusCode === 403;
