// valence deploy RUN: its best checkpoint answers from now on; who is replaced by something else is asked about first.
import { createInterface } from "node:readline/promises";
import { type Client, type Deployment, Problem, type RunDetail } from "@valence/client";
import { quoted } from "@valence/supervisor/paths";
import { bold, count, dim, harmless, say, step } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { Failure, STATUS, wrongUsage } from "../failure.js";
import { findRun, oneRun, short } from "../finding.js";
import { refit, refitDone } from "../refitting.js";
import { remoteOptions, withService } from "../service.js";

export const deploy = (line: Argv) =>
	line.command(
		"deploy <run>",
		"Serve the best checkpoint of a run",
		(yargs) =>
			oneRun(remoteOptions(yargs))
				.option("as", { type: "string", requiresArg: true, default: "default", describe: "The name to serve under" })
				.option("yes", {
					alias: "y",
					type: "boolean",
					describe: "Do not ask before another model or dataset is replaced",
				})
				.option("refit", {
					type: "boolean",
					describe: "Train it on validation and test, too, wait for that, and serve that",
				})
				.example("$0 deploy best", "the best run on the newest dataset")
				.example("$0 deploy best --refit", "the same, once it has learnt from all interactions")
				.example("$0 deploy 3f2a --as trial", "a run by the beginning of its id, beside what is served"),
		(options) =>
			withService(options, async (api) => {
				const found = await findRun(api, options.run, options.on);
				const given = await api.get("/runs/{id}", { path: { id: found.id } });
				const served = await deployed(api, options.as);
				if (served && differs(served, given) && !options.yes) await ask(options.as, served, given);
				const run = options.refit ? await refitDone(api, await refit(api, given)) : given;
				const checkpoint = run.checkpoints.find(({ isBest }) => isBest) ?? run.checkpoints.at(-1);
				if (!checkpoint) throw new Failure(`the run ${short(run.id)} of ${run.model} has no checkpoint to deploy`);
				const deployment = await step(`Deploy ${run.model}, epoch ${checkpoint.epoch}, as ${options.as}`, () =>
					api.put("/deployments/{name}", { path: { name: options.as }, body: { checkpoint: checkpoint.id } }),
				);
				say(`  ${bold(options.as)} answers with ${describe(deployment)} ${dim(short(run.id))}`);
				sayLeftOut(deployment, run);
				const { items } = await api.get("/users", { query: { limit: 1, deployment: options.as } });
				const as = options.as === "default" ? "" : ` --deployment ${quoted(options.as)}`;
				if (items[0]) say(`\n  Next: ${bold(`valence recommend ${quoted(items[0].id)}${as}`)}`);
				return deployment;
			}),
	);

async function deployed(api: Client, name: string): Promise<Deployment | null> {
	try {
		return await api.get("/deployments/{name}", { path: { name } });
	} catch (error) {
		if (error instanceof Problem && error.code === "not_found") return null;
		throw error;
	}
}

const differs = ({ checkpoint }: Deployment, run: RunDetail) =>
	checkpoint.model !== run.model || checkpoint.dataset.id !== run.dataset.id;
const describe = ({ checkpoint }: Deployment) => `${checkpoint.model} on ${checkpoint.dataset.name}`;

function sayLeftOut({ leavesOut }: Deployment, run: RunDetail): void {
	if (!leavesOut || leavesOut.interactions === 0) return;
	const items = leavesOut.items > 0 ? `, nor of ${count(leavesOut.items, "item")} that only they have` : "";
	say(`  It knows nothing of ${count(leavesOut.interactions, "interaction")} of validation and test${items};`);
	say(`  ${bold(`valence deploy ${short(run.id)} --refit`)} serves what has learnt from them, too.`);
}

async function ask(name: string, served: Deployment, run: RunDetail): Promise<void> {
	const question = `${name} serves ${describe(served)} now; replace it by ${run.model} on ${run.dataset.name}?`;
	if (!process.stdin.isTTY || !process.stderr.isTTY) throw wrongUsage(`${question} Say so with --yes.`);
	const terminal = createInterface({ input: process.stdin, output: process.stderr });
	const answer = await terminal.question(`  ${harmless(question)} [y/N] `).finally(() => terminal.close());
	if (!/^y(es)?$/i.test(answer.trim())) throw new Failure("nothing was changed", STATUS.failed);
}
