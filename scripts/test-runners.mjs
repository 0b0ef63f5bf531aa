// Jest and pytest as steps of `npm test`: their own reports are what counts.
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { ROOT, run } from "./running.mjs";
import { loud, step } from "./steps.mjs";

const VENV = join(ROOT, "services/trainer-py/.venv/bin");
/** Where the runners report, and tests keep what several of them begin with. */
export const reports = mkdtempSync(join(tmpdir(), "valence-test-"));

/** Runs a test runner; an empty report is a failure. */
async function tests(command, args, env, count) {
	let output = "";
	let broke = null;
	try {
		output = await run(command, args, { env });
	} catch (error) {
		broke = error;
		output = error.message;
	}
	const counts = count(output);
	if (counts.passed + counts.failed === 0 || (broke && counts.failed === 0)) counts.failed += 1;
	return { counts, output };
}

function settled({ counts, output, broke = [] }) {
	if (counts.failed > 0) throw Object.assign(new Error(output), { counts, broke });
	return counts;
}
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours
const COLOURS = /\u001b\[\d*m/g;
const indented = (text) =>
	text
		.replaceAll(COLOURS, "")
		.split("\n")
		.slice(0, 12)
		.map((line) => `    ${line}`)
		.join("\n");
const told = ({ path, said }) => `FAILED ${path}\n${indented(said)}`;

async function jestOnce(name, paths, env) {
	const report = join(reports, `${name}.json`);
	const given = ["--json", `--outputFile=${report}`, "--maxWorkers=1", "--forceExit", ...paths];
	let files = [];
	let pending = 0;
	const sum = (what) => files.reduce((total, file) => total + file[what], 0);
	const { counts, output } = await tests(
		process.execPath,
		["--import", "tsx", join(ROOT, "node_modules/jest/bin/jest.js"), ...given],
		env,
		() => {
			if (!existsSync(report)) return { passed: 0, failed: 0 };
			const found = JSON.parse(readFileSync(report, "utf8"));
			pending = found.numPendingTests;
			files = found.testResults.map(({ name: file, status, message, assertionResults }) => {
				const failing = assertionResults.filter((one) => one.status === "failed");
				const said = failing.map(({ fullName, failureMessages: [why] }) => `${fullName}: ${why}`).join("\n");
				return {
					path: relative(ROOT, file),
					said: said || message,
					passed: assertionResults.filter((one) => one.status === "passed").length,
					// A file that cannot be loaded, or fails at its end, fails though none of its tests has.
					failed: status === "failed" ? failing.length || 1 : 0,
				};
			});
			return { passed: sum("passed"), failed: sum("failed") };
		},
	);
	const broken = files.filter(({ failed }) => failed > 0);
	return { counts, output, broken, broke: broken.map(told), pending };
}

/** So many files fail by chance; more than these do not. */
const BY_CHANCE = 3;
const postponed = [];

/**
 * Many of these tests kill processes and measure time, with another file beside them on a machine that may be slow. A file that fails runs
 * once more, alone, at the end of all. What fails again has failed; what passes is told, with what it said the first time: it is to be
 * mended.
 */
export async function jest(name, paths, env) {
	const first = await jestOnce(name, paths, env);
	if (first.pending > 0)
		loud.push(`NOT RUN: ${first.pending} tests of ${name} (some need root or namespaces, one zsh)`);
	const { broken } = first;
	if (broken.length === 0 || broken.length > BY_CHANCE) return settled(first);
	console.log(`${first.output}\n${first.broke.join("\n")}`);
	for (const before of broken) postponed.push({ name, before, env });
	const passed = first.counts.passed - broken.reduce((total, file) => total + file.passed, 0);
	return { passed, failed: 0, later: broken.length };
}

/** What the steps before have left for the end. */
export async function jestOnceMore() {
	for (const [nth, { name, before, env }] of postponed.entries()) {
		const again = `${name}-again-${nth}`;
		const work = async () => {
			const second = await jestOnce(again, [before.path], env);
			const broke = second.broke.length > 0 ? second.broke : [told(before)];
			const counts = settled({ ...second, broke });
			loud.push(`PASSED ONLY AT A SECOND ATTEMPT, alone (${name}): ${before.path}\n${indented(before.said)}`);
			return { ...counts, atSecond: before.failed };
		};
		await step(`once more, alone: ${before.path} (${name})`, work, { always: true });
	}
}

export const pytest = async (paths) => {
	const broke = [];
	// One thread a process: two processes that each use every core would only wait for each other.
	const given = ["-q", "-n", "2", "--dist", "worksteal", ...paths];
	const ran = await tests(join(VENV, "pytest"), given, { OMP_NUM_THREADS: "1" }, (output) => {
		const number = (word) => Number(output.match(new RegExp(`(\\d+) ${word}`))?.[1] ?? 0);
		if (number("skipped") > 0) loud.push(`NOT RUN: ${number("skipped")} Python tests (pytest -rs says why)`);
		broke.push(...(output.match(/^(FAILED|ERROR) .*/gm) ?? []));
		return { passed: number("passed"), failed: number("failed") + number("errors?") };
	});
	return settled({ ...ran, broke });
};
