// What may happen to a home between two starts: it is moved, renamed, copied, killed, older or newer than the code.
import { execFileSync, spawnSync } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import {
	chmodSync,
	chownSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { ownerOf, takeHome } from "../../services/supervisor/src/home/lock.js";
import { startOf } from "../../services/supervisor/src/identity.js";
import { mayEnter, otherAccount } from "../../services/supervisor/src/postgres/account.js";
import { OUTSIDE, outsideDatabases } from "../../services/supervisor/src/postgres/outside.js";
import { Holder, smallCheckout, type User } from "../support/holder.js";
import { removeHomesIn } from "../support/homes.js";

const isRoot = process.getuid?.() === 0;
const somebody: User | undefined = isRoot ? { uid: 65_534, gid: 65_534 } : undefined;
/** Only root's databases ever lie outside, and only root can be somebody else. */
const asRoot = isRoot ? test : test.skip;
/** Not the temporary folder: what is there is no more and no less a home. */
const plain = mkdtempSync(join("/var/tmp", "valence-homes-"));
const temporary = mkdtempSync(join(tmpdir(), "valence-homes-"));
let checkout = process.cwd();

beforeAll(() => {
	for (const folder of [plain, temporary]) chmodSync(folder, 0o777);
	if (somebody && !mayEnter({ name: "", ...somebody }, process.cwd()))
		checkout = smallCheckout(join(plain, "checkout"));
});
afterAll(() => {
	for (const folder of [plain, temporary]) removeHomesIn(folder);
});

/** A folder that everybody, or only its owner, may enter; the homes of one test lie in it. */
function parent(root: string, user: User | undefined, mode = 0o755): string {
	const folder = mkdtempSync(join(root, "parent-"));
	if (user) chownSync(folder, user.uid, user.gid);
	chmodSync(folder, mode);
	return folder;
}

async function refusal(home: string, options: Parameters<typeof Holder.start>[1] = {}): Promise<string> {
	const holder = await Holder.start(home, options).catch((error: Error) => error.message);
	if (typeof holder === "string") return holder;
	await holder.stop();
	throw new Error("it started");
}

const users: [string, User | undefined][] = isRoot
	? [
			["root", undefined],
			["another user", somebody],
		]
	: [["the user", undefined]];
const places: [string, string, number][] = [
	["a plain folder", plain, 0o755],
	["a folder that only its owner can enter", plain, 0o700],
	["the temporary folder", temporary, 0o755],
];
const cases = users.flatMap(([who, user]) => places.map(([where, root, mode]) => ({ who, user, where, root, mode })));

test.each(cases)(
	"as $who in $where: moved, renamed, killed and moved back, it has its data",
	async ({ user, root, mode }) => {
		const folder = parent(root, user, mode);
		const [home, moved] = [join(folder, "home"), join(folder, "else where")];
		mkdirSync(home);
		if (user) chownSync(home, user.uid, user.gid);
		const options = user ? { user, checkout } : {};
		const first = await Holder.start(home, options);
		await first.write(1);
		const isOutside = isRoot && !user && mode === 0o700;
		expect(existsSync(join(home, "postgres/data/PG_VERSION"))).toBe(!isOutside);
		expect(first.place).toMatch(
			isOutside
				? /^\/var\/lib\/valence\/.* cannot enter the home; a copy of the home does not hold it/
				: /home\/postgres$/,
		);
		await first.stop();
		renameSync(home, moved);
		const second = await Holder.start(moved, options);
		expect(await second.values()).toEqual([1]);
		await second.write(2);
		await second.kill();
		renameSync(moved, home);
		const third = await Holder.start(home, options);
		expect(await third.values()).toEqual([1, 2]);
		await third.stop();

		const copy = join(folder, "copy");
		execFileSync("cp", ["-a", home, copy]);
		expect(await refusal(copy, options)).toMatch(
			/is a copy of the home .*\/home, which is still there[\s\S]*npx valence backup[\s\S]*npx valence restore/,
		);
		expect(await refusal(copy, { ...options, isNew: true })).toContain("is a copy of the home");
		const fourth = await Holder.start(home, options);
		expect(await fourth.values()).toEqual([1, 2]);
		await fourth.stop();
	},
	120_000,
);

asRoot(
	"a home that moves in and out of a folder that only root can enter takes its database along",
	async () => {
		const [open, closed] = [join(parent(plain, undefined), "home"), join(parent(plain, undefined, 0o700), "home")];
		const first = await Holder.start(open);
		await first.write(7);
		await first.stop();
		renameSync(open, closed);
		const second = await Holder.start(closed);
		expect([second.place.startsWith(OUTSIDE), await second.values()]).toEqual([true, [7]]);
		expect(existsSync(join(closed, "postgres"))).toBe(false);
		await second.stop();
		const { id } = JSON.parse(readFileSync(join(closed, "home.json"), "utf8"));
		renameSync(closed, open);
		const third = await Holder.start(open);
		expect([third.place, await third.values()]).toEqual([join(open, "postgres"), [7]]);
		expect(outsideDatabases().map((one) => one.id)).not.toContain(id);
		await third.stop();
	},
	120_000,
);

test("the checkout is deleted, the home is not", async () => {
	const folder = parent(plain, undefined);
	const home = join(folder, "home");
	const first = await Holder.start(home, { checkout: smallCheckout(join(folder, "checkout")) });
	await first.write(3);
	await first.stop();
	rmSync(join(folder, "checkout"), { recursive: true });
	const second = await Holder.start(home);
	expect(await second.values()).toEqual([3]);
	await second.stop();
}, 120_000);

test("a home whose database is gone says so and starts empty only when told", async () => {
	const home = join(parent(plain, undefined), "home");
	const first = await Holder.start(home);
	await first.write(4);
	await first.stop();
	const away = `${home}-database`;
	renameSync(join(home, "postgres"), away);
	writeFileSync(join(home, "last-backup.json"), JSON.stringify({ file: "/backups/one.valence", at: "2026-11-25" }));
	expect(await refusal(home)).toMatch(
		/database of .*home is not there[\s\S]*\/backups\/one\.valence[\s\S]*npx valence start --new/,
	);
	renameSync(away, join(home, "postgres"));
	const second = await Holder.start(home);
	expect(await second.values()).toEqual([4]);
	await second.stop();
	renameSync(join(home, "postgres"), away);
	const third = await Holder.start(home, { isNew: true });
	expect(await third.values()).toEqual([]);
	await third.stop();
	expect(existsSync(join(away, "data/PG_VERSION"))).toBe(true);

	const artifacts = join(parent(plain, undefined), "home");
	mkdirSync(join(artifacts, "artifacts/runs", randomUUID()), { recursive: true });
	expect(await refusal(artifacts)).toContain("it may have been used with a DATABASE_URL");
}, 120_000);

test("a copy made while the database ran is refused, unless somebody answers for it", async () => {
	const folder = parent(plain, undefined);
	const [home, copy] = [join(folder, "home"), join(folder, "copy")];
	const first = await Holder.start(home);
	await first.write(5);
	await first.query("CHECKPOINT");
	execFileSync("cp", ["-a", home, copy]);
	await first.stop();
	renameSync(home, join(folder, "away"));
	expect(await refusal(copy)).toMatch(/a copy that was made while PostgreSQL was running[\s\S]*--trust-copy/);
	const trusted = await Holder.start(copy, { trustsCopy: true });
	expect(await trusted.values()).toEqual([5]);
	await trusted.stop();
	// One that was made after an orderly stop is as good as the first.
	rmSync(copy, { recursive: true });
	execFileSync("cp", ["-a", join(folder, "away"), copy]);
	rmSync(join(folder, "away"), { recursive: true });
	const good = await Holder.start(copy);
	expect(await good.values()).toEqual([5]);
	await good.stop();
}, 120_000);

test.each([
	["older", "17", "brings PostgreSQL 18, which cannot read it"],
	["newer", "99", "was written by PostgreSQL 99"],
])(
	"data of %s major version is refused with the backup to restore, and left alone",
	async (_which, major, words) => {
		const home = join(parent(plain, undefined), "home");
		const first = await Holder.start(home);
		await first.write(6);
		await first.stop();
		const version = join(home, "postgres/data/PG_VERSION");
		writeFileSync(version, `${major}\n`);
		writeFileSync(join(home, "last-backup.json"), JSON.stringify({ file: "/backups/two.valence", at: "2026-11-25" }));
		const said = await refusal(home);
		expect(said).toContain(words);
		expect(said).toContain("npx valence restore FILE (the last backup is /backups/two.valence of 2026-11-25)");
		writeFileSync(version, "18\n");
		const second = await Holder.start(home);
		expect(await second.values()).toEqual([6]);
		await second.stop();
	},
	120_000,
);

test("a lost password and files that root has copied are mended, with the data in place", async () => {
	const home = join(parent(plain, undefined), "home");
	const first = await Holder.start(home);
	await first.write(8);
	await first.stop();
	rmSync(join(home, "postgres/password"));
	if (isRoot) {
		const owned = execFileSync("cp", ["-r", join(home, "postgres"), join(home, "by-root")]);
		rmSync(join(home, "postgres"), { recursive: true });
		renameSync(join(home, "by-root"), join(home, "postgres"));
		expect(owned.length).toBe(0);
	}
	const second = await Holder.start(home);
	expect(await second.values()).toEqual([8]);
	await second.stop();
}, 120_000);

/** A home as earlier versions left it: as root outside, in a folder named by the hash of the home's path. */
async function earlierHome(
	home: string,
	value: number,
	name = createHash("sha256").update(home).digest("hex").slice(0, 16),
) {
	const now = await Holder.start(home);
	await now.write(value);
	await now.stop();
	rmSync(join(home, "home.json"));
	if (!isRoot) return null;
	const folder = join(OUTSIDE, name);
	mkdirSync(OUTSIDE, { recursive: true });
	execFileSync("cp", ["-a", join(home, "postgres"), folder]);
	rmSync(join(home, "postgres"), { recursive: true });
	const id = randomUUID();
	writeFileSync(join(folder, "home.id"), `${id}\n${home}`);
	writeFileSync(join(home, "postgres.id"), id);
	return folder;
}

test("a home of the earlier layout is taken over, also when it was renamed before", async () => {
	const folder = parent(plain, undefined);
	const [home, renamed] = [join(folder, "home"), join(folder, "renamed")];
	const outside = await earlierHome(home, 9);
	renameSync(home, renamed);
	const first = await Holder.start(renamed);
	expect([first.place, await first.values()]).toEqual([join(renamed, "postgres"), [9]]);
	if (outside) {
		expect(first.said).toEqual([`the database moves from ${outside} to ${join(renamed, "postgres")}`]);
		expect([existsSync(outside), readdirSync(renamed)]).toEqual([false, expect.not.arrayContaining(["postgres.id"])]);
	}
	await first.stop();
}, 120_000);

asRoot(
	"a take-over between two file systems compares every byte, and a kill in the middle costs nothing",
	async () => {
		const folder = parent("/dev/shm", undefined);
		const home = join(folder, "home");
		try {
			const outside = (await earlierHome(home, 10)) as string;
			// Killed after the copy had begun: half of it lies there.
			mkdirSync(join(home, "postgres.half/data"), { recursive: true });
			writeFileSync(join(home, "postgres.half/data/PG_VERSION"), "18\n");
			const first = await Holder.start(home);
			expect([first.place, await first.values()]).toEqual([join(home, "postgres"), [10]]);
			expect([existsSync(outside), existsSync(join(home, "postgres.half"))]).toEqual([false, false]);
			await first.stop();

			// Killed after the move and before the old folder went: what was left behind goes now, the new one stays.
			const id = JSON.parse(readFileSync(join(home, "home.json"), "utf8"));
			execFileSync("cp", ["-a", join(home, "postgres"), outside]);
			writeFileSync(join(home, "home.json"), JSON.stringify({ ...id, leftBehind: outside }));
			const second = await Holder.start(home);
			expect([await second.values(), existsSync(outside)]).toEqual([[10], false]);
			await second.stop();
		} finally {
			removeHomesIn(folder);
		}
	},
	120_000,
);

asRoot(
	"a move out of the home between two file systems that was killed before its end goes on",
	async () => {
		const folder = parent("/dev/shm", undefined);
		const home = join(folder, "home");
		try {
			const first = await Holder.start(home);
			await first.write(13);
			await first.stop();
			const id = JSON.parse(readFileSync(join(home, "home.json"), "utf8"));
			chmodSync(folder, 0o700);
			// Killed after the copy had got its name and before anything started on it.
			mkdirSync(OUTSIDE, { recursive: true });
			execFileSync("cp", ["-a", join(home, "postgres"), join(OUTSIDE, id.id)]);
			writeFileSync(join(home, "home.json"), JSON.stringify({ ...id, inode: undefined, leftBehind: "inside" }));
			const second = await Holder.start(home);
			expect([second.place.startsWith(OUTSIDE), await second.values()]).toEqual([true, [13]]);
			expect(readdirSync(home).filter((name) => name.startsWith("postgres"))).toEqual([]);
			await second.stop();

			// Killed while what was left behind was deleted: what is left of it is no database any more.
			mkdirSync(join(home, "postgres.gone/data"), { recursive: true });
			writeFileSync(join(home, "postgres.gone/data/PG_VERSION"), "18\n");
			const now = JSON.parse(readFileSync(join(home, "home.json"), "utf8"));
			writeFileSync(join(home, "home.json"), JSON.stringify({ ...now, leftBehind: "inside" }));
			const third = await Holder.start(home);
			expect([await third.values(), existsSync(join(home, "postgres.gone"))]).toEqual([[13], false]);
			await third.stop();
		} finally {
			chmodSync(folder, 0o755);
			removeHomesIn(folder);
		}
	},
	120_000,
);

asRoot(
	"what was left behind is only deleted when it is the same database",
	async () => {
		const folder = parent(plain, undefined);
		const [home, other] = [join(folder, "home"), join(folder, "other")];
		for (const [path, value] of [
			[home, 14],
			[other, 15],
		] as const) {
			const holder = await Holder.start(path);
			await holder.write(value);
			await holder.stop();
		}
		const id = JSON.parse(readFileSync(join(home, "home.json"), "utf8"));
		writeFileSync(join(home, "home.json"), JSON.stringify({ ...id, leftBehind: join(other, "postgres") }));
		const first = await Holder.start(home);
		expect(await first.values()).toEqual([14]);
		await first.stop();
		const second = await Holder.start(other);
		expect(await second.values()).toEqual([15]);
		await second.stop();
		// A database put back into the home beside the one outside: a person must say which is right.
		mkdirSync(OUTSIDE, { recursive: true });
		execFileSync("cp", ["-a", join(home, "postgres"), join(OUTSIDE, id.id)]);
		expect(await refusal(home)).toMatch(/There are two databases of/);
		rmSync(join(OUTSIDE, id.id), { recursive: true });
	},
	120_000,
);

asRoot(
	"a copy of a home of the earlier layout leaves the first one alone",
	async () => {
		const folder = parent(plain, undefined);
		const [home, copy] = [join(folder, "home"), join(folder, "copy")];
		const outside = (await earlierHome(home, 16)) as string;
		execFileSync("cp", ["-a", home, copy]);
		expect(await refusal(copy)).toMatch(/is a copy of the home .*\/home, which is still there/);
		expect(existsSync(join(outside, "data/PG_VERSION"))).toBe(true);
		const first = await Holder.start(home);
		expect(await first.values()).toEqual([16]);
		await first.stop();
		// Nor does it when the first one has been taken over meanwhile.
		expect(await refusal(copy)).toMatch(/The database of .*copy is not there|is a copy of the home/);
	},
	120_000,
);

test("a copy that was made while an earlier version ran is refused as torn", async () => {
	const folder = parent(plain, undefined);
	const [home, copy] = [join(folder, "home"), join(folder, "copy")];
	const first = await Holder.start(home);
	await first.write(17);
	execFileSync("cp", ["-a", home, copy]);
	rmSync(join(copy, "home.json")); // earlier versions wrote none
	expect(await refusal(copy)).toContain("it may be torn");
	expect(await first.values()).toEqual([17]);
	await first.stop();
}, 120_000);

test("a start whose lock was lost leaves a running service alone, and what ends removes only its own lock", async () => {
	const home = join(parent(plain, undefined), "home");
	const first = await Holder.start(home);
	await first.write(18);
	rmSync(join(home, "owner.json"), { force: true });
	expect(await refusal(home)).toMatch(/in use: process \d+ keeps its server running/);
	expect(await first.values()).toEqual([18]);
	const mine = takeHome(home);
	const other = { ...ownerOf(home), pid: process.ppid, start: startOf(process.ppid) };
	writeFileSync(join(home, "owner.json"), JSON.stringify(other));
	mine.release();
	expect(ownerOf(home)?.pid).toBe(process.ppid);
	await first.stop();
}, 120_000);

asRoot(
	"no start deletes a database, and valence homes lists what nobody claims and deletes what a person names",
	async () => {
		const folder = parent(temporary, undefined, 0o700);
		const home = join(folder, "home");
		const first = await Holder.start(home);
		await first.write(11);
		await first.stop();
		const { id } = JSON.parse(readFileSync(join(home, "home.json"), "utf8"));
		const homes = (...given: string[]) => {
			const { status, stdout, stderr } = spawnSync(process.execPath, ["services/cli/dist/main.js", "homes", ...given], {
				encoding: "utf8",
			});
			return { status, said: stdout + stderr, stdout };
		};
		expect(homes().said).toMatch(
			new RegExp(`${id} +claimed +\\d+ MiB +\\d{4}-\\d\\d-\\d\\d \\(0 days ago\\) +${home}`),
		);
		expect(JSON.parse(homes("--json").stdout).items).toContainEqual(
			expect.objectContaining({ id, home, state: "claimed", bytes: expect.any(Number), lastUsed: expect.any(String) }),
		);
		expect(homes("--remove", id)).toMatchObject({
			status: 1,
			said: expect.stringContaining(`is the database of ${home}`),
		});
		rmSync(home, { recursive: true });
		// A home at the same path, and others beside it, begin with nothing, and leave it where it is.
		const again = await Holder.start(home);
		expect(await again.values()).toEqual([]);
		await again.stop();
		expect(existsSync(join(OUTSIDE, id, "data/PG_VERSION"))).toBe(true);
		expect(homes().said).toMatch(new RegExp(`${id} +unclaimed`));
		expect(homes("--remove", basename(home))).toMatchObject({
			status: 2,
			said: expect.stringContaining("no database outside a home has the id"),
		});
		expect(homes("--remove", id)).toMatchObject({ status: 0, said: expect.stringContaining("Deleted") });
		expect(existsSync(join(OUTSIDE, id))).toBe(false);
	},
	120_000,
);

asRoot(
	"another user's database is named, not replaced",
	async () => {
		if (!somebody) throw new Error("root can be somebody else");
		const home = join(parent(plain, somebody), "home");
		const first = await Holder.start(home);
		await first.write(12);
		await first.stop();
		const script = `import(${JSON.stringify(`${checkout}/services/supervisor/dist/home/lock.js`)}).then(({ takeHome }) => takeHome(${JSON.stringify(home)}));`;
		expect(() => execFileSync(process.execPath, ["-e", script], { ...somebody, cwd: "/", stdio: "pipe" })).toThrow(
			/cannot be written by this user .*chown -R/,
		);
		chownSync(home, somebody.uid, somebody.gid);
		chmodSync(home, 0o755);
		expect(await refusal(home, { user: somebody, checkout })).toMatch(
			new RegExp(`belongs to ${otherAccount().name}\\. Start Valence as root`),
		);
	},
	120_000,
);
