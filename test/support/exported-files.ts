// Interactions as people have them: what MovieLens publishes, what pandas writes, what Excel exports where commas are decimal.
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { PYTHON } from "../../services/supervisor/src/paths.js";

interface Rating {
	user: number;
	movie: number;
	stars: number;
	/** Seconds since 1970. */
	at: number;
}

/** The first of the forty movies of each kind. */
const KINDS = [1, 101, 241];

/** Each user likes one of three kinds of movies, and rates one a day. */
function ratingsOf(users: number): Rating[] {
	return Array.from({ length: 14 * users }, (_, row) => {
		const [user, nth] = [1 + Math.floor(row / 14), row % 14];
		const movie = (KINDS[user % 3] as number) + ((user * 7 + nth * nth + nth) % 40);
		return { user, movie, stars: 3 + (nth % 5) / 2, at: 1_500_000_000 + nth * 86_400 + user * 60 };
	});
}

/** The two tables that matter, as MovieLens publishes its small sets, under the names given. */
export function writeMovieLens(
	folder: string,
	users: number,
	names = { ratings: "ratings.csv", movies: "movies.csv" },
) {
	mkdirSync(folder, { recursive: true });
	const ratings = ratingsOf(users).map(({ user, movie, stars, at }) => `${user},${movie},${stars.toFixed(1)},${at}`);
	const movies = Array.from(
		{ length: 300 },
		(_, nth) => `${nth + 1},"Movie, The ${nth + 1} (1999)",Drama|Kind${nth % 3}`,
	);
	writeFileSync(join(folder, names.ratings), `${["userId,movieId,rating,timestamp", ...ratings].join("\n")}\n`);
	writeFileSync(join(folder, names.movies), `${["movieId,title,genres", ...movies].join("\n")}\n`);
	writeFileSync(join(folder, "links.csv"), "movieId,imdbId,tmdbId\n1,0114709,862\n");
	writeFileSync(join(folder, "README.txt"), "Summary\n=======\n\nThis dataset describes ratings.\n");
}

/** A folder of HetRec 2011's LastFM and one of Kaggle's Steam, with all that lies in their archives. */
export function writeDumps(folder: string): { hetrec: string[]; steam: string[] } {
	const ratings = ratingsOf(60);
	const ids = [...new Set(ratings.map(({ movie }) => movie))];
	const dump = (name: string, files: Record<string, string[]>) => {
		mkdirSync(join(folder, name), { recursive: true });
		return Object.entries(files).map(([file, lines]) => written(join(folder, name, file), lines.join("\n")));
	};
	return {
		hetrec: dump("hetrec2011-lastfm-2k", {
			"artists.dat": [
				"id\tname\turl\tpictureURL",
				...ids.map((id) => `${id}\tBand ${id}\thttp://x/${id}\thttp://y/${id}`),
			],
			"readme.txt": ["Last.FM"],
			"tags.dat": ["tagID\ttagValue", "1\tmetal"],
			"user_artists.dat": ["userID\tartistID\tweight", ...ratings.map(({ user, movie }) => `${user}\t${movie}\t9`)],
			"user_friends.dat": ["userID\tfriendID", "2\t275"],
			"user_taggedartists.dat": ["userID\tartistID\ttagID\tday\tmonth\tyear", "2\t999\t13\t1\t4\t2009"],
		}),
		steam: dump("steam", {
			"games.csv": ["app_id,title,date_release", ...ids.map((id) => `${id},"Game, The ${id}",2011-02-18`)],
			"games_metadata.json": ids.map((id) => JSON.stringify({ app_id: id, description: "x", tags: ["Action"] })),
			"recommendations.csv": [
				"app_id,helpful,date,is_recommended,user_id",
				...ratings.map(({ user, movie }) => `${movie},0,2022-12-12,true,${user}`),
			],
			"users.csv": ["user_id,products,reviews", "51580,4,2"],
		}),
	};
}

/** ml-latest-small.zip as it is downloaded: a folder in it, and more tables than are read. */
export function movieLensZip(folder: string, users: number): string {
	const inside = join(folder, "ml-latest-small");
	writeMovieLens(inside, users);
	writeFileSync(join(inside, "tags.csv"), "userId,movieId,tag,timestamp\n2,7,funny,1445714994\n");
	const path = `${inside}.zip`;
	execFileSync(PYTHON, ["-m", "zipfile", "-c", path, basename(inside)], { cwd: folder });
	return path;
}

/** `frame.to_csv(path)`: the index comes first, and its column has no name. */
export function pandasCsv(folder: string, users: number): string {
	const rows = ratingsOf(users).map(
		({ user, movie, stars, at }, row) => `${row},${user},${movie},${stars.toFixed(1)},${isoOf(at)}`,
	);
	return written(join(folder, "frame.csv"), [",user_id,item_id,rating,rated_at", ...rows].join("\n"));
}

/** "CSV UTF-8" of a German Excel: a mark at the beginning, semicolons, decimal commas, days first, Windows' line ends. */
export function excelCsv(folder: string, users: number): string {
	const rows = ratingsOf(users).map(({ user, movie, stars, at }) => {
		const [, year, month, day, time] = isoOf(at).match(/^(\d+)-(\d+)-(\d+) (\d+:\d+)/) as RegExpMatchArray;
		return `${user};${movie};${`${stars}`.replace(".", ",")};${day}.${month}.${year} ${time}`;
	});
	return written(join(folder, "Mappe1.csv"), `\uFEFF${["customer;product;rating;date", ...rows].join("\r\n")}\r`);
}

const isoOf = (seconds: number) => new Date(seconds * 1_000).toISOString().slice(0, 19).replace("T", " ");

function written(path: string, lines: string): string {
	writeFileSync(path, `${lines}\n`);
	return path;
}
