// The service that a command speaks to, and what is said when it does not answer, or answers with an error.
import { type Client, connect, Problem } from "@valence/client";
import { quoted } from "@valence/supervisor/paths";
import { bold, say } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { type Target, targetOf } from "./contexts.js";
import { Failure, STATUS } from "./failure.js";
import { inJson, jsonOption } from "./json.js";

export interface RemoteOptions {
	context: string | undefined;
	json?: boolean | undefined;
}

/** The options of every command that speaks to a service. */
export const remoteOptions = <T>(yargs: Argv<T>) =>
	jsonOption(yargs, "the API's answer").option("context", {
		type: "string",
		requiresArg: true,
		describe: "Which service: a name given at valence login",
	});

/** With the service of the command line; what it answers is printed as JSON, or told by the command itself. */
export const withService = (
	{ context, json }: RemoteOptions,
	work: (api: Client, target: Target) => Promise<unknown>,
): Promise<void> =>
	inJson(json, async (print) => {
		const target = targetOf(context);
		try {
			print(await work(connect(target.url, target.key), target));
		} catch (error) {
			throw error instanceof Problem ? explained(error, target) : error;
		}
	});

/** After a Ctrl-C, of what the service does without us. */
export const goesOn = (command: string) => () =>
	say(`\n  The service goes on; ${bold(command)} shows how far it is, ${bold("valence cancel")} ends it.`);

/** What to type next, by the code of docs/errors.md. */
const WAY_OUT: Record<string, string> = {
	nothing_deployed: "valence deploy best deploys the best run.",
	unknown_dataset: "valence datasets lists them.",
	unknown_model: "valence models names them.",
	bad_configuration: "valence models MODEL shows its fields.",
	fold_in_unsupported: "valence models says which models answer for new people.",
	similar_unsupported: "valence models says which models compare items.",
};

export function explained(problem: Problem, { url, from, isLocal, key }: Target): Failure {
	const refused = (text: string, status: number) => new Failure(text, status, false, problem);
	if (problem.status === 0) {
		const way = isLocal
			? "Start one with valence start, or name another with valence login URL KEY."
			: "Is it running there? valence contexts shows and changes the service; valence start starts one here.";
		return refused(`No service answers at ${url} (${from}).\n${way}`, STATUS.unreachable);
	}
	if (problem.code === "unauthorized") {
		const way = key ? "does not take the key given" : "wants an API key";
		return refused(
			`The service at ${url} (${from}) ${way}.\nGive one with valence login ${quoted(url)} KEY, or as VALENCE_API_KEY.`,
			STATUS.refused,
		);
	}
	const places = problem.errors
		.filter(({ message }) => !problem.detail.includes(message))
		.map(({ pointer, message }) => `  ${pointer} ${message}`);
	const way = WAY_OUT[problem.code];
	// The API says what to call; here it is what to type.
	const detail = way === undefined ? problem.detail : (problem.detail.split(";")[0] as string).replace(/\.?$/, ".");
	return refused([detail, ...places, ...(way ? [way] : [])].join("\n"), STATUS.refused);
}
