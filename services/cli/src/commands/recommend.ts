// valence recommend and valence similar: the service asked as a product would ask it.
import { type Client, Problem } from "@valence/client";
import { bold, dim, say, table } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { sayList, titleOf } from "../answers.js";
import { countOf, listOf, perhaps } from "../arguments.js";
import { Failure, STATUS, wrongUsage } from "../failure.js";
import { remoteOptions, withService } from "../service.js";

const MOST = 1000;
const MOST_FRESH = 20;
const EXAMPLES = 3;
/** Why an answer has no new item. */
const NONE = {
	no_feed: "nothing is served with a feed; valence deploy RUN --feed NAME does",
	no_tags: "no tag tells what they like",
	no_items: "none has a tag of what they like",
	no_room: "the list has no room beside the first",
};
const n = {
	type: "string",
	requiresArg: true,
	default: "10",
	coerce: (text: string) => countOf("-n", text, MOST),
	describe: "How many",
} as const;
const deployment = {
	type: "string",
	requiresArg: true,
	default: "default",
	describe: "Which deployment answers",
} as const;

export const recommend = (line: Argv) =>
	line.command(
		"recommend [user]",
		"Recommend items to a user, or to somebody who likes some items",
		(yargs) =>
			remoteOptions(yargs)
				.positional("user", { type: "string", describe: "An id of the dataset, or of the deployment's feed" })
				.option("items", {
					type: "string",
					requiresArg: true,
					coerce: (text?: string) => (text === undefined ? undefined : listOf(text)),
					describe: "Of a person never seen: what they like, as a,b",
				})
				.option("n", n)
				.option("seen", { type: "boolean", describe: "Also what the user has already" })
				.option("fresh", {
					type: "string",
					requiresArg: true,
					coerce: perhaps((text) => countOf("--fresh", text, MOST_FRESH)),
					describe: `Mix in up to so many new items of the deployment's feed, which no model knows, at most ${MOST_FRESH}`,
				})
				.option("deployment", deployment)
				.example("$0 recommend 42", "ten items for a user")
				.example("$0 recommend 42 --fresh 3", "up to three of them so new that no model knows them")
				.example("$0 recommend --items 1,260 -n 5", "for somebody who likes these two"),
		(options) => {
			const { user, items, n, deployment } = options;
			const fresh = options.fresh === undefined ? {} : { fresh: options.fresh };
			if ((user === undefined) === (items === undefined))
				throw wrongUsage(
					"a user or --items is needed, and not both: valence recommend 42, or valence recommend --items a,b",
				);
			return withService(options, async (api) => {
				const answer =
					items !== undefined
						? await api.post("/recommendations", { body: { items, n, deployment, record: false, ...fresh } })
						: await forUser(api, user as string, {
								n,
								deployment,
								excludeSeen: !options.seen,
								record: false,
								...fresh,
							});
				const who = user === undefined ? `somebody who likes ${items?.join(", ")}` : user;
				const { model, epoch } = answer.checkpoint;
				say(`  ${bold(who)} ${dim(`answered by ${model}, epoch ${epoch} (${answer.answeredBy})`)}\n`);
				sayList(answer);
				if (answer.fresh?.mixed === 0) say(`\n  No new item: ${NONE[answer.fresh.none ?? "no_room"]}`);
				if (answer.unknownItems?.length) say(`\n  Not known here: ${answer.unknownItems.join(", ")}`);
				return answer;
			});
		},
	);

async function forUser(
	api: Client,
	user: string,
	query: { n: number; deployment: string; excludeSeen: boolean; record: boolean; fresh?: number },
) {
	try {
		return await api.get("/users/{id}/recommendations", { path: { id: user }, query });
	} catch (error) {
		if (!(error instanceof Problem && error.code === "unknown_user")) throw error;
		const { items } = await api.get("/users", { query: { limit: EXAMPLES, deployment: query.deployment } });
		const ids = items.map(({ id }) => id).join(", ");
		throw new Failure(
			`there is no user ${user} in this dataset; there are ${ids}, ... Somebody new is asked for with --items a,b`,
			STATUS.refused,
			false,
			error,
		);
	}
}

export const similar = (line: Argv) =>
	line.command(
		"similar <item>",
		"Items most like an item",
		(yargs) =>
			remoteOptions(yargs)
				.positional("item", { type: "string", demandOption: true, describe: "An id of the dataset" })
				.option("n", n)
				.option("deployment", deployment)
				.example("$0 similar 260", "ten of them"),
		(options) =>
			withService(options, async (api) => {
				const { item: id, n, deployment } = options;
				const answer = await similarTo(api, id, { n, deployment });
				table(
					["", `like ${id}`, "id", "score"],
					answer.items.map((item, rank) => [`${rank + 1}.`, titleOf(item), item.id, item.score.toFixed(4)]),
					{ left: [1, 2] },
				);
				return answer;
			}),
	);

async function similarTo(api: Client, id: string, query: { n: number; deployment: string }) {
	try {
		return await api.get("/items/{id}/similar", { path: { id }, query });
	} catch (error) {
		if (!(error instanceof Problem && error.code === "unknown_item")) throw error;
		const { items } = await api.get("/items", { query: { q: id, limit: EXAMPLES, deployment: query.deployment } });
		const found =
			items.length > 0
				? items
				: (await api.get("/items", { query: { limit: EXAMPLES, deployment: query.deployment } })).items;
		const named = found.map((item) => (item.title === null ? item.id : `${item.id} (${item.title})`)).join(", ");
		throw new Failure(`there is no item ${id} in this dataset; there are ${named}, ...`, STATUS.refused, false, error);
	}
}
