// What a command came to, for programs: alone on standard output, while what is said for people goes to standard error.
import { leaveStandardOutput } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";

export const jsonOption = <T>(yargs: Argv<T>, what: string) =>
	yargs.option("json", { type: "boolean", describe: `Print ${what} as JSON, for programs` });

/** To be called before the command says anything; returns what prints its answer. */
export function printer(json: boolean | undefined): (answer: unknown) => void {
	if (json) leaveStandardOutput();
	return (answer) => void (json && process.stdout.write(`${jsonOf(answer, 2)}\n`));
}

/** JSON escapes what steers a terminal but for DEL and the controls after it. */
export const jsonOf = (value: unknown, indent = 0): string =>
	JSON.stringify(value, null, indent).replace(/[\u007f-\u009f]/g, (one) => `\\u00${one.charCodeAt(0).toString(16)}`);
