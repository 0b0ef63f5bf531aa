// PostgreSQL, Redis and the connections to them.
import { readdirSync } from "node:fs";
import { parentOf } from "../../../services/supervisor/src/identity.js";
import { truncateQueue } from "../../support/queue-server.js";
import type { Faults } from "../fault.js";
import { killed, signal } from "./processes.js";

const NOTHING = () => undefined;

/** PostgreSQL and the process of each of its connections, which go on for as long as they like when it is stopped. */
function familyOf(server: number): number[] {
	const pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
	return [server, ...pids.filter((pid) => parentOf(pid) === server)];
}

export const backends: Faults = {
	"postgres-killed": { on: "embedded", strike: (field) => killed(field.postgresPid()) },
	"postgres-stopped": {
		on: "embedded",
		strike(field) {
			const server = field.postgresPid();
			const stopped = server ? familyOf(server).filter((pid) => signal(pid, "SIGSTOP")) : [];
			return stopped.length > 0 ? () => stopped.map((pid) => signal(pid, "SIGCONT")) : null;
		},
	},
	"connections-silent": {
		strike({ proxy }) {
			proxy.freeze(true);
			return () => proxy.freeze(false);
		},
	},
	/** The shell that ends PostgreSQL when its supervisor is gone. */
	"keeper-killed": { on: "embedded", strike: (field) => killed(parentOf(field.postgresPid())) },
	"connections-cut": {
		strike({ proxy }) {
			proxy.cutAll();
			return NOTHING;
		},
	},
	"commit-cut": {
		strike({ proxy }) {
			proxy.cutAfterCommits(true);
			return () => proxy.cutAfterCommits(false);
		},
	},
	"queue-emptied": {
		async strike(field) {
			await (field.redis ? field.redis.empty() : truncateQueue(field));
			return NOTHING;
		},
	},
	"redis-restarted": {
		on: "services",
		async strike({ redis }) {
			await redis?.restart();
			return NOTHING;
		},
	},
};
