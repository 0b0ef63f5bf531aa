// The steps of `npm test`: which are wanted, what each came to, and the closing line.
const asked = process.argv.indexOf("--only");
const only = asked < 0 ? "" : (process.argv[asked + 1] ?? "");

let passed = 0;
let failed = 0;
/** Of those that passed. */
let atSecond = 0;
let found = false;
/** What must not be overlooked: it is said once more at the end. */
export const loud = [];
const failures = [];

/** Whether this step is to run, which somebody may have asked for even where it cannot. */
export function wanted(name) {
	const isWanted = name.includes(only);
	found ||= isWanted;
	return isWanted;
}

/** Steps one after the other. */
export const row = async (...steps) => {
	for (const work of steps) await work();
};

/** What is there for a wanted step, and is not: a failure where all has to run. */
export function missing(what) {
	loud.push(what);
	if (process.env.CI === "true") failed += 1;
}

/**
 * `work` returns how many tests passed, or nothing where it is one check; `later`: how many files run once more at the end. What it throws
 * is told, with its `counts` and, a line or a few for each, what `broke`.
 */
export async function step(name, work, { always = false } = {}) {
	if (!wanted(name) && !always) return;
	const started = Date.now();
	console.log(`» ${name} …`);
	let counts;
	let said = "";
	let broke = [];
	try {
		counts = await work();
	} catch (error) {
		said = `${error.message.trimEnd()}\n`;
		counts = error.counts ?? { passed: 0, failed: 1 };
		broke = error.broke ?? [];
	}
	passed += counts?.passed ?? 1;
	failed += counts?.failed ?? 0;
	atSecond += counts?.atSecond ?? 0;
	failures.push(...broke);
	const outcome = counts?.failed ? "FAILED" : "ok";
	const later = counts?.later ? `, ${counts.later} files once more at the end` : "";
	const detail = counts?.passed === undefined ? "" : ` (${counts.passed} passed, ${counts.failed} failed${later})`;
	console.log(`${said}  ${name}: ${outcome} ${((Date.now() - started) / 1000).toFixed(1)} s${detail}`);
	for (const line of broke) console.log(`  ${line}`); // what was said above may be long, or not be kept
}

/** Goes on only where nothing has failed yet. */
export function stopWhereBroken() {
	if (failed > 0) finish();
}

export function finish() {
	if (!found && failed === 0) {
		loud.push(`no step is named like ${only}`);
		failed += 1;
	}
	for (const line of failures) console.log(line);
	for (const line of loud) console.log(`!! ${line}`);
	console.log(`\n${passed} passed${atSecond > 0 ? ` (${atSecond} at a second attempt)` : ""}, ${failed} failed`);
	process.exit(failed === 0 ? 0 : 1);
}
