// valence deploy RUN: its best checkpoint answers from now on; who is replaced by something else is asked about first.
import { type Client, type Deployment, Problem, type RunDetail } from "@valence/client";
import { quoted } from "@valence/supervisor/paths";
import { bold, count, dim, say, step } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { ask, yes } from "../asking.js";
import { Failure } from "../failure.js";
import { findRun, oneRun, short } from "../finding.js";
import { refit, refitDone } from "../refitting.js";
import { remoteOptions, withService } from "../service.js";

/** For somebody whom the model knows. */
const MOST_LOOKED_AT = 20;

export const deploy = (line: Argv) =>
	line.command(
		"deploy <run>",
		"Serve the best checkpoint of a run",
		(yargs) =>
			oneRun(remoteOptions(yargs))
				.option("as", { type: "string", requiresArg: true, default: "default", describe: "The name to serve under" })
				.option("yes", { ...yes, describe: "Do not ask before another model or dataset is replaced" })
				.option("feed", {
					type: "string",
					requiresArg: true,
					describe: "Whose rows since the dataset join people's histories; --no-feed takes it away [as it is]",
				})
				.option("refit", {
					type: "boolean",
					describe: "Train it on validation and test, too, wait for that, and serve that",
				})
				.example("$0 deploy best", "the best run on the newest dataset")
				.example("$0 deploy best --refit", "the same, once it has learnt from all interactions")
				.example("$0 deploy best --feed shop", "what people do is in their next answer; --no-feed takes it away")
				.example("$0 deploy 3f2a --as trial", "a run by the beginning of its id, beside what is served"),
		(options) =>
			withService(options, async (api) => {
				const found = await findRun(api, options.run, options.on);
				const feed = feedOf(options.feed);
				// Before anything is trained for it.
				if (feed.feed) await api.get("/feeds/{name}", { path: { name: feed.feed } });
				const given = await api.get("/runs/{id}", { path: { id: found.id } });
				const served = await deployed(api, options.as);
				if (served && differs(served, given)) {
					const now = `${options.as} serves ${describe(served)} now${staying(served, feed)}`;
					if (options.yes) say(`  ${now}`);
					else await ask(`${now}; replace it by ${given.model} on ${given.dataset.name}?`);
				}
				const run = options.refit ? await refitDone(api, await refit(api, given)) : given;
				const checkpoint = run.checkpoints.find(({ isBest }) => isBest) ?? run.checkpoints.at(-1);
				if (!checkpoint) throw new Failure(`the run ${short(run.id)} of ${run.model} has no checkpoint to deploy`);
				const deployment = await step(`Deploy ${run.model}, epoch ${checkpoint.epoch}, as ${options.as}`, () =>
					api.put("/deployments/{name}", { path: { name: options.as }, body: { checkpoint: checkpoint.id, ...feed } }),
				);
				say(`  ${bold(options.as)} answers with ${describe(deployment)} ${dim(short(run.id))}`);
				if (deployment.feed !== null) say(`  with what people do in ${bold(deployment.feed)} since its dataset`);
				sayLeftOut(deployment, run);
				if (deployment.feed === null && feed.feed === undefined) await sayFeed(api, run);
				const { items } = await api.get("/users", { query: { limit: MOST_LOOKED_AT, deployment: options.as } });
				const somebody = items.find(({ inDataset }) => inDataset);
				const as = options.as === "default" ? "" : ` --deployment ${quoted(options.as)}`;
				if (somebody) say(`\n  Next: ${bold(`valence recommend ${quoted(somebody.id)}${as}`)}`);
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
const staying = ({ feed }: Deployment, said: { feed?: string | null }) =>
	feed !== null && said.feed === undefined
		? ` with the feed ${feed}, which stays (with --no-feed what people do no longer joins their histories)`
		: "";
const describe = ({ checkpoint }: Deployment) => `${checkpoint.model} on ${checkpoint.dataset.name}`;

function sayLeftOut({ leavesOut }: Deployment, run: RunDetail): void {
	if (!leavesOut || leavesOut.interactions === 0) return;
	const items = leavesOut.items > 0 ? `, nor of ${count(leavesOut.items, "item")} that only they have` : "";
	say(`  It knows nothing of ${count(leavesOut.interactions, "interaction")} of validation and test${items};`);
	say(`  ${bold(`valence deploy ${short(run.id)} --refit`)} serves what has learnt from them, too.`);
}

/** yargs makes false of --no-feed, whatever the option takes. */
function feedOf(said: string | false | undefined): { feed?: string | null } {
	if (said === undefined) return {};
	return { feed: said === false ? null : said };
}

/** A dataset that is a snapshot of a feed could be served with it. */
async function sayFeed(api: Client, run: RunDetail): Promise<void> {
	const { feed } = await api.get("/datasets/{id}", { path: { id: run.dataset.id } });
	if (!feed) return;
	say(`  Its dataset is a snapshot of ${bold(feed.name)};`);
	say(`  ${bold(`valence deploy ${short(run.id)} --feed ${feed.name}`)} answers with what people do since, too.`);
}
