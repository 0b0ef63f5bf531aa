// valence feed push, snapshot: interactions from a file into a feed, and from a feed into a dataset.
import { type Client, type ImportRule, Problem, type ReceivedInteractions } from "@valence/client";
import { bold, dim, progress, say, step } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { sayDataset } from "../answers.js";
import { type Contents, contentsOf } from "../contents.js";
import { Failure, STATUS } from "../failure.js";
import { intoFeed } from "../feed-making.js";
import { onDataset, short } from "../finding.js";
import { toldOf, untilImported } from "../importing.js";
import { ruleOf, ruleOptions } from "../rule-options.js";
import { goesOn, remoteOptions, withService } from "../service.js";
import { oneFeed } from "./feed-contents.js";

const MOST_SHOWN = 10;

export const push = (line: Argv) =>
	line.command(
		"push <name> <file>",
		"Send a file of JSON lines; the feed is made where it is not there",
		(yargs) =>
			oneFeed(remoteOptions(yargs))
				.positional("file", {
					type: "string",
					demandOption: true,
					describe: '{"user": "u1", "item": "i1"} a line, with at, value and id where known; - is standard input',
				})
				.example("$0 feed push shop today.ndjson", "what was sent before counts once")
				.example("zcat today.ndjson.gz | $0 feed push shop -", "what a pipe brings"),
		async ({ name, file, ...options }) => {
			const contents = await contentsOf(file);
			return withService(options, (api) => send(api, name, contents));
		},
	);

export const snapshot = (line: Argv) =>
	line.command(
		"snapshot <name>",
		"Take what is there now as a dataset",
		(yargs) =>
			ruleOptions(oneFeed(remoteOptions(yargs)))
				.option("as", { type: "string", requiresArg: true, describe: "Name of the dataset" })
				.example("$0 feed snapshot shop", "split by chance")
				.example("$0 feed snapshot shop --split temporal --quantiles 0.8,0.9", "tested on what came last"),
		({ name, as, ...options }) =>
			withService(options, (api) => take(api, name, { rule: ruleOf(options), ...(as !== undefined && { name: as }) })),
	);

async function send(api: Client, name: string, { what, body }: Contents): Promise<ReceivedInteractions> {
	const received = await intoFeed(api, name, async () => {
		const counts = await step(`Send ${what}`, () => stream(api, name, body));
		if (counts.added + counts.known + counts.refused + counts.erased === 0)
			throw new Failure("it holds blank lines alone: nothing was stored");
		return counts;
	});
	const { added, known, refused, erased, problems } = received;
	const told = [
		`${added.toLocaleString("en")} new`,
		`${known.toLocaleString("en")} known before`,
		refused > 0 && `${refused.toLocaleString("en")} refused`,
		erased > 0 && `${erased.toLocaleString("en")} of people erased since left out`,
	];
	say(`\n  ${bold(name)}: ${told.filter(Boolean).join(", ")}`);
	for (const { position, field, message } of problems.slice(0, MOST_SHOWN))
		say(`  line ${position}: ${[field, message].filter(Boolean).join(" ")}`);
	if (refused > MOST_SHOWN) say(`  and ${(refused - MOST_SHOWN).toLocaleString("en")} more`);
	if (refused > 0) process.exitCode = STATUS.failed;
	else say(`\n  Next: ${bold(`valence feed snapshot ${name}`)}`);
	return received;
}

/** As it comes, however much. */
async function stream(api: Client, name: string, lines: Contents["body"]): Promise<ReceivedInteractions> {
	try {
		const { data } = await api.fetcher.POST("/feeds/{name}/interactions", {
			params: { path: { name } },
			body: lines as never,
			bodySerializer: (body: unknown) => body,
			headers: { "content-type": "application/x-ndjson" },
			// Which a stream wants, and the types do not know.
			...{ duplex: "half" },
		});
		return data as ReceivedInteractions;
	} catch (error) {
		throw error instanceof Problem ? inLines(error, name) : error;
	}
}

/** The API counts rows from 0; here they are lines of a file. */
function inLines({ status, code, detail, errors, instance }: Problem, name: string): Problem {
	const told = detail.replace(/(?<=: )\/(\d+)(?:\/(\w+))?(?= )/, (_, row: string, field?: string) =>
		[`line ${Number(row) + 1}`, field].filter(Boolean).join(": "),
	);
	const isTable = code === "invalid_request" && errors[0]?.code === "bad_json" && told !== detail;
	const way = isTable ? ` Tables go in by valence feed import ${name} FILE.` : "";
	return new Problem(status, code, told + way, errors, instance);
}

async function take(api: Client, name: string, body: { rule: ImportRule; name?: string }) {
	const begun = await step("Take a snapshot", () => api.post("/feeds/{name}/snapshots", { path: { name }, body }));
	const isNew = begun.state !== "SUCCEEDED";
	const dataset = await untilImported(api, begun, isNew ? progress(goesOn("valence datasets")) : undefined);
	say(`\n  ${bold(dataset.name)} ${dim(short(dataset.id))}\n`);
	sayDataset(dataset);
	for (const told of toldOf(dataset)) say(told);
	const on = isNew ? "" : await onDataset(api, dataset);
	say(`\n  Next: ${bold(`valence train valid popularity --watch${on}`)}`);
	return dataset;
}
