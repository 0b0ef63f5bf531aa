// `valence`: runs the command line of this process, and ends it with the command's status.
import { run } from "./program.js";

// Who reads the beginning of a list and closes the pipe has what they wanted.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
	if (error.code !== "EPIPE") throw error;
	process.exit(0);
});
process.exit(await run(process.argv.slice(2)));
