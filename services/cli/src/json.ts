// What a command came to, for programs: alone on standard output, and one line of JSON on standard error where it is refused.
import { Problem } from "@valence/client";
import { leaveStandardOutput } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { Failure } from "./failure.js";

export const jsonOption = <T>(yargs: Argv<T>, what: string) =>
	yargs.option("json", { type: "boolean", describe: `Print ${what} as JSON, for programs` });

/** `work` calls `print` once, with what it came to. `isTold`: whether people are told meanwhile, on standard error. */
export async function inJson(
	json: boolean | undefined,
	work: (print: (answer: unknown) => void) => unknown,
	{ isTold = false } = {},
): Promise<void> {
	if (json) leaveStandardOutput({ isTold });
	try {
		await work((answer) => void (json && process.stdout.write(`${jsonOf(answer, 2)}\n`)));
	} catch (error) {
		const cause = error instanceof Failure ? error.cause : error;
		if (json && cause instanceof Problem) {
			const { status, code, detail, errors, instance } = cause;
			process.stderr.write(`${jsonOf({ status, code, detail, errors, instance })}\n`);
		} else if (json && cause !== error && cause !== undefined) process.stderr.write(`${jsonOf(cause)}\n`);
		throw error;
	}
}

/** JSON escapes what steers a terminal but for DEL and the controls after it. */
const jsonOf = (value: unknown, indent = 0): string =>
	JSON.stringify(value, null, indent).replace(/[\u007f-\u009f]/g, (one) => `\\u00${one.charCodeAt(0).toString(16)}`);
