// What lies outside homes: databases of homes that PostgreSQL's account cannot enter, and those of earlier versions.
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type HomeId, readHomeId } from "../home/id.js";
import { DEFAULT_HOME } from "../paths.js";

/** Outside the home. The second is where earlier versions went when they could not write the first. */
export const OUTSIDE = "/var/lib/valence";
export const SHARED_FOLDERS = [OUTSIDE, join(tmpdir(), "valence")];
/** Of earlier versions: in a shared folder `<id>\n<path of the home>`, in the home `<id>`. */
export const EARLIER_ID = { outside: "home.id", inHome: "postgres.id" };

/** Everything outside homes that is or was a database, whoever it belongs to. */
export interface OutsideDatabase {
	id: string;
	folder: string;
	/** Where its home was when it last ran. */
	home: string | null;
	/** Whether the home there still says that this is its database. */
	isClaimed: boolean;
}

export function outsideDatabases(): OutsideDatabase[] {
	const ours = [DEFAULT_HOME, ...list(DEFAULT_HOME).map((name) => join(DEFAULT_HOME, name))];
	return SHARED_FOLDERS.flatMap((shared) =>
		list(shared)
			.filter((id) => /^[0-9a-f]{16}$|^[0-9a-f-]{36}$/.test(id))
			.map((id) => {
				const folder = join(shared, id);
				const [earlier, path] = read(join(folder, EARLIER_ID.outside))?.split("\n") ?? [];
				const noted = peek(folder)?.path ?? path ?? null;
				// The home may have moved since; where it is now, nobody has noted, but the homes of this checkout can be asked.
				const claimant = [noted, ...ours].find(
					(home) =>
						home !== null &&
						(peek(home)?.id === id ||
							peek(home)?.leftBehind === folder ||
							(earlier !== undefined && earlierId(home) === earlier)),
				);
				return { id, folder, home: claimant ?? noted, isClaimed: claimant !== undefined };
			}),
	);
}

export function peek(folder: string): HomeId | null {
	try {
		return readHomeId(folder);
	} catch {
		return null; // of another home, so not ours to complain about
	}
}

export const earlierId = (home: string) => read(join(home, EARLIER_ID.inHome))?.trim() || null;

export function sharedFolder(): string {
	if (existsSync(OUTSIDE)) return OUTSIDE;
	try {
		mkdirSync(OUTSIDE, { recursive: true });
		chmodSync(OUTSIDE, 0o755); // whatever the umask is: every account must come through
		return OUTSIDE;
	} catch (error) {
		throw new Error(
			`PostgreSQL needs ${OUTSIDE}, as its account cannot enter the home, and that cannot be made: ${(error as Error).message}. Name a home that every user may enter with VALENCE_HOME.`,
		);
	}
}

function list(folder: string): string[] {
	try {
		return readdirSync(folder);
	} catch {
		return [];
	}
}

export function read(path: string): string | null {
	try {
		return readFileSync(path, "utf8");
	} catch {
		return null;
	}
}
