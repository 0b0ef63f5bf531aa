// Asks before something is done that concerns others or cannot be undone.
import { createInterface } from "node:readline/promises";
import { harmless } from "@valence/supervisor/terminal";
import { Failure, STATUS, wrongUsage } from "./failure.js";

export const yes = { alias: "y", type: "boolean" } as const;

/** Throws where it is refused, or where nobody can be asked. */
export async function ask(question: string): Promise<void> {
	if (!process.stdin.isTTY || !process.stderr.isTTY) throw wrongUsage(`${question} Say so with --yes.`);
	const terminal = createInterface({ input: process.stdin, output: process.stderr });
	const answer = await terminal.question(`  ${harmless(question)} [y/N] `).finally(() => terminal.close());
	if (!/^y(es)?$/i.test(answer.trim())) throw new Failure("nothing was changed", STATUS.failed);
}
