// Where the artifacts lie: in the home, or, where the database is somebody's own, where VALENCE_ARTIFACTS says: a folder, or
// an object store, which only the trainer and the recommender know more of.
import { join, resolve } from "node:path";

export const isObjectStore = (artifacts: string) => artifacts.includes("://");

export function artifactsOf(home: string, env: NodeJS.ProcessEnv): string {
	const { DATABASE_URL: url, VALENCE_ARTIFACTS: folder } = env;
	if (!url && folder && isObjectStore(folder))
		throw new Error(
			"VALENCE_ARTIFACTS names an object store, which goes with a database of yours: set DATABASE_URL, too",
		);
	if (!url || !folder) return join(home, "artifacts");
	if (isObjectStore(folder)) return folder;
	return typedPath(folder, env);
}

/** Where this machine keeps its copies of what lies in an object store. */
export const cacheOf = (home: string, env: NodeJS.ProcessEnv) =>
	env.VALENCE_CACHE ? typedPath(env.VALENCE_CACHE, env) : join(home, "cache");

// npm runs scripts in the root of the checkout; paths mean the folder where the command was typed.
const typedPath = (path: string, env: NodeJS.ProcessEnv) => resolve(env.INIT_CWD ?? ".", path);
