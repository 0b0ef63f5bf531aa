// Bundles api and worker with the packages that they use into few files: Node spends seconds of a start on finding, reading and
// compiling 800 small ones (docs/adr/0043). What autoload looks for, and what others import, stays a file of its own.
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const folder = fileURLToPath(new URL("..", import.meta.url));
const OWN_FILES = ["", "plugins/", "routes/", "jobs/"];
const IMPORTED = ["artifacts/artifact-lock.ts"];

/** CommonJS packages ask for these; one chunk declares none of its own. */
const COMMON_JS = `
import { createRequire as valenceCreateRequire } from "node:module";
import { dirname as valenceDirname } from "node:path";
import { fileURLToPath as valenceFileURLToPath } from "node:url";
const require = valenceCreateRequire(import.meta.url);
const __filename = valenceFileURLToPath(import.meta.url);
const __dirname = valenceDirname(__filename);
`.replaceAll("\n", " ");

await build({
	absWorkingDir: folder,
	entryPoints: [
		...OWN_FILES.flatMap((own) =>
			readdirSync(`${folder}src/${own}`)
				.filter((name) => name.endsWith(".ts"))
				.map((name) => `src/${own}${name}`),
		),
		...IMPORTED.map((name) => `src/${name}`),
	],
	outbase: "src",
	outdir: "dist",
	bundle: true,
	splitting: true, // chunks lie beside the entries: import.meta.url of src/*.ts stays that of dist/*.js
	format: "esm",
	platform: "node",
	target: "node20.19",
	sourcemap: true,
	sourcesContent: false,
	banner: { js: COMMON_JS },
	// They read files that lie beside them; pg would take pg-native where somebody has it.
	external: ["@fastify/swagger-ui", "@fastify/static", "pino", "pg-native"],
	logLevel: "warning",
});
