// The real recommender behind the api, and checkpoints that were trained beside it.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../services/supervisor/src/ports.js";
import { startApi, type TestApi } from "./api.js";
import { Process, until } from "./processes.js";
import { TRAINER } from "./real-trainer.js";

const PYTHON = join(TRAINER, ".venv/bin/python");

/** As `python -m trainer` is typed. */
export const trainer = (...given: string[]) =>
	execFileSync(PYTHON, ["-m", "trainer", ...given], { cwd: TRAINER, encoding: "utf8" });

/** Trains on a folder of files, and tells where the checkpoint lies. */
export function trained(
	artifacts: string,
	model: string,
	data: string,
	...sets: string[]
): { key: string; sha256: string } {
	const runs = join(artifacts, "runs");
	const known = new Set(existsSync(runs) ? readdirSync(runs) : []);
	const given = sets.flatMap((set) => ["--set", set]);
	trainer("train", "--model", model, "--data", data, "--out", artifacts, ...given);
	const run = readdirSync(runs).find((name) => !known.has(name)) as string;
	const key = `runs/${run}/${readdirSync(join(runs, run))[0]}`;
	const manifest = readFileSync(join(artifacts, key, "manifest.json"));
	return { key, sha256: createHash("sha256").update(manifest).digest("hex") };
}

/** Both, once the recommender answers; whoever starts them ends them. */
export async function startOnRecommender(artifacts: string): Promise<{ api: TestApi; recommender: Process }> {
	const address = `127.0.0.1:${await freePort()}`;
	const env = { RECOMMENDER_LISTEN: address, VALENCE_ARTIFACTS: artifacts, EXIT_WITH_STDIN: "1" };
	const recommender = new Process("recommender", PYTHON, ["-m", "trainer", "serve-recommender"], env, TRAINER);
	const api = await startApi({ RECOMMENDER_ADDRESS: address });
	const isThere = () =>
		api.app.recommender.reach().then(
			() => true,
			() => false,
		);
	await until("it answers", isThere, 60);
	return { api, recommender };
}
