// As whom the embedded PostgreSQL runs: it refuses to run as root, so root lends it to another account.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

export interface Account {
	name: string;
	uid: number;
	gid: number;
}

export const isRoot = () => process.getuid?.() === 0;

const accounts = () =>
	readFileSync("/etc/passwd", "utf8")
		.split("\n")
		.map((line) => line.split(":"))
		.map(([name = "", , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }));

export const nameOf = (uid: number) => accounts().find((one) => one.uid === uid)?.name ?? `user ${uid}`;

/** Root's choice for a database that nobody owns yet. */
export function otherAccount(): Account {
	const known = accounts();
	for (const name of ["postgres", "nobody"]) {
		const account = known.find((one) => one.name === name);
		if (account && account.uid > 0) return account;
	}
	throw new Error("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as");
}

/** Asked of the kernel, as that account: every folder on the way has a say. */
export const mayEnter = (account: Account, folder: string) => may(account, 'cd -- "$1"', folder);
export const mayRun = (account: Account, file: string) => may(account, 'test -r "$1" && test -x "$1"', file);

function may({ uid, gid }: Account, test: string, path: string): boolean {
	return spawnSync("/bin/sh", ["-c", test, "sh", path], { uid, gid, cwd: "/", stdio: "ignore" }).status === 0;
}
