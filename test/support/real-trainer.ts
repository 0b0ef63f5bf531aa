// The real Python trainer as a process, behind the api's own client.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Fastify, { type FastifyInstance } from "fastify";
import type { Config } from "../../services/api/src/config.js";
import cataloguePlugin from "../../services/api/src/plugins/catalogue.js";
import trainerPlugin from "../../services/api/src/plugins/trainer.js";
import modelsRoute from "../../services/api/src/routes/models.js";
import { timings } from "../../services/api/src/timings.js";
import { freePort } from "../../services/supervisor/src/ports.js";
import { Process, until } from "./processes.js";

export const TRAINER = join(process.cwd(), "services/trainer-py");

/** unaryCall: milliseconds that a question may take. */
export async function connectTrainer(address: string, unaryCall = 10_000): Promise<FastifyInstance> {
	const connected = Fastify();
	connected.decorate("config", { trainerAddress: address, timings: { ...timings(1), unaryCall } } as Config);
	for (const plugin of [trainerPlugin, cataloguePlugin, modelsRoute]) await connected.register(plugin);
	await connected.ready();
	return connected;
}

export async function startRealTrainer(more: Record<string, string> = {}) {
	const artifacts = mkdtempSync(join(tmpdir(), "valence-contract-"));
	const address = `127.0.0.1:${await freePort()}`;
	const env = { TRAINER_LISTEN: address, VALENCE_ARTIFACTS: artifacts, EXIT_WITH_STDIN: "1", ...more };
	const server = new Process("trainer", join(TRAINER, ".venv/bin/python"), ["-m", "trainer", "serve"], env, TRAINER);
	const app = await connectTrainer(address);
	const stop = async () => {
		await app.close();
		await server.end("SIGTERM");
		rmSync(artifacts, { recursive: true, force: true });
	};
	try {
		await until("the trainer answers", () =>
			app.trainer.reach().then(
				() => true,
				() => false,
			),
		);
	} catch (error) {
		await stop();
		throw error;
	}
	return { app, server, artifacts, stop };
}
