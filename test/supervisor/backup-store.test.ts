// valence backup and valence restore where the artifacts lie in an object store: out of a folder, into a bucket, and back again.
import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { migrate } from "../../services/api/src/migrate.js";
import { killWhen, run } from "../support/backup-commands.js";
import { query, startPlaces } from "../support/backup-places.js";
import { startObjectStore } from "../support/object-store.js";

jest.setTimeout(180_000);
let places: Awaited<ReturnType<typeof startPlaces>>;
let store: Awaited<ReturnType<typeof startObjectStore>>;
beforeAll(async () => {
	[places, store] = await Promise.all([startPlaces(), startObjectStore()]);
});
afterAll(async () => {
	await places?.stop();
	await store?.stop();
});

const KEY = `datasets/${"a".repeat(64)}`;
const FILES: Record<string, string> = { "interactions.safetensors": "who likes what", "ids.arrow": "of whom" };

/** One dataset: its rows, and its files where they belong. */
async function fill({ DATABASE_URL, VALENCE_ARTIFACTS }: { DATABASE_URL: string; VALENCE_ARTIFACTS: string }) {
	await migrate(DATABASE_URL);
	const id = randomUUID();
	await query(
		DATABASE_URL,
		`INSERT INTO jobs (id, kind, state) VALUES ('${id}', 'import', 'SUCCEEDED');
		INSERT INTO datasets (id, name, digest, rule, files, artifact_key)
			VALUES ('${id}', 'shop', '${"a".repeat(64)}', '{}', '[]', '${KEY}')`,
	);
	const folder = join(VALENCE_ARTIFACTS, KEY);
	mkdirSync(folder, { recursive: true });
	const proofs = Object.entries(FILES).map(([name, content]) => {
		writeFileSync(join(folder, name), content);
		return [name, { bytes: content.length, sha256: createHash("sha256").update(content).digest("hex") }];
	});
	writeFileSync(join(folder, "manifest.json"), JSON.stringify({ files: Object.fromEntries(proofs) }));
}

const rowsOf = (url: string) => query(url, "SELECT id, name, artifact_key FROM datasets");
const filesOf = (folder: string) =>
	readdirSync(join(folder, KEY)).map((name) => [name, readFileSync(join(folder, KEY, name), "utf8")]);

test("a backup of a folder is restored into a bucket, also after a kill; one of the bucket into a folder; all is the same", async () => {
	const [first, second, third] = await Promise.all([
		places.place("first"),
		places.place("second"),
		places.place("third"),
	]);
	await fill(first);
	const home = { VALENCE_HOME: join(places.root, "command") };
	const ofFolder = join(places.root, "of-folder.valence");
	expect(await run("backup", [ofFolder], { ...home, ...first })).toMatchObject({ status: 0 });

	const inStore = { ...home, ...store.environment, ...second, VALENCE_ARTIFACTS: store.url };
	await killWhen("Write datasets and checkpoints", "restore", [ofFolder], inStore);
	const restored = await run("restore", [ofFolder], inStore);
	expect(restored).toMatchObject({ status: 0, said: expect.stringContaining(`VALENCE_ARTIFACTS=${store.url}`) });
	expect(existsSync(join(home.VALENCE_HOME, "restoring"))).toBe(false);

	const ofStore = join(places.root, "of-store.valence");
	const made = await run("backup", [ofStore], inStore);
	expect(made).toMatchObject({
		status: 0,
		said: expect.stringContaining(`the database of DATABASE_URL and ${store.url}`),
	});
	expect(await run("restore", [ofStore], { ...home, ...third })).toMatchObject({ status: 0 });
	expect(await rowsOf(third.DATABASE_URL)).toEqual(await rowsOf(first.DATABASE_URL));
	expect(filesOf(third.VALENCE_ARTIFACTS)).toEqual(filesOf(first.VALENCE_ARTIFACTS));
});

test("a store that is away, and one that refuses us, end both commands with that, and leave nothing", async () => {
	const fourth = await places.place("fourth");
	await migrate(fourth.DATABASE_URL);
	const home = { VALENCE_HOME: join(places.root, "other") };
	const away = { ...home, ...store.environment, ...fourth, VALENCE_ARTIFACTS: "s3://no-such-bucket/x" };
	const file = join(places.root, "never.valence");
	const ended = await run("backup", [file], away);
	expect(ended).toMatchObject({ status: 1, said: expect.stringContaining("s3://no-such-bucket/x does not answer") });
	expect(readdirSync(places.root).filter((name) => name.includes("never.valence"))).toEqual([]);
	const restored = await run("restore", [join(places.root, "of-folder.valence")], away);
	expect(restored).toMatchObject({ status: 1, said: expect.stringContaining("s3://no-such-bucket/x does not answer") });
	expect(await rowsOf(fourth.DATABASE_URL)).toEqual([]);
});
