// What the queue and the leases must bear, a clock that jumps, and readers that do not read.
import { connect, type Socket } from "node:net";
import type { Faults } from "../fault.js";
import { one } from "./processes.js";

const NOTHING = () => undefined;
const READERS = 20;
/** Far from any lease's own. */
const AGAIN = 1_000_000;

export const delivery: Faults = {
	"delivered-twice": {
		async strike({ prisma, app }, pick) {
			const jobs = await prisma.job.findMany({ orderBy: { createdAt: "asc" } });
			const job = one(jobs, pick);
			// One that is over must not begin again, one at work must stay alone.
			const atWork = jobs.filter(({ state }) => state === "RUNNING" || state === "QUEUED");
			for (const { kind, id, lease } of [...atWork, ...(job ? [job] : [])])
				await app.queue.add({ kind, id, lease: AGAIN + lease + Math.floor(pick * AGAIN) });
			return job ? NOTHING : null;
		},
	},
	"lease-expired": {
		async strike({ prisma }) {
			const { count } = await prisma.job.updateMany({
				where: { state: "RUNNING" },
				data: { heartbeatAt: new Date(0) },
			});
			return count > 0 ? NOTHING : null;
		},
	},
	/** Of api and worker: an hour ahead, and back. */
	"clock-off": {
		strike(field) {
			field.set("clock-off", true);
			return () => field.set("clock-off", false);
		},
	},
	"reader-slow": {
		async strike({ url, prisma }) {
			const run = await prisma.run.findFirst({ orderBy: { id: "desc" } });
			if (!run) return null;
			const { hostname, port } = new URL(url);
			const sockets = Array.from({ length: READERS }, (): Socket => {
				const socket = connect(Number(port), hostname).on("error", NOTHING);
				socket.write(
					`GET /runs/${run.id}/events HTTP/1.1\r\nHost: ${hostname}:${port}\r\nAccept: text/event-stream\r\n\r\n`,
				);
				return socket.pause();
			});
			return () => {
				for (const socket of sockets) socket.destroy();
			};
		},
	},
};
