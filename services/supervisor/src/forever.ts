// Runs a stack until it is told to stop; a second Ctrl-C does not wait.
import { HomeTaken, takeHome } from "./home.js";
import { DEFAULT_HOME } from "./paths.js";
import { isFree } from "./ports.js";
import { type Stack, type StackOptions, startStack } from "./stack.js";
import { bold, dim, say, step } from "./terminal.js";

interface Forever extends Partial<StackOptions> {
	onStarted?: (stack: Stack) => void;
}

export async function runForever({ onStarted, ...options }: Forever = {}): Promise<void> {
	const port = Number(process.env.PORT || 3000);
	const address = `http://127.0.0.1:${port}`;
	let home: { release(): void } | null = null;
	let stack: Stack | null = null;
	let stopping = false;
	const stop = async (status: number) => {
		if (stopping) {
			stack?.kill();
			process.exit(1);
		}
		stopping = true;
		say(`\n${dim("stopping …")}`);
		await stack?.stop();
		home?.release();
		process.exit(status);
	};
	process.on("SIGINT", () => void stop(0));
	process.on("SIGTERM", () => void stop(0));
	try {
		if (!(Number.isInteger(port) && port > 0 && port < 65536))
			throw new Error(`PORT takes a number from 1 to 65535, not ${process.env.PORT}`);
		home = takeHome(DEFAULT_HOME, address);
		if (!(await isFree(port))) throw new Error(`port ${port} is taken; choose another with PORT=…`);
		stack = await step("Start PostgreSQL, trainer, recommender, worker and api", () =>
			startStack({ home: DEFAULT_HOME, port, tell: (message) => say(message), ...options }),
		);
		say(
			`\n  dashboard  ${bold(`${address}/ui/`)}\n  API        ${address}/docs\n  data       ${DEFAULT_HOME}\n\n  Ctrl-C stops it.`,
		);
		onStarted?.(stack);
	} catch (error) {
		if (!(error instanceof HomeTaken)) home?.release();
		process.stderr.write(`\n${error instanceof Error ? error.message : error}\n`);
		process.exit(1);
	}
}
