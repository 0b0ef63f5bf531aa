// valence feeds: the feeds there are. valence feed: sends a file of JSON lines to one, or takes it as a dataset.
import { existsSync, openAsBlob, statSync } from "node:fs";
import type { Client, ReceivedInteractions } from "@valence/client";
import { bold, dim, progress, say, size, step, table } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { sayDataset } from "../answers.js";
import { pathOf } from "../arguments.js";
import { STATUS, wrongUsage } from "../failure.js";
import { short } from "../finding.js";
import { problemsOf, untilImported } from "../importing.js";
import { remoteOptions, withService } from "../service.js";
import { ago } from "../times.js";

const MOST_SHOWN = 10;

export const feeds = (line: Argv) =>
	line.command(
		"feeds",
		"List feeds, newest first",
		(yargs) => remoteOptions(yargs).example("$0 feeds", "what keeps coming, and how new it is"),
		(options) =>
			withService(options, async (api) => {
				const page = await api.get("/feeds", { query: { limit: 200 } });
				if (page.items.length === 0) say("  There is no feed yet; valence feed push NAME FILE.ndjson makes one.");
				else
					table(
						["feed", "interactions", "users", "items", "newest", "size"],
						page.items.map(({ name, interactions, users, items, newest, bytes }) => [
							name,
							...[interactions, users, items].map((count) => count.toLocaleString("en")),
							...[newest === null ? "–" : ago(newest), size(bytes)],
						]),
						{ left: [0] },
					);
				if (page.nextCursor) say(dim("  and older ones"));
				return page;
			}),
	);

export const feed = (line: Argv) =>
	line.command(
		"feed <what> <name> [file]",
		"Send interactions to a feed, or take it as a dataset",
		(yargs) =>
			remoteOptions(yargs)
				.positional("what", {
					choices: ["push", "snapshot"] as const,
					demandOption: true,
					describe: "push sends a file of JSON lines; snapshot makes a dataset of what is there now",
				})
				.positional("name", {
					type: "string",
					demandOption: true,
					describe: "Of the feed; push makes one that is not there",
				})
				.positional("file", {
					type: "string",
					describe: 'To push: {"user": "u1", "item": "i1"} a line, with at, value and id where known',
				})
				.example("$0 feed push shop today.ndjson", "what was sent before counts once")
				.example("$0 feed snapshot shop", "a dataset to train on"),
		({ what, name, file, ...options }) => {
			if (what === "push" && file === undefined)
				throw wrongUsage("a file is needed, for example: valence feed push shop today.ndjson");
			if (what === "snapshot" && file !== undefined) throw wrongUsage("snapshot takes no file");
			const path = file === undefined ? "" : pathOf(file);
			if (what === "push" && !existsSync(path)) throw wrongUsage(`${path} is not there`);
			return withService(options, (api) => (what === "push" ? push(api, name, path) : snapshot(api, name)));
		},
	);

async function push(api: Client, name: string, path: string): Promise<ReceivedInteractions> {
	await api.put("/feeds/{name}", { path: { name } });
	const received = await step(`Send ${size(statSync(path).size)}`, async () => send(api, name, await openAsBlob(path)));
	const { added, known, refused, problems } = received;
	const told = [`${added.toLocaleString("en")} new`, `${known.toLocaleString("en")} known before`];
	say(
		`\n  ${bold(name)}: ${[...told, ...(refused > 0 ? [`${refused.toLocaleString("en")} refused`] : [])].join(", ")}`,
	);
	for (const { position, field, message } of problems.slice(0, MOST_SHOWN))
		say(`  line ${position}: ${[field, message].filter(Boolean).join(" ")}`);
	if (refused > MOST_SHOWN) say(`  and ${(refused - MOST_SHOWN).toLocaleString("en")} more`);
	if (refused > 0) process.exitCode = STATUS.failed;
	else say(`\n  Next: ${bold(`valence feed snapshot ${name}`)}`);
	return received;
}

/** As it lies there, however large. */
async function send(api: Client, name: string, lines: Blob): Promise<ReceivedInteractions> {
	const { data } = await api.fetcher.POST("/feeds/{name}/interactions", {
		params: { path: { name } },
		body: lines as never,
		bodySerializer: (body: unknown) => body,
		headers: { "content-type": "application/x-ndjson" },
	});
	return data as ReceivedInteractions;
}

async function snapshot(api: Client, name: string) {
	const begun = await step("Take a snapshot", () => api.post("/feeds/{name}/snapshots", { path: { name }, body: {} }));
	const dataset = await untilImported(api, begun, begun.state === "SUCCEEDED" ? undefined : progress());
	say(`\n  ${bold(dataset.name)} ${dim(short(dataset.id))}\n`);
	sayDataset(dataset);
	for (const problem of problemsOf(dataset)) say(problem);
	say(`\n  Next: ${bold("valence train valid popularity --watch")}`);
	return dataset;
}
