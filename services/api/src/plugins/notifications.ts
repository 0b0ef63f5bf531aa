// app.notifications: what PostgreSQL announces. One LISTEN connection serves the process, and comes back by itself.
import { setTimeout as sleep } from "node:timers/promises";
import fp from "fastify-plugin";
import pg from "pg";
import { KEEP_ALIVE_MS } from "./prisma.js";

const RECONNECT_MS = 1_000;

export interface Listener {
	/** Each announcement on the channel. */
	notified(payload: string): void;
	/** After every connect: what was announced before that may have been missed. */
	connected?(): void;
}
export interface Notifications {
	listen(channel: string, listener: Listener): void;
}

declare module "fastify" {
	interface FastifyInstance {
		notifications: Notifications;
	}
}

export default fp(
	async (app) => {
		const listeners = new Map<string, Listener>();
		const closing = new AbortController();
		let client: pg.Client | null = null;

		async function connect(): Promise<void> {
			client = new pg.Client({
				connectionString: app.config.databaseUrl,
				connectionTimeoutMillis: 5_000,
				keepAlive: true,
				keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
			});
			const ended = new Promise<void>((resolve) => client?.once("end", () => resolve()));
			client.on("error", (err) => app.log.warn({ err }, "listening to the database"));
			client.on("notification", ({ channel, payload }) => payload && listeners.get(channel)?.notified(payload));
			await client.connect();
			for (const channel of listeners.keys()) await client.query(`LISTEN ${channel}`);
			for (const listener of listeners.values()) listener.connected?.();
			await ended;
		}

		async function stayConnected(): Promise<void> {
			while (!closing.signal.aborted) {
				await connect().catch(async (err) => {
					app.log.warn({ err }, "cannot listen to the database");
					await client?.end().catch(() => undefined);
				});
				await sleep(RECONNECT_MS, undefined, { signal: closing.signal }).catch(() => undefined);
			}
		}

		app.decorate("notifications", {
			listen: (channel, listener) => void listeners.set(channel, listener),
		} satisfies Notifications);
		// By then every plugin has said what it listens to.
		app.addHook("onReady", async () => void stayConnected());
		app.addHook("onClose", async () => {
			closing.abort();
			await client?.end().catch(() => undefined);
		});
	},
	{ name: "notifications" },
);
