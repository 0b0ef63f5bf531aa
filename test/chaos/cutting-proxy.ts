// Between everything and PostgreSQL: can cut all connections, or each one right after a COMMIT whose answer is then lost,
// or let nothing through for a while.
import { connect, createServer, type Socket } from "node:net";

const COMMIT = Buffer.from("COMMIT");

export async function startCuttingProxy(databaseUrl: string) {
	const target = new URL(databaseUrl);
	const open = new Set<Socket>();
	let isCutting = false;
	let isFrozen = false;
	let cuts = 0;
	const server = createServer((client) => {
		const database = connect(Number(target.port || 5432), target.hostname);
		let isCommitted = false;
		const end = () => {
			for (const socket of [client, database]) {
				socket.destroy();
				open.delete(socket);
			}
		};
		client.on("data", (sent) => {
			isCommitted = isCutting && sent.includes(COMMIT);
			if (!database.destroyed) database.write(sent);
		});
		database.on("data", (answered) => {
			if (isCommitted) {
				cuts += 1;
				end();
			} else if (!client.destroyed) client.write(answered);
		});
		for (const socket of [client, database]) {
			open.add(socket);
			if (isFrozen) socket.pause();
			socket.on("close", end).on("error", end);
		}
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const url = new URL(databaseUrl);
	url.hostname = "127.0.0.1";
	url.port = String((server.address() as { port: number }).port);
	return {
		url: url.href,
		cutAll: () => {
			for (const socket of open) socket.destroy();
		},
		/** The database has committed, and whoever asked never hears of it. */
		cutAfterCommits(isOn: boolean) {
			isCutting = isOn;
			return cuts;
		},
		/** Connections stay, and are taken, but nothing passes. */
		freeze(isOn: boolean) {
			isFrozen = isOn;
			for (const socket of open) isOn ? socket.pause() : socket.resume();
		},
		stop() {
			server.close();
			for (const socket of open) socket.destroy();
		},
	};
}
