// valence export: the recommendations of many users as one file.
import { createHash } from "node:crypto";
import { createWriteStream, existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client, Export } from "@valence/client";
import { bold, progress, say, size, step } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { countOf, pathOf } from "../arguments.js";
import { Failure, wrongUsage } from "../failure.js";
import { remoteOptions, withService } from "../service.js";

const FORMATS = ["csv", "ndjson", "parquet"] as const;
const POLL_MS = 300;
const MOST = 1000;

export const exportLists = (line: Argv) =>
	line.command(
		"export [file]",
		"Write the recommendations of all users into a file",
		(yargs) =>
			remoteOptions(yargs)
				.positional("file", { type: "string", describe: "Where to; DEPLOYMENT.csv without it" })
				.option("format", {
					choices: FORMATS,
					requiresArg: true,
					describe: "By the file's ending without it, else csv",
				})
				.option("n", {
					type: "string",
					requiresArg: true,
					default: "20",
					coerce: (text: string) => countOf("-n", text, MOST),
					describe: "Items a user",
				})
				.option("users", { type: "string", requiresArg: true, describe: "Only these: a file with an id a line" })
				.option("explain", {
					type: "boolean",
					describe: "Also the interests, and the items behind each",
				})
				.option("deployment", {
					type: "string",
					requiresArg: true,
					default: "default",
					describe: "Which deployment answers",
				})
				.option("force", { type: "boolean", describe: "Replace a file that is there" })
				.example("$0 export lists.parquet", "everybody, twenty items each")
				.example("$0 export --users vip.txt -n 5", "some of them, into default.csv"),
		(options) => {
			const ending = FORMATS.find((one) => options.file?.toLowerCase().endsWith(`.${one}`));
			const format = options.format ?? ending ?? "csv";
			const path = pathOf(options.file ?? `${options.deployment}.${format}`);
			if (existsSync(path) && !options.force) throw wrongUsage(`${path} is there already; --force replaces it`);
			const users = options.users === undefined ? undefined : usersOf(pathOf(options.users));
			return withService(options, async (api) => {
				const { n, explain, deployment: name } = options;
				const body = { n, explain, format, ...(users && { users }) };
				const made = await untilMade(api, await api.post("/deployments/{name}/exports", { path: { name }, body }));
				await step(`Download ${size(made.bytes ?? 0)}`, () => download(api, made, path));
				say(
					`  ${bold(path)}: ${(made.rows ?? 0).toLocaleString("en")} rows of ${made.checkpoint.model} on ${made.dataset.name}`,
				);
				if (made.unknownUsers) say(`  ${made.unknownUsers.toLocaleString("en")} of the users are not in the dataset.`);
				return made;
			});
		},
	);

function usersOf(path: string): string[] {
	if (!existsSync(path)) throw wrongUsage(`${path} is not there`);
	const users = [
		...new Set(
			readFileSync(path, "utf8")
				.split(/\r?\n/)
				.filter((id) => id !== ""),
		),
	];
	if (users.length === 0) throw wrongUsage(`${path} holds no id; it takes one a line`);
	return users;
}

async function untilMade(api: Client, begun: Export): Promise<Export> {
	const bar = progress(() => say("\n  The service goes on; the page of the deployment has the file once it is made."));
	let made = begun;
	try {
		while (made.state === "QUEUED" || made.state === "RUNNING") {
			await sleep(POLL_MS);
			made = await api.get("/exports/{id}", { path: { id: begun.id } });
			const { done, total } = made.progress ?? { done: 0, total: 0 };
			if (total > 0) bar.update(done / total, `${done.toLocaleString("en")} of ${total.toLocaleString("en")} users`);
		}
	} finally {
		bar.stop();
	}
	if (made.state === "SUCCEEDED") return made;
	throw new Failure(`the export came to nothing: ${made.error?.message ?? made.state.toLowerCase()}`);
}

/** Whole, proved by its digest, or not at all. */
async function download(api: Client, { id, sha256 }: Export, path: string): Promise<void> {
	const half = `${path}.${process.pid}.part`;
	const { data } = await api.fetcher.GET("/exports/{id}/file", { params: { path: { id } }, parseAs: "stream" });
	if (!data) throw new Failure("the service sent no file");
	const hash = createHash("sha256");
	try {
		const bytes = Readable.fromWeb(data as Parameters<typeof Readable.fromWeb>[0]);
		bytes.on("data", (chunk: Uint8Array) => hash.update(chunk));
		await pipeline(bytes, createWriteStream(half, { flags: "wx" }));
		if (hash.digest("hex") !== sha256) throw new Failure("the file came damaged over the network; try again");
		renameSync(half, path);
	} finally {
		rmSync(half, { force: true });
	}
}
