// Brings the database up to date and ends: what an upgrade runs before anything of the new version starts.
import { BadSetting, readConfig } from "./config.js";
import { migrate } from "./migrate.js";

try {
	const applied = await migrate(readConfig().databaseUrl);
	process.stdout.write(applied.length > 0 ? `applied ${applied.join(", ")}\n` : "nothing to apply\n");
} catch (error) {
	process.stderr.write(`migration: ${error instanceof Error ? error.message : error}\n`);
	process.exitCode = error instanceof BadSetting ? 2 : 1;
}
