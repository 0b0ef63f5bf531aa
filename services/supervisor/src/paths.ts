// Where things lie in a checkout.
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
export const API = join(ROOT, "services/api");
export const TRAINER = join(ROOT, "services/trainer-py");
export const PYTHON = join(TRAINER, ".venv/bin/python");
export const DEFAULT_HOME = process.env.VALENCE_HOME || join(ROOT, ".valence");
export const RECIPES = join(ROOT, "recipes");
export const RESULTS = join(ROOT, "bench/results");
export const SHARED_DATA = join(ROOT, "../shared/data");
