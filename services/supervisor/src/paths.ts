// Where things lie in a checkout.
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
export const API = join(ROOT, "services/api");
export const TRAINER = join(ROOT, "services/trainer-py");
export const PYTHON = join(TRAINER, ".venv/bin/python");
/** A relative one is of the checkout, where npm runs every command. */
export const DEFAULT_HOME = resolve(ROOT, process.env.VALENCE_HOME || ".valence");
export const RECIPES = join(ROOT, "recipes");
export const RESULTS = join(ROOT, "bench/results");
export const SHARED_DATA = join(ROOT, "../shared/data");

/** A path as a shell takes it, for commands that people copy. */
export const quoted = (path: string) => (/^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);
