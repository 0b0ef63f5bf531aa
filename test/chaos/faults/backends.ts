// PostgreSQL, Redis and the connections to them.
import { parentOf } from "../../../services/supervisor/src/identity.js";
import { truncateQueue } from "../../support/queue-server.js";
import type { Faults } from "../fault.js";
import { killed } from "./processes.js";

const NOTHING = () => undefined;

export const backends: Faults = {
	"postgres-killed": { on: "embedded", strike: (field) => killed(field.postgresPid()) },
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
