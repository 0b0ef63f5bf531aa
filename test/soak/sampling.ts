// What must not grow: memory and open files of each process, the database, the queue's keys, the artifacts.
import { readdirSync, readFileSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { startOf } from "../../services/supervisor/src/identity.js";
import type { Battlefield } from "../chaos/battlefield.js";

/** By what it is of: MiB where the name says so, else a number. */
export type Sample = Record<string, number>;

const SERVICES = ["api", "worker", "trainer", "recommender"] as const;
const MIB = 2 ** 20;

/** MiB that a process has for itself. */
function memoryOf(pid: number): number {
	const status = readFileSync(`/proc/${pid}/status`, "utf8");
	return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024;
}
const filesOf = (pid: number) => readdirSync(`/proc/${pid}/fd`).length;

export async function sample(field: Battlefield): Promise<Sample> {
	const found: Sample = {};
	for (const name of SERVICES) {
		const pid = field.pidOf(name);
		if (!pid || startOf(pid) === null) throw new Error(`${name} is gone`);
		found[`${name}, MiB`] = memoryOf(pid);
		found[`${name}, open files`] = filesOf(pid);
	}
	const [row] = await field.prisma.$queryRaw<{ bytes: bigint; connections: number }[]>`
		SELECT pg_database_size(current_database()) AS bytes,
			(SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database()) AS connections`;
	found["database, MiB"] = Number(row?.bytes) / MIB;
	found["connections to it"] = row?.connections ?? 0;
	found["keys of the queue"] = await (field.redis?.keys() ?? rowsOfQueue(field));
	found["artifacts, MiB"] = (await bytesOf(field.artifacts)) / MIB;
	return found;
}

/** Folders come and go meanwhile. */
async function bytesOf(folder: string): Promise<number> {
	const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
	const sizes = entries.map((entry) => {
		const path = join(folder, entry.name);
		return entry.isDirectory()
			? bytesOf(path)
			: stat(path).then(
					({ size }) => size,
					() => 0,
				);
	});
	return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

async function rowsOfQueue({ app: { config }, prisma }: Battlefield): Promise<number> {
	const tables = await prisma.$queryRaw<{ name: string }[]>`
		SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = ${`${config.queuePrefix}_queue`}`;
	const counts = tables.map(({ name }) => `(SELECT count(*) FROM ${name})`);
	const [row] = await prisma.$queryRawUnsafe<{ rows: bigint }[]>(`SELECT ${["0", ...counts].join(" + ")} AS rows`);
	return Number(row?.rows);
}
