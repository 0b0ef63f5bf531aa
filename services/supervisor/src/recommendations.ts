// The last part of the demo: what a few people of the dataset are recommended, and for which interest.
import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { createGunzip } from "node:zlib";
import { type Client, type Interests, type Recommendations, Refused } from "./client.js";
import { bold, dim, interestColour, say } from "./terminal.js";

const PEOPLE = 3;
/** Some of those named may have gone with a split that left them nothing to train on. */
const CANDIDATES = 200;
const INTERACTIONS = [/\.train\.inter(\.gz)?$/, /\.inter(\.gz)?$/];

/** Prints the top ten of three people: of `favourites` as far as the dataset has them, else of the first in its files. */
export async function showRecommendations(api: Client, folder: string, favourites: string[]): Promise<void> {
	let shown = 0;
	for (const person of new Set([...favourites, ...(await usersOf(folder))])) {
		if (shown === PEOPLE) break;
		if (await show(api, person)) shown++;
	}
	if (shown === 0) throw new Error(`the dataset has none of the users of ${basename(folder)}`);
	say();
}

/** False when the dataset has no such user. */
async function show(api: Client, person: string): Promise<boolean> {
	const path = `/users/${encodeURIComponent(person)}`;
	let answer: Recommendations;
	try {
		answer = await api.get<Recommendations>(`${path}/recommendations?n=10`);
	} catch (error) {
		if (error instanceof Refused && error.status === 404) return false;
		throw error;
	}
	const { history, historyTotal } = await api.get<Interests>(`${path}/interests?n=1`);
	const examples = history.slice(0, 2).map((item) => item.title ?? item.id);
	say(`\n  ${bold(person)} ${dim(`has ${historyTotal} items, for example ${examples.join("; ")}`)}`);
	answer.items.forEach((item, rank) => {
		const index = item.interestShares.indexOf(Math.max(...item.interestShares));
		const share = Math.round((item.interestShares[index] ?? 0) * 100);
		const mark = answer.interests > 0 ? interestColour(index, `interest ${index + 1} (${share} %)`) : "";
		say(`  ${String(rank + 1).padStart(4)}. ${(item.title ?? item.id).slice(0, 72).padEnd(72)} ${mark}`);
	});
	return true;
}

/** The first users that the interactions of a folder name. */
export async function usersOf(folder: string): Promise<string[]> {
	const names = (await readdir(folder)).sort();
	const name = INTERACTIONS.map((pattern) => names.find((one) => pattern.test(one))).find(Boolean);
	if (!name) return [];
	const bytes = createReadStream(join(folder, name));
	const lines = createInterface({ input: name.endsWith(".gz") ? bytes.pipe(createGunzip()) : bytes });
	const users = new Set<string>();
	let separator = "";
	let column = 0;
	for await (const line of lines) {
		if (separator === "") {
			separator = line.includes("\t") ? "\t" : ",";
			column = Math.max(
				line.split(separator).findIndex((field) => /^(user|uid)/i.test(field)),
				0,
			);
			continue;
		}
		const user = line.split(separator)[column];
		if (user) users.add(user);
		if (users.size === CANDIDATES) break;
	}
	lines.close();
	bytes.destroy();
	return [...users];
}
