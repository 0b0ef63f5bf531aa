// Makes the checkout ready, then becomes the command named first: in one process, so that a signal for npm reaches
// whatever is at work. Usage: node scripts/run.mjs MODULE [ARGUMENT ...]
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { setup } from "./setup.mjs";

const [node, , module, ...given] = process.argv;
try {
	await setup();
} catch (error) {
	console.error(error.message);
	process.exit(1);
}
const path = resolve(import.meta.dirname, "..", module);
process.argv = [node, path, ...given];
await import(pathToFileURL(path).href);
