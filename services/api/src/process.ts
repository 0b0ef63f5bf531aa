// The frame of both processes: bad settings stop it with one line, signals and a closed stdin end it in order.
import type { FastifyInstance } from "fastify";
import { BadSetting, type Config, readConfig } from "./config.js";
import { traceBy, tracing } from "./tracing.js";

export async function runProcess(name: string, start: (config: Config) => Promise<FastifyInstance>): Promise<void> {
	let config: Config;
	try {
		config = readConfig();
	} catch (error) {
		if (!(error instanceof BadSetting)) throw error;
		process.stderr.write(`${name}: ${error.message}\n`);
		process.exit(2);
	}
	let app: FastifyInstance;
	try {
		if (config.traces) traceBy((await import("./open-telemetry.js")).openTelemetry(`valence-${name}`));
		app = await start(config);
	} catch (error) {
		process.stderr.write(`${name} cannot start: ${error instanceof Error ? (error.stack ?? error.message) : error}\n`);
		process.exit(1);
	}
	let ending = false;
	const end = (reason: string) => {
		if (ending) return;
		ending = true;
		app.log.info({ reason }, `${name} stops`);
		setTimeout(() => process.exit(1), config.timings.shutdown).unref();
		app
			.close()
			.then(() => tracing().end())
			.then(
				() => process.exit(0),
				() => process.exit(1),
			);
	};
	process.on("SIGTERM", () => end("SIGTERM"));
	process.on("SIGINT", () => end("SIGINT"));
	if (config.exitWithStdin)
		process.stdin
			.on("end", () => end("stdin closed"))
			.on("error", () => end("stdin"))
			.resume();
}
