// The command line: every command with its options, and how it ends.
import { complain, forgetNow } from "@valence/supervisor/terminal";
import yargs, { type Argv } from "yargs";
import { backup, restore } from "./commands/backup.js";
import { bench } from "./commands/bench.js";
import { cancel } from "./commands/cancel.js";
import { compare } from "./commands/compare.js";
import { completion } from "./commands/completion.js";
import { contexts, login } from "./commands/contexts.js";
import { datasets } from "./commands/datasets.js";
import { demo } from "./commands/demo.js";
import { deploy } from "./commands/deploy.js";
import { dev } from "./commands/dev.js";
import { doctor } from "./commands/doctor.js";
import { exportLists } from "./commands/export.js";
import { FEED, feed, feeds } from "./commands/feeds.js";
import { homes } from "./commands/homes.js";
import { importFiles } from "./commands/import.js";
import { KEYS, keys } from "./commands/keys.js";
import { MACHINES, machines } from "./commands/machines.js";
import { metrics } from "./commands/metrics.js";
import { models } from "./commands/models.js";
import { outcomes } from "./commands/outcomes.js";
import { paper } from "./commands/paper.js";
import { recommend, similar } from "./commands/recommend.js";
import { refitRun } from "./commands/refit.js";
import { REFRESH, refresh } from "./commands/refresh.js";
import { rollback } from "./commands/rollback.js";
import { runs } from "./commands/runs.js";
import { search } from "./commands/search.js";
import { start, stop } from "./commands/start.js";
import { train } from "./commands/train.js";
import { namesFor } from "./completing.js";
import { withStdin } from "./contents.js";
import { Failure, STATUS, wrongUsage } from "./failure.js";
import { VERSION } from "./version.js";

/** In the order of the help: what a stranger needs first comes first. */
const COMMANDS = [
	...[demo, start, stop, doctor],
	...[importFiles, train, runs, cancel, search, compare, refitRun, deploy, refresh, rollback],
	...[recommend, similar, outcomes, exportLists],
	...[datasets, feed, feeds, models, metrics, machines, login, contexts, keys, completion],
	...[paper, bench, dev, backup, restore, homes],
];
const WIDEST = 110;
/** What the scripts of `valence completion` call. */
export const COMPLETE = "--complete";

export function program(argv: string[]): Argv {
	const bare = yargs(argv)
		.scriptName("valence")
		.usage("$0 COMMAND\n\nFrom a file of interactions to recommendations that say which interest each is for.")
		.parserConfiguration({
			"dot-notation": false,
			"parse-numbers": false,
			"parse-positional-numbers": false,
			"strip-aliased": true,
		})
		.locale("en")
		.wrap(Math.min(WIDEST, process.stdout.columns || WIDEST))
		.version(VERSION)
		.help()
		.alias("help", "h")
		.example("$0 import ratings.csv", "upload a file; its columns are recognised")
		.example("$0 train valid popularity --watch", "train two models and watch them")
		.example("$0 deploy best", "serve the best one")
		.example("$0 recommend 42", "ask it")
		.epilogue(
			"Ends with 0 done, 1 failed, 2 wrong usage, 3 refused by the service, 4 no service there, 5 not good enough. docs/cli.md",
		)
		.demandCommand(1, "A command is needed; valence --help lists them.")
		.recommendCommands()
		.strict()
		.exitProcess(false)
		.middleware(onceEach(), true)
		.fail((message, error) => {
			// What reading an option throws comes as yargs's own error.
			const isOfCommand = error && error.name !== "YError";
			throw isOfCommand ? error : new Failure(inOurWords(message ?? error.message, argv), STATUS.usage, true);
		});
	return COMMANDS.reduce<Argv>((line, register) => register(line), bare);
}

/** Prints what may stand in the place of the last word; `line` begins with the command itself. */
async function complete(line: string[]): Promise<void> {
	const names = await namesFor(line);
	// zsh shows what follows a colon as a description.
	const written = process.env.SHELL?.includes("zsh") ? (name: string) => name.replace(/[\\:]/g, "\\$&") : String;
	if (names) process.stdout.write(names.map((name) => `${written(name)}\n`).join(""));
	else
		await program(["--get-yargs-completions", ...line])
			.completion("completions", false)
			.parseAsync();
}

