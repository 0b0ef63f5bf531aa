// app.prisma: the database client, and `persist`, which outlives a restart of PostgreSQL.
import { setTimeout as sleep } from "node:timers/promises";
import { PrismaPg } from "@prisma/adapter-pg";
import fp from "fastify-plugin";
import { Prisma, PrismaClient } from "../generated/prisma/client.js";
import { RemoteError } from "../grpc.js";

declare module "fastify" {
	interface FastifyInstance {
		prisma: PrismaClient;
		/** Runs an idempotent write again, with growing pauses, while the database is away. */
		persist<T>(write: () => Promise<T>): Promise<T>;
	}
}

/**
 * For a row that is shown with its job: they are read one after the other, and what ends in between would be SUCCEEDED without its
 * results.
 */
export const AT_ONE_MOMENT = { isolationLevel: "RepeatableRead" } as const;

export type Transaction = Prisma.TransactionClient;

/** What the adapter calls it, whatever the words: a raw statement's are others than a query's. */
const AWAY_KINDS = new Set(["DatabaseNotReachable", "ConnectionClosed", "SocketTimeout", "TooManyConnections"]);
const AWAY =
	/ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|(EHOST|ENET)(UNREACH|DOWN)|ENOTFOUND|EAI_AGAIN|terminat|shutting down|starting up|Connection.*(closed|ended|lost)|timeout exceeded|not queryable|Can't reach|57P0\d|08\d{3}|P1001|P1002|P1008|P1017|P2024|P2028/i;

/** Whether the database was away, rather than the statement wrong. */
export function isDatabaseAway(error: unknown): boolean {
	// Of the Python side: its words for being away are the same.
	if (!(error instanceof Error) || error instanceof RemoteError) return false;
	const { code, meta } = error as { code?: unknown; meta?: { driverAdapterError?: { cause?: { kind?: string } } } };
	if (AWAY_KINDS.has(meta?.driverAdapterError?.cause?.kind ?? "")) return true;
	return AWAY.test(`${typeof code === "string" ? code : ""} ${error.message}`) || isDatabaseAway(error.cause);
}

const isPrismaError = (error: unknown, code: string) =>
	error instanceof Prisma.PrismaClientKnownRequestError && error.code === code;
/** A row that others point at was removed, or one was made that points at nothing. */
export const violatesForeignKey = (error: unknown) => isPrismaError(error, "P2003");
/** Another row has this unique value already. */
export const violatesUnique = (error: unknown) => isPrismaError(error, "P2002");

export default fp(
	async (app) => {
		const { databaseUrl, timings } = app.config;
		const adapter = new PrismaPg({
			connectionString: databaseUrl,
			max: 10,
			connectionTimeoutMillis: 5_000,
			idleTimeoutMillis: 30_000,
			keepAlive: true,
			statement_timeout: 30_000,
			idle_in_transaction_session_timeout: 30_000,
		});
		const prisma = new PrismaClient({
			adapter,
			transactionOptions: { maxWait: 5_000, timeout: 20_000 },
			errorFormat: "minimal", // other messages quote what was to be written, and errors are logged
		});
		app.decorate("prisma", prisma);
		app.decorate("persist", async <T>(write: () => Promise<T>): Promise<T> => {
			const deadline = Date.now() + timings.databaseRetry;
			for (let pause = 100; ; pause = Math.min(pause * 2, 2_000)) {
				try {
					return await write();
				} catch (error) {
					if (!isDatabaseAway(error) || Date.now() + pause > deadline) throw error;
					app.log.warn({ err: error }, "the database is away, writing again");
					await sleep(pause);
				}
			}
		});
		app.addHook("onClose", () => prisma.$disconnect());
	},
	{ name: "prisma" },
);
