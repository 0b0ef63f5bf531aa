// valence cancel: what is at work ends.
import type { Client } from "@valence/client";
import { bold, dim, say } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { Failure, STATUS, wrongUsage } from "../failure.js";
import { allDatasets, experimentsOf, findRun, short } from "../finding.js";
import { remoteOptions, withService } from "../service.js";

export const cancel = (line: Argv) =>
	line.command(
		"cancel <what>",
		"End a run, an experiment or an import that is at work",
		(yargs) =>
			remoteOptions(yargs)
				.positional("what", {
					type: "string",
					demandOption: true,
					describe: "Beginning of its id, or the name of an experiment or a dataset",
				})
				.example("$0 cancel 1f0c5b2e", "as valence runs and valence datasets show it"),
		({ what, ...options }) =>
			withService(options, async (api) => {
				const { kind, id, name, end } = await found(api, what);
				const ended = await end();
				say(`  ${kind} ${bold(name)} ${dim(short(id))} ends; what it has done by now stays`);
				return ended;
			}),
	);

async function found(api: Client, what: string) {
	const begins = ({ id, name }: { id: string; name: string }) => name === what || id.startsWith(what.toLowerCase());
	const open = <T extends { state: string }>(all: T[]) => all.filter(({ state }) => /^(QUEUED|RUNNING)$/.test(state));
	const experiments = open(await experimentsOf(api))
		.filter(begins)
		.map(({ id, name }) => ({
			...{ kind: "experiment", id, name },
			end: (): Promise<unknown> => api.post("/experiments/{id}/cancel", { path: { id } }),
		}));
	const imports = open(await allDatasets(api))
		.filter(begins)
		.map(({ id, name }) => ({
			...{ kind: "import", id, name },
			end: (): Promise<unknown> => api.post("/datasets/{id}/cancel", { path: { id } }),
		}));
	const [one, ...more] = [...experiments, ...imports];
	if (one && more.length === 0) return one;
	if (one)
		throw wrongUsage(
			`${what} names several: ${[one, ...more].map(({ kind, id, name }) => `${kind} ${short(id)} (${name})`).join(", ")}`,
		);
	const run = await findRun(api, what).catch((error) => {
		if (!(error instanceof Failure && error.status === STATUS.usage)) throw error;
		throw wrongUsage(`nothing that is at work is called ${what}; valence runs and valence datasets show what is`);
	});
	const { id } = run;
	return {
		...{ kind: "run", id, name: run.model },
		end: (): Promise<unknown> => api.post("/runs/{id}/cancel", { path: { id } }),
	};
}
