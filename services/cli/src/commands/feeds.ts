// valence feeds: the feeds there are. valence feed ...: what one holds, and what goes into it and out of it.
import { dim, say, size, table } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { remoteOptions, withService } from "../service.js";
import { ago } from "../times.js";
import { erase, items, make, remove, show } from "./feed-contents.js";
import { importInto } from "./feed-import.js";
import { push, snapshot } from "./feed-rows.js";

const list = (usage: string) => (line: Argv) =>
	line.command(
		usage,
		"List feeds, newest first",
		(yargs) =>
			remoteOptions(yargs).example(
				`$0 ${usage === "list" ? "feed list" : usage}`,
				"what keeps coming, and how new it is",
			),
		(options) =>
			withService(options, async (api) => {
				const page = await api.get("/feeds", { query: { limit: 200 } });
				if (page.items.length === 0)
					say(
						"  There is no feed yet; valence feed push NAME FILE.ndjson or valence feed import NAME FILE.csv makes one.",
					);
				else
					table(
						["feed", "interactions", "users", "items", "newest", "size"],
						page.items.map(({ name, interactions, users, items, newest, bytes }) => [
							name,
							...[interactions, users, items].map((some) => some.toLocaleString("en")),
							...[newest === null ? "–" : ago(newest), size(bytes)],
						]),
						{ left: [0] },
					);
				if (page.nextCursor) say(dim("  and older ones"));
				return page;
			}),
	);

export const feeds = list("feeds");
/** Of `valence feed`, in the order of its help. */
export const FEED = [list("list"), show, make, push, importInto, snapshot, items, erase, remove];

export const feed = (line: Argv) =>
	line.command("feed", "What a feed holds, and what goes into it and out of it", (yargs) =>
		FEED.reduce<Argv>((more, register) => register(more), yargs)
			.example("$0 feed push shop today.ndjson", "what was sent before counts once")
			.example("$0 feed import shop orders.csv", "tables of any kind, as for valence import")
			.example("$0 feed snapshot shop --split temporal", "a dataset to train on, tested on what came last")
			.example("$0 feed erase shop u1", "a person leaves it with everything they did")
			.demandCommand(1, 1, "What about the feed? valence feed --help lists what there is."),
	);
