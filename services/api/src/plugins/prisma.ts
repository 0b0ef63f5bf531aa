// app.prisma: the database client, and `persist`, which outlives a restart of PostgreSQL.
import { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { PrismaPg } from "@prisma/adapter-pg";
import fp from "fastify-plugin";
import { Prisma, PrismaClient } from "../generated/prisma/client.js";
import { RemoteError } from "../grpc.js";

declare module "fastify" {
	interface FastifyInstance {
		prisma: PrismaClient;
		/** For transactions that may take an hour (`allow`): it waits as long for PostgreSQL to say something. */
		patient: PrismaClient;
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
	/ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|(EHOST|ENET)(UNREACH|DOWN)|ENOTFOUND|EAI_AGAIN|terminating connection|Connection terminated|shutting down|starting up|Connection.*(closed|ended|lost)|timeout exceeded|not queryable|Can't reach|57P0\d|08\d{3}|P1001|P1002|P1008|P1017|P2024|P2028/i;

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

/** Left to itself the kernel asks after two hours whether the other side is there. */
export const KEEP_ALIVE_MS = 10_000;
const STATEMENT_MS = 30_000;
/** Of a worker: four refreshes with their snapshots, two imports into feeds, an export, and one to spare. */
const LONG_AT_ONCE = 8;
/** Hundreds of millions of rows of a feed are sorted and read in it. */
export const LONGEST_MS = 3_600_000;

/** For a transaction of `app.patient`: what may take longer than a request should. */
export async function allow(tx: Transaction, milliseconds: number): Promise<void> {
	await tx.$executeRaw`SELECT set_config(name, ${String(milliseconds)}, true)
		FROM unnest(ARRAY['statement_timeout', 'idle_in_transaction_session_timeout']) AS name`;
}

/**
 * Sockets that end when nothing has passed for so long. A PostgreSQL that is frozen, or behind a network that swallows
 * what is sent, closes no connection and ends no statement: whoever asked would wait for ever.
 */
const impatient = (silenceMs: number) => () => {
	const socket = new Socket();
	const gone = Object.assign(new Error(`PostgreSQL was silent for ${silenceMs} ms`), { code: "ETIMEDOUT" });
	return socket.setTimeout(silenceMs, () => socket.destroy(gone));
};

function clientOf(databaseUrl: string, max: number, silenceMs: number): PrismaClient {
	const adapter = new PrismaPg({
		connectionString: databaseUrl,
		max,
		connectionTimeoutMillis: 5_000,
		idleTimeoutMillis: Math.min(30_000, 0.8 * silenceMs), // nobody uses it: it must not count as silent
		keepAlive: true,
		keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
		stream: impatient(silenceMs),
		statement_timeout: STATEMENT_MS,
		idle_in_transaction_session_timeout: STATEMENT_MS,
	});
	return new PrismaClient({
		adapter,
		transactionOptions: { maxWait: 5_000, timeout: 20_000 },
		errorFormat: "minimal", // other messages quote what was to be written, and errors are logged
	});
}

export default fp(
	async (app) => {
		const { databaseUrl, timings } = app.config;
		const prisma = clientOf(databaseUrl, 10, timings.databaseSilence);
		/** Most processes never need it, and a client costs a tenth of a second. */
		let patient: PrismaClient | null = null;
		app.decorate("prisma", prisma);
		app.decorate("patient", {
			getter() {
				patient ??= clientOf(databaseUrl, LONG_AT_ONCE, LONGEST_MS + timings.databaseSilence);
				return patient;
			},
		});
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
		app.addHook("onClose", async () => {
			await Promise.all([prisma.$disconnect(), patient?.$disconnect()]);
		});
	},
	{ name: "prisma" },
);
