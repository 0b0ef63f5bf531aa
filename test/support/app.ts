// The app in Jest's module system, which breaks when autoload imports many modules at once that share others: each is
// loaded here first, one after the other.
import { readdir } from "node:fs/promises";
import type { FastifyInstance } from "fastify";
import type { Config } from "../../services/api/src/config.js";

const SOURCES = new URL("../../services/api/src/", import.meta.url);
/** By it Fastify calls a plugin; where there is none it looks through every module that Jest has loaded, for each plugin. */
const NAME = Symbol.for("fastify.display-name");

export async function buildApp(config: Config, load: "routes" | "jobs"): Promise<FastifyInstance> {
	for (const folder of ["plugins", load]) {
		for (const file of (await readdir(new URL(folder, SOURCES))).sort()) {
			const { default: plugin } = await import(new URL(`${folder}/${file}`, SOURCES).pathname);
			if (plugin) plugin[NAME] ??= `${folder}/${file}`; // some files of jobs/ are what several jobs share
		}
	}
	const app = await import("../../services/api/src/app.js");
	return app.buildApp(config, load);
}
