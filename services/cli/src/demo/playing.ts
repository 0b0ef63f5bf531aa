// A demo from an empty machine to its end: a home and a service of its own, a tour of it, and all of it gone again.
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Client, connect } from "@valence/client";
import { takeDemoHome } from "@valence/supervisor/demo-home";
import { DEFAULT_HOME, quoted } from "@valence/supervisor/paths";
import { type Stack, startStack } from "@valence/supervisor/stack";
import { bold, dim, say, step } from "@valence/supervisor/terminal";
import { onWish } from "@valence/supervisor/wish";
import { pairOf, readValue } from "../arguments.js";
import { Board } from "../board.js";
import { localUrl } from "../contexts.js";
import { STATUS } from "../failure.js";

export interface Options {
	set?: string[] | undefined;
	seed: number;
	results: string | undefined;
	/** For a program that wants the figures. */
	print: (figures: unknown) => void;
	keep?: boolean | undefined;
}

/** What a tour is given: a service that nobody else uses, and a folder to write into. */
export interface Stage {
	api: Client;
	home: string;
	/** Configuration of the model, as `--set` says it. */
	params: Record<string, unknown>;
	board: Board;
}

/** Where somebody has asked for them. */
export async function tellFigures(
	{ results, print }: Pick<Options, "results" | "print">,
	figures: unknown,
): Promise<void> {
	print(figures);
	if (results === undefined) return;
	await mkdir(dirname(results), { recursive: true });
	await writeFile(results, `${JSON.stringify(figures, null, 2)}\n`);
	say(dim(`  figures written to ${results}`));
}

/** `again` is the command that leaves the dashboard open. Throws what the tour throws, once everything has stopped. */
export async function play(
	options: Options,
	{ title, again, tour }: { title: string; again: string; tour: (stage: Stage) => Promise<void> },
): Promise<void> {
	// Before anything starts.
	const given = Object.fromEntries((options.set ?? []).map((text) => pairOf("--set", text)));
	const params = Object.fromEntries(Object.entries(given).map(([field, text]) => [field, readValue(text)]));
	const home = takeDemoHome(join(DEFAULT_HOME, "demo"));
	// What others may look into, or what another database names, is not the demo's to remove.
	if (options.keep || process.env.DATABASE_URL) home.keep();
	let stack: Stack | null = null;
	let stopping: Promise<void> | null = null;
	const board = new Board();
	const stop = async () => {
		await stack?.stop();
		home.end();
	};
	onWish(() => {
		if (stopping) {
			stack?.kill();
			process.exit(STATUS.interrupted);
		}
		board.close();
		say(`\n${dim("stopping …")}`);
		// Before everything has started there is nothing to wait for: whatever is there ends with us.
		if (!stack) process.exit(STATUS.interrupted);
		stopping = stop();
		stopping.finally(() => process.exit(STATUS.interrupted));
	});
	try {
		say(bold(`\n${title}\n`));
		stack = await step("Start PostgreSQL, trainer, recommender, worker and api", () =>
			startStack({ home: home.home, port: 0, tell: (message) => say(message) }),
		);
		const broke = stack.broken.then((error) => {
			throw error;
		});
		await Promise.race([tour({ api: connect(stack.url), home: home.home, params, board }), broke]);
		if (options.keep) {
			say(`\nStill running: ${bold(`${stack.url}/ui/`)} (Ctrl-C stops it)`);
			say(
				`Its data stays in ${home.home}; ${bold(`VALENCE_HOME=${quoted(home.home)} npx valence start`)} opens it again.`,
			);
			await broke;
		}
	} catch (error) {
		// What breaks while everything is being stopped says nothing; the signal's handler ends the process.
		if (stopping) await new Promise(() => undefined);
		// The home with its logs stays for who wants to know why; the next demo takes it.
		await stack?.stop();
		throw error;
	}
	if (!stopping) {
		stopping = stop();
		await step(home.isKept ? "Shut everything down" : "Shut everything down and clear up", () => stopping ?? stop());
	}
	if (!options.keep) say(`\nThe dashboard with all this: ${bold(again)} leaves it open and says where.`);
	say(`With data of your own: ${bold("npx valence start")}, then open ${bold(`${localUrl(process.env)}/ui/`)}\n`);
}
