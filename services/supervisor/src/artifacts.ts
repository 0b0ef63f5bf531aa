// Where the artifacts lie: in the home, or, where the database is somebody's own, in the folder of VALENCE_ARTIFACTS.
import { join, resolve } from "node:path";

export function artifactsOf(home: string, env: NodeJS.ProcessEnv): string {
	const { DATABASE_URL: url, VALENCE_ARTIFACTS: folder } = env;
	if (!url || !folder) return join(home, "artifacts");
	// npm runs scripts in the root of the checkout; paths mean the folder where the command was typed.
	return resolve(env.INIT_CWD ?? ".", folder);
}
