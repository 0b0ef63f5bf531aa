// Process 1: the HTTP API and the dashboard.
import { buildApp } from "./app.js";
import { migrate } from "./migrate.js";
import { runProcess } from "./process.js";

await runProcess("api", async (config) => {
	await migrate(config.databaseUrl);
	const app = await buildApp(config, "routes");
	await app.listen({ host: config.host, port: config.port });
	return app;
});
