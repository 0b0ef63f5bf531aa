// valence homes: the databases that lie outside their homes, whether their homes still claim them, and the one way in
// which a database is ever deleted: a person names it.
import { existsSync, lstatSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { OUTSIDE, type OutsideDatabase, outsideDatabases } from "@valence/supervisor/postgres/outside";
import { serverOn } from "@valence/supervisor/postgres/server";
import { say, table } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { wrongUsage } from "../failure.js";
import { inJson, jsonOption } from "../json.js";

const INSIDE_NOTE = " A home that holds its database itself needs no place here.";

export const homes = (line: Argv) =>
	line.command(
		"homes",
		"List databases that lie outside their homes, or delete one",
		(yargs) =>
			jsonOption(yargs, "them")
				.option("remove", {
					type: "string",
					requiresArg: true,
					describe: "Delete the one of this id, which no home claims and no server uses, for ever",
				})
				.example("$0 homes", "id, size, last used, home")
				.epilogue("They lie outside where Valence runs as root and PostgreSQL's account cannot enter the home."),
		({ remove: id, json }) =>
			inJson(json, (print) => {
				const all = outsideDatabases();
				if (id !== undefined) return print(remove(all, id));
				const items = all.map(listed);
				tell(items);
				print({ items });
			}),
	);

function sizeOf(path: string): number {
	const stat = lstatSync(path, { throwIfNoEntry: false });
	if (!stat) return 0; // gone meanwhile
	if (!stat.isDirectory()) return stat.size;
	return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}

/** Null: another user's. */
function bytesOf(folder: string): number | null {
	try {
		return sizeOf(folder);
	} catch {
		return null;
	}
}
const mebibytes = (bytes: number | null) => (bytes === null ? "?" : `${Math.ceil(bytes / 2 ** 20)} MiB`);

/** PostgreSQL writes its control file at every start, checkpoint and end. */
function lastUsed({ folder }: OutsideDatabase): Date {
	const control = join(folder, "data/global/pg_control");
	return statSync(existsSync(control) ? control : folder).mtime;
}
function ago(at: Date): string {
	const days = Math.floor((Date.now() - at.getTime()) / 86_400_000);
	return `${at.toISOString().slice(0, 10)} (${days === 1 ? "1 day" : `${days} days`} ago)`;
}

type State = "running" | "unknown" | "claimed" | "unclaimed";
type Listed = OutsideDatabase & { state: State; bytes: number | null; lastUsed: Date };

function listed(one: OutsideDatabase): Listed {
	const bytes = bytesOf(one.folder);
	const isRunning = serverOn(join(one.folder, "data"));
	const claim = one.isClaimed ? "claimed" : "unclaimed";
	const state = isRunning ? "running" : one.home === null && bytes === null ? "unknown" : claim;
	return { ...one, state, bytes, lastUsed: lastUsed(one) };
}

function tell(all: Listed[]): void {
	if (all.length === 0) {
		say(`No database lies outside its home (looked in ${OUTSIDE}).${INSIDE_NOTE}`);
		return;
	}
	table(
		["id", "state", "size", "last used", "home"],
		all.map((one) => [
			one.id,
			one.state,
			mebibytes(one.bytes),
			ago(one.lastUsed),
			one.home ? `${one.home}${existsSync(one.home) ? "" : " (gone)"}` : "unknown",
		]),
	);
	say(`\n  Of every Valence of this machine.${INSIDE_NOTE}`);
	const unclaimed = all.filter(({ state }) => state === "unclaimed");
	if (unclaimed.length === 0) return;
	say(
		`\n  ${unclaimed.length === 1 ? "One has" : `${unclaimed.length} have`} no home at the last known place. A home that was moved and not started since still needs its own: start it once, and
  it claims it. Nothing deletes them but: valence homes --remove ID`,
	);
}

function remove(all: OutsideDatabase[], id: string): OutsideDatabase {
	const one = all.find((each) => each.id === id);
	if (!one) throw wrongUsage(`no database outside a home has the id ${id}; valence homes lists them`);
	const { state, bytes } = listed(one);
	if (state === "running") throw new Error(`${one.folder} is in use by a running server; stop that first`);
	if (state === "unknown") throw new Error(`${one.folder} belongs to another user: ask as root`);
	if (one.isClaimed)
		throw new Error(`${one.folder} is the database of ${one.home}: delete that home first, if nobody needs it`);
	rmSync(one.folder, { recursive: true });
	say(`Deleted ${one.folder}, ${mebibytes(bytes)}.`);
	return one;
}
