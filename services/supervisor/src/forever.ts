// Runs a stack until it is told to stop: by a signal, by valence stop, by its terminal, or because it cannot go on.
import { existsSync, renameSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { artifactsOf } from "./artifacts.js";
import { becomeOwn } from "./home/id.js";
import { HomeTaken, takeHome } from "./home/lock.js";
import { DEFAULT_HOME, TRAINER } from "./paths.js";
import { isFree } from "./ports.js";
import { reachableHost, type Stack, type StackOptions, startStack } from "./stack.js";
import { bold, complain, dim, say, step } from "./terminal.js";
import { onWish } from "./wish.js";

interface Forever extends Pick<StackOptions, "isNew" | "trustsCopy" | "node"> {
	onStarted?: (stack: Stack) => void;
}

/** Ends the process: with 0 when it was told to stop, with 1 when it cannot start or go on. */
export async function runForever({ onStarted, ...options }: Forever = {}): Promise<void> {
	let home: { release(): void } | null = null;
	let stack: Stack | null = null;
	let isStopping = false;
	let starting: Promise<unknown> | null = null;
	const giveUp = new AbortController();
	const stop = async (status: number) => {
		if (isStopping) {
			stack?.kill();
			process.exit(1);
		}
		isStopping = true;
		say(`\n${dim("stopping …")}`);
		giveUp.abort();
		await starting?.catch(() => undefined);
		await stack?.stop();
		home?.release();
		process.exit(status);
	};
	onWish(() => void stop(0));
	try {
		const port = Number(process.env.PORT || 3000);
		if (!(Number.isInteger(port) && port > 0 && port < 65536))
			throw new Error(`PORT takes a number from 1 to 65535, not ${process.env.PORT}`);
		const host = reachableHost(process.env.HOST);
		const address = `http://${host}:${port}`;
		home = takeHome(DEFAULT_HOME, address);
		if (!(await isFree(port, host))) throw new Error(`port ${port} is taken; choose another with PORT=…`);
		becomeOwn(DEFAULT_HOME);
		bringArtifactsHome();
		const { signal } = giveUp;
		const started = step("Start PostgreSQL, trainer, recommender, worker and api", () =>
			startStack({ home: DEFAULT_HOME, port, tell: (message) => say(message), signal, ...options }),
		);
		starting = started;
		stack = await started;
		if (isStopping) return;
		stack.broken.then((error) => {
			complain(`\n${error.message}`);
			void stop(1);
		});
		say(
			`\n  dashboard  ${bold(`${address}/ui/`)}\n  API        ${address}/docs\n  data       ${DEFAULT_HOME}\n  artifacts  ${artifactsOf(DEFAULT_HOME, process.env)}\n  database   ${databasePlace(stack)}\n  logs       ${DEFAULT_HOME}/logs\n\n  Ctrl-C or npx valence stop stops it. In another terminal: ${bold("npx valence import FILE")}, or open the dashboard.`,
		);
		onStarted?.(stack);
	} catch (error) {
		if (isStopping) return; // what breaks while everything is being stopped says nothing
		if (!(error instanceof HomeTaken)) home?.release();
		complain(`\n${error instanceof Error ? error.message : error}`);
		process.exit(1);
	}
}

function databasePlace({ postgres }: Stack): string {
	if (postgres) return postgres.place;
	const { host, pathname } = new URL(process.env.DATABASE_URL ?? "");
	return `${host}${pathname}, from DATABASE_URL`;
}

/** Earlier versions took a relative VALENCE_HOME for two folders, and the artifacts came to lie beside the trainer's code. */
function bringArtifactsHome(): void {
	const given = process.env.VALENCE_HOME;
	const [mislaid, artifacts] = [join(TRAINER, given ?? "", "artifacts"), join(DEFAULT_HOME, "artifacts")];
	if (!given || isAbsolute(given) || !existsSync(mislaid) || existsSync(artifacts)) return;
	renameSync(mislaid, artifacts);
	say(`the artifacts of this home moved in from ${mislaid}`);
}
