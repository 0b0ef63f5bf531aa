// npm run paper -- RECIPE --dataset NAME: trains what a table or figure of the paper needs, and prints it.
import { join } from "node:path";
import { Client } from "./client.js";
import { HomeTaken, takeHome } from "./home.js";
import { Board } from "./paper/board.js";
import { readResults, writeResults } from "./paper/files.js";
import { findFolder } from "./paper/folder.js";
import { type Options, parseOptions, USAGE } from "./paper/options.js";
import { checkMetrics, selectRows } from "./paper/plan.js";
import { print } from "./paper/printing.js";
import { failuresOf } from "./paper/proof.js";
import { readRecipe } from "./paper/recipe.js";
import { reproduce } from "./paper/reproduce.js";
import { withEarlierRows } from "./paper/results.js";
import { readSettings } from "./paper/setting.js";
import { DEFAULT_HOME } from "./paths.js";
import { type Stack, startStack } from "./stack.js";
import { bold, dim, say, step } from "./terminal.js";

const HOME = join(DEFAULT_HOME, "paper");
const board = new Board();
let stack: Stack | null = null;
let home: { release(): void } | null = null;
let stopping: Promise<void> | null = null;

/** Returns how many rows lack a run. */
async function main(options: Options): Promise<number> {
	const whole = readRecipe(options.recipe);
	const recipe = selectRows({ ...whole, seeds: options.seeds ?? whole.seeds }, options.models);
	checkMetrics(recipe);
	const folder = findFolder(options.dataset, options.data, HOME);
	const settings = readSettings(options.dataset);
	say(`\n${bold(`${recipe.title} on ${options.dataset}`)}\n`);
	const url = options.url ?? (await ownService());
	say(dim(`  dashboard ${url}/ui/`));
	const api = new Client(url, options.key);
	const reuse = options.reuse ? options.out : null;
	const results = await reproduce(api, { recipe, settings, folder, own: options.url === null, url, reuse, board });
	const all = withEarlierRows(results, readResults(options.out, whole.name, results.dataset.name), whole);
	print(all);
	const kept = all.rows.length - results.rows.length;
	if (kept > 0) say(dim(`  kept from the file that was there: ${kept} of the rows`));
	say(`\n  written to ${bold(`${writeResults(options.out, all)}.{md,csv,tex,json}`)}`);
	return failuresOf(results).length;
}

async function ownService(): Promise<string> {
	home = takeHome(HOME);
	stack = await step("Start PostgreSQL, trainer, recommender, worker and api", () =>
		startStack({ home: HOME, port: 0, tell: (message) => board.keep(message) }),
	);
	return stack.url;
}

async function stop(): Promise<void> {
	await stack?.stop();
	home?.release();
}

function interrupt(isOwn: boolean): void {
	if (stopping) {
		stack?.kill();
		process.exit(130);
	}
	board.close();
	say(`\n${dim("stopping …")}`);
	stopping = stop();
	// A key has no place in what a terminal keeps.
	const given = process.argv
		.slice(2)
		.join(" ")
		.replace(/--key[= ]\S+/, "--key …");
	stopping.finally(() => {
		const rest = isOwn
			? "What is finished is kept."
			: "The service goes on without this command; its dashboard cancels what is under way.";
		say(`${rest} The same command goes on from here:\n  npm run paper -- ${given}`);
		process.exit(130);
	});
}

function inWords(error: unknown): string {
	if (error instanceof HomeTaken)
		return `${error.message}\nanother npm run paper is at work there; wait for it or stop it`;
	if (!(error instanceof Error)) return String(error);
	// fetch says only that it failed; the cause says of what.
	return error.cause instanceof Error ? `the service does not answer: ${error.cause.message}` : error.message;
}

try {
	const options = parseOptions(process.argv.slice(2));
	if (!options) {
		say(USAGE);
		process.exit(0);
	}
	for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => interrupt(options.url === null));
	const missing = await main(options);
	await stop();
	if (missing > 0) say(`\n  ${missing} runs are missing; the same command tries them again.`);
	process.exit(missing > 0 ? 1 : 0);
} catch (error) {
	// Requests that fail because we are stopping are no news.
	if (stopping) await new Promise(() => undefined);
	board.clear();
	process.stderr.write(`\n${inWords(error)}\n`);
	await stop();
	process.exit(1);
}
