// Restoring one backup file: wholly verified first, then artifacts, then the database in one transaction.
import { createHash } from "node:crypto";
import type { Migration } from "@valence/api/migrate";
import { quoted } from "../paths.js";
import { bold, count, say, step } from "../terminal.js";
import { check, type Manifest, unpack } from "./archive.js";
import { fill, identityOf, isStillEmpty, knownMigrations, recreate, type State, stateOf } from "./database.js";
import { openTarget, type Place } from "./places.js";
import { DONE, followed } from "./telling.js";
import {
	begin,
	clear,
	filesIn,
	findUnfinished,
	finish,
	lockArtifacts,
	tablesFolder,
	type Unfinished,
} from "./unfinished.js";

const NAMED = 3;

/** Returns the exit status. */
export async function restoreBackup(file: string, signal: AbortSignal): Promise<number> {
	const started = Date.now();
	const manifest = await followed("Verify the file", signal, (following) => check(file, following));
	const migrations = await knownMigrations(manifest).catch((error: Error) => {
		throw new Error(`${file}: ${error.message}`);
	});
	say(`  made ${manifest.createdAt} by Valence ${manifest.valence}: ${contents(manifest)}`);
	const target = await openTarget();
	try {
		const lock = lockArtifacts(target.artifacts, target.store !== null);
		try {
			await restoreWhole(target, file, manifest, migrations, signal);
		} finally {
			lock.release();
		}
	} finally {
		await target.close();
	}
	tell(target, manifest, (Date.now() - started) / 1000);
	return DONE;
}

async function restoreWhole(
	target: Place,
	file: string,
	manifest: Manifest,
	migrations: Migration[],
	signal: AbortSignal,
): Promise<void> {
	const { url, artifacts } = target;
	const given = { file, digest: digestOf(manifest), database: await identityOf(url, target.isEmbedded) };
	const earlier = findUnfinished(artifacts);
	refuseFiles(artifacts, earlier, given.database);
	const state = await stateOf(url);
	if (earlier && state.restoredBy === earlier.id && earlier.digest === given.digest) {
		finish(artifacts);
		say(`  an earlier restore of ${earlier.file} had stored everything; nothing was left to do`);
		return;
	}
	await prepare(target, earlier, state, migrations);
	await restoreInto(target, given, manifest, migrations, signal);
}

/** It holds the sha256 of every member, so that two files with the same one are the same backup. */
const digestOf = (manifest: Manifest) => createHash("sha256").update(JSON.stringify(manifest)).digest("hex");

/** Throws, before anything is written, when something is there that this restore did not write. */
function refuseFiles(artifacts: string, earlier: Unfinished | null, database: string): void {
	if (earlier?.database === database) return;
	if (earlier) {
		throw new Error(
			`${artifacts} holds the beginning of a restore of ${earlier.file} into ${earlier.database}; this is ${database}.\nNothing was changed. End that one with the DATABASE_URL it had, or name another folder with VALENCE_ARTIFACTS.`,
		);
	}
	const files = filesIn(artifacts);
	if (files.length === 0) return;
	throw new Error(
		`${artifacts} is not empty: it holds ${count(files.length, "file")}, for example ${files.slice(0, NAMED).join(", ")}.\nNothing was changed. Restore into an empty home: move this one away, or name another with VALENCE_HOME.`,
	);
}

async function prepare(
	target: Place,
	earlier: Unfinished | null,
	state: State,
	migrations: Migration[],
): Promise<void> {
	if (state.rows.length > 0) {
		const stored = earlier && state.restoredBy === earlier.id;
		const whence = stored ? ` They are those of ${earlier.file}, whose restore ends when it is run again.` : "";
		throw new Error(
			`the database is not empty: it holds ${state.rows.join(", ")}.\nNothing was changed.${whence} Restore into an empty home, or name an empty database with DATABASE_URL.`,
		);
	}
	const known = new Set(migrations.map(({ name }) => name));
	const newer = state.migrations.find((name) => !known.has(name));
	if (newer && !target.isEmbedded) {
		throw new Error(
			`the database has no rows, but tables that are newer than the backup (migration ${newer}).\nNothing was changed. Name an empty database with DATABASE_URL.`,
		);
	}
	if (target.isEmbedded && state.migrations.length > 0) await recreate(target.url);
	if (earlier) {
		say(`  an earlier restore of ${earlier.file} was killed here; what it wrote is removed`);
		clear(target.artifacts);
	}
}

async function restoreInto(
	{ url, artifacts, store }: Place,
	given: Omit<Unfinished, "id">,
	manifest: Manifest,
	migrations: Migration[],
	signal: AbortSignal,
): Promise<void> {
	const mark = begin(artifacts, given);
	const tables = tablesFolder(artifacts);
	let isStored = false;
	try {
		await followed("Write datasets and checkpoints", signal, (following) =>
			unpack(given.file, { artifacts, store, tables }, following),
		);
		const strange = await step("Fill the database", () => fill(url, manifest, migrations, tables, mark.id, signal));
		isStored = true;
		if (strange.length > 0) say(`  left out, as Valence makes no such tables: ${strange.join(", ")}`);
		finish(artifacts);
	} catch (error) {
		// A commit whose answer was lost is found out by the next start, so the files stay with their mark.
		if (!isStored && (await isStillEmpty(url).catch(() => false))) clear(artifacts);
		throw error;
	}
}

const contents = ({ counts }: Manifest) =>
	`${count(counts.datasets, "dataset")}, ${count(counts.runs, "run")}, ${count(counts.checkpoints, "checkpoint")}`;

function tell(target: Place, { missing }: Manifest, seconds: number): void {
	say(`\n  restored into ${target.description} in ${seconds.toFixed(1)} s`);
	if (missing.length > 0) {
		say(`  the backup was made without ${count(missing.length, "artifact")} that its database names:`);
		for (const { key, problem } of missing) say(`    ${key}: ${problem}`);
	}
	const home = process.env.VALENCE_HOME ? `VALENCE_HOME=${quoted(process.env.VALENCE_HOME)} ` : "";
	const next = target.isEmbedded
		? `${home}npx valence start`
		: `start Valence with this DATABASE_URL and VALENCE_ARTIFACTS=${target.store ?? target.artifacts}`;
	say(`  next: ${bold(next)}; runs that were under way go on by themselves`);
}
