// The archive file, through the Python that alone reads and writes artifacts: `python -m trainer.storage.archive`.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { PYTHON, TRAINER } from "../paths.js";

/** An artifact that rows name. */
export interface Wanted {
	key: string;
	/** Of the manifest of a checkpoint or of values of users, of an upload's bytes. */
	sha256: string | null;
	/** Whether the backup lacks something without it. */
	isRequired: boolean;
}

/** What a backup says of itself. */
export interface Head {
	valence: string;
	createdAt: string;
	/** Those applied to its database, in order. */
	migrations: { name: string; checksum: string }[];
	/** Parents before children. */
	tables: { name: string; columns: string[]; rows: number }[];
	sequences: { name: string; last: string | null }[];
	counts: { datasets: number; runs: number; checkpoints: number; deployments: number };
}

export interface Manifest extends Head {
	format: number;
	/** Artifacts that rows name and that were missing or damaged when the backup was made. */
	missing: { key: string; problem: string }[];
	members: Record<string, { bytes: number; sha256: string }>;
}

export interface Following {
	/** How far a stage is, in bytes. */
	watch: (stage: string, done: number, total: number) => void;
	signal: AbortSignal;
}

/** Writes a file that must not be there and reads it back. Nobody else knows whether it is worth keeping. */
export async function pack(
	file: string,
	given: { head: Head; artifacts: Wanted[] },
	folders: Folders,
	following: Following,
): Promise<Manifest> {
	return manifestOf(await run(["pack", file, ...flags(folders)], following, JSON.stringify(given)));
}

/** Reads the whole file; throws when one byte of it is not as it was written. */
export async function check(file: string, following: Following): Promise<Manifest> {
	return manifestOf(await run(["check", file], following));
}

export async function unpack(file: string, folders: Folders, following: Following): Promise<void> {
	await run(["unpack", file, ...flags(folders)], following);
}

interface Folders {
	artifacts: string;
	/** Where the artifacts are in an object store; the folder is for copies then. */
	store: string | null;
	/** Of dumped tables. */
	tables: string;
}

const flags = ({ artifacts, store, tables }: Folders) => [
	...["--artifacts", artifacts, "--tables", tables],
	...(store === null ? [] : ["--store", store]),
];

function manifestOf(last: unknown): Manifest {
	const manifest = (last as { manifest?: Manifest } | null)?.manifest;
	if (!manifest) throw new Error("the archive was not read to its end");
	return manifest;
}

/** The last line that the command says. It ends with us: its standard input closes however we end. */
async function run(given: string[], { watch, signal }: Following, input = ""): Promise<unknown> {
	signal.throwIfAborted();
	const child = spawn(PYTHON, ["-m", "trainer.storage.archive", ...given], {
		cwd: TRAINER,
		env: { ...process.env, EXIT_WITH_STDIN: "1" },
		stdio: ["pipe", "pipe", "pipe"],
		detached: true, // a Ctrl-C in the terminal is ours to handle, in order
	});
	child.stdin.on("error", () => undefined);
	child.stdin.write(`${input}\n`);
	signal.addEventListener("abort", () => child.stdin.destroy());
	let complaint = "";
	child.stderr.on("data", (chunk: Buffer) => {
		complaint = (complaint + chunk).slice(-4_000);
	});
	const gone = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
	gone.catch(() => undefined);
	let last: unknown = null;
	for await (const line of createInterface({ input: child.stdout })) {
		last = JSON.parse(line);
		const { stage, done, total } = last as { stage?: string; done: number; total: number };
		if (stage) watch(stage, done, total);
	}
	const [status, killed] = await gone;
	if (status === 0) return last;
	throw new Error(complaint.trimEnd().split("\n").at(-1) || `the archive command ended with ${killed ?? status}`);
}
