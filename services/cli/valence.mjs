#!/usr/bin/env node
// The command `valence`, before anything is installed or built. What starts processes of this checkout makes it ready
// first; what only talks to a service does not wait for that. One process, so that a signal reaches whatever is at work.
import { existsSync, readFileSync } from "node:fs";

const STARTS = ["demo", "start", "dev", "paper", "bench", "homes", "backup", "restore"];
const entry = new URL("dist/main.js", import.meta.url);
const given = process.argv.slice(2);
const asksHelp = given.length === 0 || given.some((word) => ["--help", "-h"].includes(word));

if (!existsSync(entry) && (await answeredUnbuilt())) process.exit();
if (!existsSync(entry) || (STARTS.includes(given[0]) && !asksHelp)) {
	const { setup } = await import("../../scripts/setup.mjs");
	try {
		// Standard output is the command's own: a program may read it.
		await setup({ tell: console.error });
	} catch (error) {
		console.error(error.message);
		process.exit(1);
	}
}
await import(entry.href);

/** What can be told without a set-up is told without one: whoever asks what a machine lacks may not have it. */
async function answeredUnbuilt() {
	if (given[0] === "--complete") return true;
	if (given[0] === "--version") {
		console.log(JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8")).version);
		return true;
	}
	if (asksHelp) {
		console.log(
			"valence COMMAND\n\nNothing is set up yet: npm run setup does it, as does every command, for example npx valence demo.\n" +
				"Then valence --help lists the commands, as docs/cli.md does; valence doctor says what this machine lacks.",
		);
		return true;
	}
	if (given[0] !== "doctor") return false;
	const { findings } = await import("../../scripts/prerequisites.mjs");
	const found = findings();
	if (given.includes("--json")) console.log(JSON.stringify({ findings: found }, null, 2));
	else
		for (const { name, state, what, remedy } of found)
			console.log(
				`  ${state === "ok" ? "✓" : "✗"} ${name.padEnd(12)}  ${what}${remedy ? `\n${" ".repeat(18)}${remedy}` : ""}`,
			);
	process.exitCode = 1;
	return true;
}
