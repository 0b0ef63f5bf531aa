// How many requests a minute a key may send: counted in Redis where there is one, so that all processes count together, else in this one's
// memory. Who has no limit costs nothing.
import limits from "@fastify/rate-limit";
import type { FastifyRequest } from "fastify";
import fp from "fastify-plugin";
import { Redis } from "ioredis";
import { ApiError } from "../http/errors.js";

const WINDOW_MS = 60_000;
/** A person waits for the answer; without a count they get it. */
const MOST_WAIT_MS = 250;

export default fp(
	async (app) => {
		const { redisUrl, queuePrefix } = app.config;
		const options = { enableOfflineQueue: false, maxRetriesPerRequest: 0, commandTimeout: MOST_WAIT_MS };
		const redis = redisUrl ? new Redis(redisUrl, options) : null;
		redis?.on("error", (err) => app.log.warn({ err }, "requests are not counted"));
		app.addHook("onClose", async () => redis?.disconnect());

		await app.register(limits, {
			global: false,
			timeWindow: WINDOW_MS,
			max: (request: FastifyRequest) => request.key?.rateLimit ?? Number.MAX_SAFE_INTEGER,
			keyGenerator: ({ key }: FastifyRequest) => key?.id ?? key?.by ?? "",
			skipOnError: true,
			...(redis && { redis, nameSpace: `${queuePrefix}:rate:` }),
		});
		const count = app.createRateLimit();
		app.addHook("onRequest", async (request) => {
			if (request.key?.rateLimit == null) return;
			const counted = await count(request);
			if (counted.isAllowed || !counted.isExceeded) return;
			const message = `This key may send ${counted.max} requests a minute.`;
			throw new ApiError("rate_limited", message, [], Math.max(1, counted.ttlInSeconds));
		});
	},
	{ name: "rate-limits", dependencies: ["authentication"] },
);
