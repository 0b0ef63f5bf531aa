// npm run bench -- http: one checkpoint and the same requests against Valence, the ceiling, FastAPI, BentoML and MLflow.
// One subject runs at a time; whatever was started ends with us, and a home that was made is removed.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { filesOf } from "../services/cli/src/file-roles.js";
import { bold, say } from "../services/supervisor/src/terminal.js";
import { askPython, Bench } from "./http/bench.js";
import { atEnd, runBench, stopping } from "./http/ends.js";
import { Generator } from "./http/generator.js";
import { thisMachine } from "./http/machine.js";
import { type Options, parseOptions, USAGE } from "./http/options.js";
import { takePlace } from "./http/ours.js";
import { installPeers, isPeer, versionOf } from "./http/peers.js";
import { markdownOf } from "./http/report.js";
import { type Results, type Row, readResults, rowsOfRepeats, type SubjectName, writeResults } from "./http/results.js";

/** False when a subject has failed; peers that are not installed are no failure. */
async function main(options: Options): Promise<boolean> {
	if (options.data) filesOf([options.data]); // before anything starts
	const python = await askPython(["-c", "import platform; print(platform.python_version())"]);
	const machine = thisMachine(python.trim());
	const reason = options.only.some(isPeer) ? await installPeers() : null;
	if (reason) say(`  peers are left out, they are not installed: ${reason}`);
	const place = takePlace(options.home);
	atEnd(() => place.end());
	if (place.address && options.requests > 0)
		throw new Error(`--requests needs a Valence that the bench has started: stop that at ${place.address}`);
	const folder = mkdtempSync(join(tmpdir(), "valence-bench-"));
	atEnd(() => rmSync(folder, { recursive: true, force: true }));
	const generator = await Generator.start();
	atEnd(() => generator.stop());

	const bench = new Bench(options, place, folder, generator);
	const missing = new Map<SubjectName, string>();
	if (reason) for (const name of options.only.filter(isPeer)) missing.set(name, reason);
	const repeats: Row[][] = [];
	for (let repeat = 0; repeat < options.repeats; repeat++) {
		say(`\n${bold(options.repeats > 1 ? `Repeat ${repeat + 1} of ${options.repeats}` : "Measure")}`);
		const rows = await bench.ours(repeat);
		for (const name of options.only) {
			if (name === "ours" || missing.has(name)) continue;
			// What is wrong with one of them must not cost what was measured of the others.
			await bench.other(name, repeat).then(
				(more) => rows.push(...more),
				(error: Error) => {
					stopping.throwIfAborted();
					missing.set(name, `failed: ${error.message}`);
					process.stderr.write(`\n${error.message}\n`);
				},
			);
		}
		repeats.push(rows);
	}
	const results: Results = {
		madeAt: new Date().toISOString(),
		machine,
		...bench.found(),
		settings: { seconds: options.seconds, repeats: options.repeats },
		subjects: options.only.map((name) => ({
			name,
			version: name === "ours" ? null : versionOf(name),
			missing: missing.get(name) ?? null,
		})),
		rows: rowsOfRepeats(repeats).filter(({ subject }) => !missing.has(subject)),
	};
	writeResults(options.out, results);
	// Read again: numbers are rounded when they are written, and a second rounding must not print another digit.
	say(`\n${markdownOf(readResults(options.out))}\n\n  written to ${bold(options.out)}`);
	return reason !== null || missing.size === 0;
}

await runBench(async () => {
	const options = parseOptions(process.argv.slice(2));
	if (!options) say(USAGE);
	else if (!options.print) return main(options);
	else if (existsSync(options.out)) say(markdownOf(readResults(options.out)));
	else throw new Error(`${options.out} is not there: npm run bench -- http makes it`);
	return true;
});
