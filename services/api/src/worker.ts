// Process 2: takes jobs from the queue and has the trainer do them.
import { buildApp } from "./app.js";
import { migrate } from "./migrate.js";
import { runProcess } from "./process.js";

await runProcess("worker", async (config) => {
	await migrate(config.databaseUrl);
	const app = await buildApp(config, "jobs");
	app.get("/healthz", async () => ({ status: "ok" }));
	if (config.workerHealthPort > 0) await app.listen({ host: config.host, port: config.workerHealthPort });
	else await app.ready();
	return app;
});
