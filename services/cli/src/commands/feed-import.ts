// valence feed import: tables of any kind go into a feed.
import { statSync } from "node:fs";
import type { Client, FeedImport, FeedRule } from "@valence/client";
import { bold, count, progress, say, size, step } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { pathOf } from "../arguments.js";
import { COLUMNS_OPTION, columnsOf, refuseUnknown } from "../columns.js";
import { wrongUsage } from "../failure.js";
import { intoFeed } from "../feed-making.js";
import { filesOf, type RoleFile, regularFile } from "../file-roles.js";
import { settled, toldOf, untilInFeed, uploadToFeed } from "../importing.js";
import { goesOn, remoteOptions, withService } from "../service.js";
import { oneFeed } from "./feed-contents.js";

export const importInto = (line: Argv) =>
	line.command(
		"import <name> [files..]",
		"Send tables of any kind; the feed is made where it is not there",
		(yargs) =>
			oneFeed(remoteOptions(yargs))
				.positional("files", { type: "string", array: true, describe: "As for valence import" })
				.option("items", {
					type: "string",
					array: true,
					nargs: 1,
					describe: "A file of titles and tags of items, whatever its name",
				})
				.option("columns", COLUMNS_OPTION)
				.option("at", {
					type: "string",
					requiresArg: true,
					describe: "The time of rows that have none, a day or a time with its zone",
				})
				.option("skip-bad-rows", { type: "boolean", describe: "Leave out rows that cannot be read" })
				.example("$0 feed import shop orders.csv products.csv", "what is there already counts once")
				.example("$0 feed import shop sales.csv --columns user=customer,item=sku", "columns by name"),
		({ name, at, columns: named, ...options }) => {
			const items = (options.items ?? []).map((path): RoleFile => ({ path: pathOf(path), role: "items" }));
			for (const { path } of items) regularFile(path);
			const files = [...filesOf((options.files ?? []).map(pathOf)), ...items];
			if (files.length === 0) throw wrongUsage("a file is needed, for example: valence feed import shop orders.csv");
			const columns = named && columnsOf(named);
			refuseUnknown(columns, files);
			const rule = {
				...(columns && { columns }),
				...(at !== undefined && { at }),
				...(options["skip-bad-rows"] && { skipBadRows: true }),
			};
			return withService(options, (api) => send(api, name, rule, files));
		},
	);

async function send(api: Client, name: string, rule: FeedRule, files: RoleFile[]): Promise<FeedImport> {
	const { files: sent } = await settled(api, { columns: rule.columns }, files);
	const bytes = sent.reduce((sum, { path }) => sum + statSync(path).size, 0);
	const ended = await intoFeed(api, name, async () => {
		const begun = await step(`Upload ${count(sent.length, "file")}, ${size(bytes)}`, () =>
			uploadToFeed(api, name, rule, sent),
		);
		return untilInFeed(api, begun, progress(goesOn(`valence feed show ${name}`)));
	});
	const told = [
		`${ended.added.toLocaleString("en")} new`,
		`${ended.known.toLocaleString("en")} known before`,
		ended.refused > 0 && `${ended.refused.toLocaleString("en")} left out`,
		ended.erased > 0 && `${ended.erased.toLocaleString("en")} of people erased since left out`,
		ended.items > 0 && `${ended.items.toLocaleString("en")} rows of items`,
	];
	say(`\n  ${bold(name)}: ${told.filter(Boolean).join(", ")}`);
	for (const one of toldOf(ended)) say(one);
	say(`\n  Next: ${bold(`valence feed snapshot ${name}`)}`);
	return ended;
}
