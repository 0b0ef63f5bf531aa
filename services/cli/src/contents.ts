// What is sent as it comes: a file as it lies there, or what a pipe brings, however much it is.
import { accessSync, constants, createReadStream, openAsBlob, type Stats, statSync } from "node:fs";
import { basename } from "node:path";
import type { Readable } from "node:stream";
import { ReadableStream } from "node:stream/web";
import { size } from "@valence/supervisor/terminal";
import { pathOf } from "./arguments.js";
import { Failure, wrongUsage } from "./failure.js";

const STDIN = "/dev/stdin";

/** `-` of a command that takes files is standard input; yargs would make an empty text of it. */
export function withStdin(argv: string[]): string[] {
	const [command, what] = argv;
	const takesFiles = command === "import" || (command === "feed" && (what === "push" || what === "import"));
	return takesFiles ? argv.map((word) => (word === "-" ? STDIN : word)) : argv;
}

export interface Contents {
	/** Its size, or where it comes from. */
	what: string;
	body: Blob | ReadableStream<Uint8Array>;
}

/** Throws for what is not there, cannot be read, or holds nothing. */
export async function contentsOf(typed: string): Promise<Contents> {
	if (typed === "") throw wrongUsage("a file is needed, or - for standard input");
	const file = pathOf(typed);
	// It may be a socket, which no path opens.
	if (file === STDIN && !statSync(file, { throwIfNoEntry: false })?.isFile())
		return { what: "standard input", body: await streamed(process.stdin, "standard input") };
	const found = readable(file);
	if (found.isDirectory()) throw wrongUsage(`${file} is a folder; one file is sent at a time`);
	if (!found.isFile()) return { what: basename(file), body: await streamed(createReadStream(file), file) };
	if (found.size === 0) throw empty(file);
	return { what: size(found.size), body: await openAsBlob(file) };
}

/** What is at a path. Throws where nothing is, or nobody may read it. */
export function readable(path: string): Stats {
	const found = statSync(path, { throwIfNoEntry: false });
	if (!found) throw wrongUsage(`${path} is not there`);
	try {
		accessSync(path, constants.R_OK);
	} catch {
		throw wrongUsage(`${path} may not be read`);
	}
	return found;
}

/** Its first piece is waited for: nothing is begun for what is empty. */
async function streamed(source: Readable, name: string): Promise<ReadableStream<Uint8Array>> {
	const pieces = source[Symbol.asyncIterator]();
	const first = await pieces.next();
	if (first.done) throw empty(name);
	return ReadableStream.from(
		(async function* () {
			yield first.value as Uint8Array;
			yield* { [Symbol.asyncIterator]: () => pieces };
		})(),
	);
}

const empty = (name: string) => new Failure(`${name} is empty: nothing was sent`);
