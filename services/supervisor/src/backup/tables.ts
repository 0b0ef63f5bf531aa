// The tables of the database as files: what there is, in which order it can be filled, out and in again.
import { createReadStream, createWriteStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import pg, { type ClientBase } from "pg";
import { from as copyFrom, to as copyTo } from "pg-copy-streams";

export interface Table {
	name: string;
	columns: string[];
	/** Tables that its foreign keys point at. */
	parents: string[];
}

/** The runner of the migrations keeps it; a backup holds its rows as a list of names. */
export const MIGRATIONS = "_prisma_migrations";

/** Of schema public, parents before children. The queue's schema is not part of it: PostgreSQL owns the truth without it. */
export async function tablesOf(client: ClientBase): Promise<Table[]> {
	const { rows } = await client.query<Table>(
		`SELECT c.relname AS name,
			ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
				AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum) AS columns,
			ARRAY(SELECT DISTINCT p.relname::text FROM pg_constraint k JOIN pg_class p ON p.oid = k.confrelid
				WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.confrelid <> c.oid) AS parents
		FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
			AND c.relname ~ '^[a-z0-9][a-z0-9_]*$' AND c.relname <> $1 ORDER BY c.relname`,
		[MIGRATIONS],
	);
	return parentsFirst(rows);
}

/** Foreign keys are checked at the end of each COPY, so a table comes after all that it points at. */
export function parentsFirst(tables: Table[]): Table[] {
	const ordered: Table[] = [];
	const left = new Map(tables.map((table) => [table.name, table]));
	while (left.size > 0) {
		const next = [...left.values()].filter(({ parents }) => !parents.some((parent) => left.has(parent)));
		if (next.length === 0) throw new Error(`the foreign keys of ${[...left.keys()].join(", ")} point at each other`);
		for (const table of next) left.delete(table.name);
		ordered.push(...next);
	}
	return ordered;
}

const fileOf = (folder: string, table: string) => join(folder, `${table}.copy.gz`);

function nameOf({ name, columns }: { name: string; columns: string[] }): string {
	return `public.${pg.escapeIdentifier(name)} (${columns.map((column) => pg.escapeIdentifier(column)).join(", ")})`;
}

/** Text that every version of PostgreSQL reads alike. */
export async function fixFormats(client: ClientBase): Promise<void> {
	await client.query(`SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL TimeZone = 'UTC'; SET LOCAL IntervalStyle = 'postgres';
		SET LOCAL extra_float_digits = 1; SET LOCAL client_encoding = 'UTF8'`);
}

/** Returns how many rows. */
export async function dump(client: ClientBase, table: Table, folder: string): Promise<number> {
	const out = client.query(copyTo(`COPY ${nameOf(table)} TO STDOUT`));
	await pipeline(out, createGzip(), createWriteStream(fileOf(folder, table.name), { flags: "wx" }));
	return out.rowCount;
}

/** Returns how many rows. */
export async function load(
	client: ClientBase,
	table: { name: string; columns: string[] },
	folder: string,
): Promise<number> {
	const into = client.query(copyFrom(`COPY ${nameOf(table)} FROM STDIN`));
	await pipeline(createReadStream(fileOf(folder, table.name)), createGunzip(), into);
	return into.rowCount;
}

export interface Sequence {
	name: string;
	/** Null: it has not given a number yet. */
	last: string | null;
}

export async function sequencesOf(client: ClientBase): Promise<Sequence[]> {
	const { rows } = await client.query<Sequence>(
		"SELECT sequencename AS name, last_value::text AS last FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1",
	);
	return rows;
}

export async function setSequence(client: ClientBase, { name, last }: Sequence): Promise<void> {
	if (last === null) return;
	await client.query("SELECT setval(to_regclass($1), $2::bigint)", [`public.${pg.escapeIdentifier(name)}`, last]);
}
