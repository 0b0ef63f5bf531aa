// app.keys: who has which key, in memory, so that no request asks the database for it. What changes there is heard at once, read again after
// every reconnect, and every few seconds besides.
import fp from "fastify-plugin";
import { digestOf, isMade } from "../access/secret.js";
import type { KeyScope } from "../generated/prisma/client.js";
import { ApiError } from "../http/errors.js";
import type { Transaction } from "./prisma.js";

const CHANNEL = "api_keys";
const RETRY_SECONDS = 2;

export interface Key {
	/** Null: of API_KEYS. */
	id: string | null;
	/** As `key 1` for the first of API_KEYS, `key shop` for one that was made under this name. */
	by: string;
	scope: KeyScope;
	expiresAt: Date | null;
	/** Requests a minute; null: as many as come. */
	rateLimit: number | null;
}

export interface Keys {
	/** Whether every request needs one. */
	readonly areNeeded: boolean;
	/** Null for what is no key, or no longer. Throws unavailable for one that was made while none could be read yet. */
	find(given: string): Key | null;
	/** Calls once a key that was found is none any more; answers what ends that. */
	watch(key: Key, gone: () => void): () => void;
	/** In the transaction that changes keys: other processes follow. */
	announce(tx: Transaction): Promise<void>;
	/** After that transaction: once it resolves, this process knows, unless the database is away; then once it is back. */
	refresh(): Promise<void>;
	/** After the transaction that revoked it: this process takes it no longer, whether the database answers or not. */
	drop(id: string): void;
}

declare module "fastify" {
	interface FastifyInstance {
		keys: Keys;
	}
}

export default fp(
	async (app) => {
		const { apiKeys, rateLimit: usual, timings } = app.config;
		const configured = new Map<string, Key>(
			apiKeys.map((key, index) => [
				digestOf(key),
				{ id: null, by: `key ${index + 1}`, scope: "admin", expiresAt: null, rateLimit: usual || null },
			]),
		);
		/** By digest. */
		let made: Map<string, Key> | null = null;
		let readings = 0;
		let read = 0;
		let used = new Set<string>();
		const watched = new Map<object, { key: Key; gone: () => void }>();

		const isOver = ({ expiresAt }: Key) => expiresAt !== null && expiresAt.getTime() <= Date.now();

		async function readAll(): Promise<void> {
			const reading = ++readings;
			const rows = await app.prisma.apiKey.findMany({ where: { revokedAt: null } });
			// What a question that began earlier has seen never replaces what a later one has.
			if (reading < read) return;
			read = reading;
			made = new Map(
				rows.map(({ id, name, scope, digest, expiresAt, rateLimit }) => [
					digest,
					{ id, by: `key ${name}`, scope, expiresAt, rateLimit: (rateLimit ?? usual) || null },
				]),
			);
			endWatches();
		}
		function endWatches(): void {
			const left = new Set([...(made ?? new Map()).values()].filter((key) => !isOver(key)).map(({ id }) => id));
			for (const { key, gone } of [...watched.values()]) if (key.id !== null && !left.has(key.id)) gone();
		}
		const refresh = () => readAll().catch((err) => app.log.warn({ err }, "keys stay as they were last known"));

		/** To the minute, however often they are used. */
		async function noteUse(): Promise<void> {
			const ids = [...used];
			if (ids.length === 0) return;
			used = new Set();
			try {
				await app.prisma.apiKey.updateMany({ where: { id: { in: ids } }, data: { lastUsedAt: new Date() } });
			} catch (error) {
				for (const id of ids) used.add(id);
				throw error;
			}
		}

		app.notifications.listen(CHANNEL, { notified: () => void refresh(), connected: () => void refresh() });
		const timers = [
			setInterval(refresh, timings.keysRefresh),
			setInterval(
				() => void noteUse().catch((err) => app.log.warn({ err }, "last use of keys is not noted")),
				timings.keysUsed,
			),
		];
		app.addHook("onClose", async () => {
			for (const timer of timers) clearInterval(timer);
			await noteUse().catch(() => undefined);
		});
		await refresh();

		app.decorate("keys", {
			areNeeded: configured.size > 0,
			find(given) {
				const digest = digestOf(given);
				const known = configured.get(digest);
				if (known) return known;
				if (made === null && isMade(given))
					throw new ApiError("unavailable", "The database is away.", [], RETRY_SECONDS);
				const key = made?.get(digest);
				if (key?.id == null || isOver(key)) return null;
				used.add(key.id);
				return key;
			},
			watch(key, gone) {
				const watcher = {};
				watched.set(watcher, { key, gone });
				return () => void watched.delete(watcher);
			},
			async announce(tx) {
				// One without a payload is heard by nobody.
				await tx.$executeRaw`SELECT pg_notify(${CHANNEL}, 'changed')`;
			},
			refresh,
			drop(id) {
				read = ++readings; // a question that began before may still see it
				if (made) made = new Map([...made].filter(([, key]) => key.id !== id));
				endWatches();
			},
		} satisfies Keys);
	},
	{ name: "keys", dependencies: ["prisma", "notifications"] },
);
