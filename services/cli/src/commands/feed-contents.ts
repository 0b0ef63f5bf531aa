// valence feed show, make, items, erase, remove: what a feed holds, and what leaves it.
import type { Client } from "@valence/client";
import { bold, count, dim, facts, say, size, table } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { titleOf } from "../answers.js";
import { ask, yes } from "../asking.js";
import { short } from "../finding.js";
import { remoteOptions, withService } from "../service.js";
import { ago } from "../times.js";

const DAYS = 7;
const SHOWN = 20;

export const oneFeed = <T>(yargs: Argv<T>) =>
	yargs.positional("name", { type: "string", demandOption: true, describe: "Of the feed" });

export const show = (line: Argv) =>
	line.command(
		"show <name>",
		"How much a feed holds, how new that is, and what serves it",
		(yargs) => oneFeed(remoteOptions(yargs)).example("$0 feed show shop", "with its last days"),
		({ name, ...options }) =>
			withService(options, async (api) => {
				const feed = await api.get("/feeds/{name}", { path: { name } });
				const days = await api.get("/feeds/{name}/days", { path: { name }, query: { days: DAYS } });
				const { items: deployments } = await api.get("/deployments");
				const serving = deployments.filter((one) => one.feed === name).map((one) => one.name);
				facts([
					["interactions", feed.interactions.toLocaleString("en")],
					["users", feed.users.toLocaleString("en")],
					["items", feed.items.toLocaleString("en")],
					["newest", feed.newest === null ? "–" : ago(feed.newest)],
					["size", size(feed.bytes)],
					["served as", serving.join(", ") || `nothing; valence deploy RUN --feed ${name} does`],
				]);
				if (days.items.length > 0) {
					say("");
					table(
						["day (UTC)", "interactions"],
						days.items.map(({ day, interactions }) => [day, interactions.toLocaleString("en")]),
						{ left: [0] },
					);
				}
				return feed;
			}),
	);

export const make = (line: Argv) =>
	line.command(
		"make <name>",
		"Make a feed; the one there is stays as it is",
		(yargs) => oneFeed(remoteOptions(yargs)).example("$0 feed make shop", "push makes one, too"),
		({ name, ...options }) =>
			withService(options, async (api) => {
				const feed = await api.put("/feeds/{name}", { path: { name } });
				say(`  ${bold(feed.name)} holds ${count(feed.interactions, "interaction")}`);
				say(`\n  Next: ${bold(`valence feed push ${name} FILE.ndjson`)}`);
				return feed;
			}),
	);

export const items = (line: Argv) =>
	line.command(
		"items <name> [items..]",
		"Items of a feed; says which can be had, or that some can or cannot be had",
		(yargs) =>
			oneFeed(remoteOptions(yargs))
				.positional("items", { type: "string", array: true, default: [] as string[], describe: "Their ids" })
				.option("available", {
					type: "boolean",
					describe:
						"Of these items that they can be had, --no-available that they cannot; without items, which to list",
				})
				.example("$0 feed items shop", "those that were named last")
				.example("$0 feed items shop sku-9 --no-available", "out of every answer, at once")
				.example("$0 feed items shop --no-available", "which cannot be had"),
		({ name, items: ids, available, ...options }) =>
			withService(options, async (api) => {
				if (ids.length === 0) return list(api, name, available);
				if (available === undefined) return those(api, name, ids);
				const put = await api.put("/feeds/{name}/items", {
					path: { name },
					body: { items: [...new Set(ids)].map((item) => ({ item, available })) },
				});
				const total = put.added + put.known;
				say(`  ${count(total, "item")} ${available ? "can" : "cannot"} be had now`);
				if (put.added > 0) say(`  ${put.added.toLocaleString("en")} of them the feed did not know before`);
				return put;
			}),
	);

type Page = Awaited<ReturnType<typeof list>>;
async function list(api: Client, name: string, available: boolean | undefined) {
	const query = { limit: SHOWN, ...(available !== undefined && { available }) };
	const page = await api.get("/feeds/{name}/items", { path: { name }, query });
	sayItems(page.items);
	if (page.nextCursor) say(dim("  and others"));
	return page;
}

async function those(api: Client, name: string, ids: string[]): Promise<Pick<Page, "items">> {
	const found: Page["items"] = [];
	for (const item of new Set(ids))
		found.push(...(await api.get("/feeds/{name}/items", { path: { name }, query: { item } })).items);
	sayItems(found);
	return { items: found };
}

function sayItems(found: Page["items"]): void {
	if (found.length === 0) say("  There is no such item.");
	else
		table(
			["item", "id", "tags", "available"],
			found.map((item) => [titleOf(item), item.id, item.tags.join(", ") || "–", item.available ? "yes" : "no"]),
			{ left: [0, 1, 2, 3] },
		);
}

export const erase = (line: Argv) =>
	line.command(
		"erase <name> <user>",
		"Erase a person from a feed, and say which datasets may still hold them",
		(yargs) =>
			oneFeed(remoteOptions(yargs))
				.positional("user", { type: "string", demandOption: true, describe: "Id of the person" })
				.option("yes", { ...yes, describe: "Do not ask" })
				.example("$0 feed erase shop u1", "rows and id are gone, and no answer knows them"),
		({ name, user, ...options }) =>
			withService(options, async (api) => {
				if (!options.yes) await ask(`Erase ${user} with everything they did in ${name}? It cannot be undone.`);
				const erased = await api.delete("/feeds/{name}/users/{id}", { path: { name, id: user } });
				say(`  ${bold(user)} is erased, with ${count(erased.interactions, "interaction")}`);
				if (erased.snapshots.length > 0)
					say("  Snapshots that were taken while they were in the feed hold them until deleted:");
				for (const one of erased.snapshots) say(`    ${one.name} ${dim(short(one.id))}`);
				return erased;
			}),
	);

export const remove = (line: Argv) =>
	line.command(
		"remove <name>",
		"Delete a feed with everything in it; datasets that are snapshots of it stay",
		(yargs) =>
			oneFeed(remoteOptions(yargs))
				.option("yes", { ...yes, describe: "Do not ask" })
				.example("$0 feed remove shop --yes", "refused while a deployment serves it"),
		({ name, ...options }) =>
			withService(options, async (api) => {
				const feed = await api.get("/feeds/{name}", { path: { name } });
				if (!options.yes)
					await ask(`Delete ${name} with ${count(feed.interactions, "interaction")}? It cannot be undone.`);
				await api.delete("/feeds/{name}", { path: { name } });
				say(`  ${bold(name)} is deleted`);
				return feed;
			}),
	);