/** Throws for an option that is given twice and means one thing. */
function onceEach() {
	let isLooked = false;
	return (argv: Record<string, unknown>, line?: Argv): void => {
		// Of a group yargs asks again once the command is done, and has made lists of texts by then.
		if (isLooked) return;
		isLooked = true;
		const { array } = (line as unknown as { getOptions(): { array: string[] } }).getOptions();
		const twice = Object.keys(argv).find(
			(name) => !["_", "--"].includes(name) && Array.isArray(argv[name]) && !array.includes(name),
		);
		if (twice) throw wrongUsage(`${twice.length === 1 ? "-" : "--"}${twice} is given twice`);
	};
}

/** Runs a command line to its exit status. */
export async function run(argv: string[]): Promise<number> {
	const [first, ...line] = argv;
	try {
		if (first === COMPLETE) await complete(line);
		else await program(withStdin(argv)).parseAsync();
		return Number(process.exitCode ?? STATUS.done);
	} catch (error) {
		forgetNow();
		const status = error instanceof Failure ? error.status : STATUS.failed;
		const lines = [inWords(error), ...(error instanceof Failure && error.needsHelp ? [hint(argv)] : [])];
		complain(lines.filter(Boolean).join("\n"));
		return status;
	}
}

/** Where the command line is explained. */
function hint([command = ""]: string[]): string {
	if (command === "" || command.startsWith("-")) return "";
	return isCommand(command)
		? `valence ${command} --help shows how it is used.`
		: `There is no command ${command}; valence --help lists them.`;
}

function isCommand(name: string): boolean {
	return usageOf(name) !== undefined;
}

/** Commands of which the next word names one of several. */
const GROUPS = new Map<string | undefined, typeof COMMANDS>([
	["feed", FEED],
	["keys", KEYS],
	["machines", MACHINES],
	["refresh", REFRESH],
]);

/** As `backup <file>`; of a group what follows it names. */
function usageOf(name: string, what = ""): string | undefined {
	const found = usages(COMMANDS).find((usage) => usage.split(" ")[0] === name);
	const narrower = usages(GROUPS.get(name) ?? []).find((usage) => usage.split(" ")[0] === what);
	return narrower === undefined ? found : `${found} ${narrower}`;
}

function usages(commands: typeof COMMANDS): string[] {
	const found: string[] = [];
	const probe = { command: (usage: string | string[]) => found.push([usage].flat()[0] as string) };
	for (const register of commands) register(probe as unknown as Argv);
	return found;
}

/** yargs names options without their dashes. */
const asTyped = (names: string, typed: string[]) =>
	names
		.split(", ")
		.map((name) => typed.find((word) => word.replace(/=.*$/s, "") === `--${name}` || word === `-${name}`) ?? name)
		.map((word) => word.replace(/=.*$/s, ""))
		.join(", ");

/** What yargs finds wrong, said of what was typed. */
function inOurWords(message: string, typed: string[]): string {
	const [command = "", what = ""] = typed;
	if (/^Not enough (?!arguments following)/.test(message))
		return `something is missing: it is used as valence ${usageOf(command, what) ?? "COMMAND"}`;
	return message
		.replace(/^Invalid values:\s+Argument: (\S+), Given: (.+), Choices: (.+)$/s, "$1 takes $3, not $2")
		.replace(/^Unknown arguments?: (.*)$/, (_, names) => `${asTyped(names, typed)} is not known here`)
		.replace(/^Missing required arguments?: (.*)$/, "--$1 is needed")
		.replace(/^Not enough arguments following: (.*)$/, "--$1 takes a value")
		.replace(/^Arguments (\S+) and (\S+) are mutually exclusive$/, "--$1 does not go with --$2")
		.replace(/^Missing dependent arguments:\s+(\S+) -> (\S+)$/, "--$1 goes with --$2");
}

function inWords(error: unknown): string {
	if (!(error instanceof Error)) return String(error);
	return error instanceof Failure || !process.env.DEBUG ? error.message : (error.stack ?? error.message);
}
