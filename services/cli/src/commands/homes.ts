// valence homes: the databases that lie outside their homes, whether their homes still claim them, and the one way in
// which a database is ever deleted: a person names it.
import { existsSync, lstatSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { OUTSIDE, type OutsideDatabase, outsideDatabases } from "@valence/supervisor/postgres/outside";
import { serverOn } from "@valence/supervisor/postgres/server";
import { say, table } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { wrongUsage } from "../failure.js";
import { jsonOption, printer } from "../json.js";

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
		({ remove: id, json }) => {
			const print = printer(json);
			const all = outsideDatabases();
			if (id !== undefined) return print(remove(all, id));
			tell(all);
			print({ items: all.map((one) => ({ ...one, state: stateOf(one), size: mebibytes(one.folder) })) });
		},
	);

function sizeOf(path: string): number {
	const stat = lstatSync(path, { throwIfNoEntry: false });
	if (!stat) return 0; // gone meanwhile
	if (!stat.isDirectory()) return stat.size;
	return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}

function mebibytes(folder: string): string {
	try {
		return `${Math.ceil(sizeOf(folder) / 2 ** 20)} MiB`;
	} catch {
		return "?"; // another user's
	}
}

/** PostgreSQL writes its control file at every start, checkpoint and end. */
function lastUsed({ folder }: OutsideDatabase): string {
	const control = join(folder, "data/global/pg_control");
	const at = statSync(existsSync(control) ? control : folder).mtime;
	const days = Math.floor((Date.now() - at.getTime()) / 86_400_000);
	return `${at.toISOString().slice(0, 10)} (${days === 1 ? "1 day" : `${days} days`} ago)`;
}

function stateOf(one: OutsideDatabase): string {
	if (serverOn(join(one.folder, "data"))) return "running";
	if (one.home === null && mebibytes(one.folder) === "?") return "unknown";
	return one.isClaimed ? "claimed" : "unclaimed";
}

function tell(all: OutsideDatabase[]): void {
	if (all.length === 0) {
		say(`No database lies outside its home (looked in ${OUTSIDE}).${INSIDE_NOTE}`);
		return;
	}
	table(
		["id", "state", "size", "last used", "home"],
		all.map((one) => [
			one.id,
			stateOf(one),
			mebibytes(one.folder),
			lastUsed(one),
			one.home ? `${one.home}${existsSync(one.home) ? "" : " (gone)"}` : "unknown",
		]),
	);
	say(`\n  Of every Valence of this machine.${INSIDE_NOTE}`);
	const unclaimed = all.filter((one) => stateOf(one) === "unclaimed");
	if (unclaimed.length === 0) return;
	say(
		`\n  ${unclaimed.length === 1 ? "One has" : `${unclaimed.length} have`} no home at the last known place. A home that was moved and not started since still needs its own: start it once, and
  it claims it. Nothing deletes them but: valence homes --remove ID`,
	);
}

function remove(all: OutsideDatabase[], id: string): OutsideDatabase {
	const one = all.find((each) => each.id === id);
	if (!one) throw wrongUsage(`no database outside a home has the id ${id}; valence homes lists them`);
	if (stateOf(one) === "running") throw new Error(`${one.folder} is in use by a running server; stop that first`);
	if (stateOf(one) === "unknown") throw new Error(`${one.folder} belongs to another user: ask as root`);
	if (one.isClaimed)
		throw new Error(`${one.folder} is the database of ${one.home}: delete that home first, if nobody needs it`);
	const size = mebibytes(one.folder);
	rmSync(one.folder, { recursive: true });
	say(`Deleted ${one.folder}, ${size}.`);
	return one;
}
