// The living demo: the sample comes as a stream, people are answered by what they have just done, and refreshes renew what
// answers them. All of it goes through the HTTP API, as a program of one's own would do it.
import { join } from "node:path";
import { type Client, type NewRefreshRule, Problem, type Refresh, type ServedCheckpoint } from "@valence/client";
import { bold, count, dim, say, step } from "@valence/supervisor/terminal";
import { sayList } from "../answers.js";
import { Failure } from "../failure.js";
import { writeSample } from "../import-folder.js";
import { type Options, play, type Stage, tellFigures } from "./playing.js";
import { renew } from "./renewing.js";
import { type Row, readStream, Shop } from "./stream.js";
import { idsOf, movedOf, sayChapter, sayHistory, sayMove, sayNext } from "./telling.js";

const FEED = "shop";
const DEPLOYMENT = "default";
/** Enough to be well above popularity after some seconds; chosen on the sample. */
const PARAMS = { k: 4, epochs: 20, patience: 8, learning_rate: 0.01, train_batch_size: 256 };
/** Of one request; a stream of JSON lines takes any number. */
const MOST_ROWS = 10_000;
const SHOWN = 10;
const ASKED_A_DAY = 10;
const NEWCOMER = "newcomer";
const NEW_ITEM = "item-new";
const FANS = 40;

/** What came of it, as `--results` writes it. */
export interface Outcome {
	refreshes: Refresh[];
	person: { id: string; did: string[]; before: string[]; after: string[]; renewed: string[] };
	newcomer: { knownBefore: boolean; likes: string; list: string[]; fresh: string[] };
	newItem: { rankBefore: number | null; rankAfter: number | null };
	history: ServedCheckpoint[];
}

export const playLive = (options: Options) =>
	play(options, {
		title: "Valence: recommendations that live with what people do",
		again: "npx valence demo --live --keep",
		tour: async (stage) => {
			await tellFigures(options, await live(stage, options.seed));
		},
	});

async function live({ api, home, params }: Stage, seed: number): Promise<Outcome> {
	const folder = join(home, "sample");
	const { rows, items } = await step("Make up a shop: people who took items in 30 days", async () => {
		await writeSample(folder);
		return readStream(folder, Math.floor(Date.now() / 60_000) * 60_000);
	});
	const past = rows.slice(0, Math.floor((rows.length * 2) / 3));
	const rest = rows.slice(past.length);
	const shop = new Shop(items, past);

	sayChapter(1, "A feed", "is what happened, and keeps growing. Two thirds of it have happened already.");
	await api.put("/feeds/{name}", { path: { name: FEED } });
	await step(`Describe ${count(items.length, "item")}: titles and tags`, () =>
		api.put("/feeds/{name}/items", { path: { name: FEED }, body: { items } }),
	);
	await step(`Send ${count(past.length, "interaction")}, each with its time`, () => send(api, past));

	sayChapter(2, "A refresh", "makes what answers people: nothing is served that does not beat what is most popular.");
	const rule: NewRefreshRule = {
		feed: FEED,
		model: "valid",
		params: { ...PARAMS, ...params },
		seeds: [seed],
		every: "6h",
		paused: true, // here it is asked for; otherwise it comes by itself
		gate: { metric: "recall@20", tolerance: 0.05, margin: 0.1 },
	};
	const first = await renew(api, DEPLOYMENT, rule, "switched");

	const { person, interest, did, before, after } = await move(api, shop, past);

	sayChapter(4, "The rest of the stream", "comes at speed. Some who have just done something are answered at once.");
	await replay(api, rest, shop);
	const [, likes = ""] = shop.topicsBeside(person);
	const newcomer = await welcome(api, shop, likes, rest);
	const fans = new Shop(items, rows).fansOf(likes, FANS);
	say(`\n  ${fans.length} people who like ${likes} take the new item.`);
	const taking = fans.flatMap((fan) => takes(fan, [NEW_ITEM], rest));
	await send(api, taking);
	const rankBefore = await rankOf(api, NEWCOMER, NEW_ITEM);

	sayChapter(5, "A refresh that is refused", "on purpose: the candidate is allowed one epoch and next to no learning.");
	const bad = { ...rule, params: { ...rule.params, epochs: 1, learning_rate: 1e-6 } };
	const refused = await renew(api, DEPLOYMENT, bad, "refused");
	say(`  ${dim("What was served still is: nobody has noticed.")}`);

	sayChapter(6, "A refresh that passes", "with the first configuration, on all that has come since.");
	const second = await renew(api, DEPLOYMENT, rule, "switched");
	const renewed = await recommend(api, person);
	const more = rest.filter(({ user }) => user === person).map(({ item }) => item);
	say(`  Of ${bold(person)} it knows the 3 of ${interest}, and ${shop.about(more)} from the stream.`);
	say(`  It recommends ${shop.about(idsOf(renewed))}; ${movedOf(after, renewed)} of ${SHOWN} are new to the list.`);
	const rankAfter = await rankOf(api, NEWCOMER, NEW_ITEM);
	if (rankBefore !== null || rankAfter === null) throw new Failure("the new model does not know the new item");
	say(
		`  The new item, which no model knew, now stands in place ${rankAfter} for the ${NEWCOMER}, by what others took.`,
	);

	sayChapter(7, "What has come of it", "is kept, with who, why and the numbers.");
	const { items: history } = await api.get("/deployments/{name}/history", { path: { name: DEPLOYMENT } });
	sayHistory([first, refused, second], history);
	sayNext();
	return {
		refreshes: [first, refused, second],
		person: { id: person, did, before: idsOf(before), after: idsOf(after), renewed: idsOf(renewed) },
		newcomer,
		newItem: { rankBefore, rankAfter },
		history,
	};
}

async function send(api: Client, rows: Row[]): Promise<void> {
	for (let sent = 0; sent < rows.length; sent += MOST_ROWS) {
		const body = rows.slice(sent, sent + MOST_ROWS);
		const { refused, problems } = await api.post("/feeds/{name}/interactions", { path: { name: FEED }, body });
		if (refused > 0) throw new Failure(`${refused} interactions were refused: ${problems[0]?.message}`);
	}
}

/** One after the other, right after the last of what has come. */
function takes(user: string, taken: string[], come: Row[]): Row[] {
	const last = Date.parse(come.at(-1)?.at ?? "");
	return taken.map((item, index) => ({ user, item, at: new Date(last + index + 1).toISOString() }));
}

const recommend = (api: Client, id: string, more: { n?: number; fresh?: number } = {}) =>
	api.get("/users/{id}/recommendations", { path: { id }, query: { n: SHOWN, ...more } });

/** Somebody is answered, takes three items of another kind, and is answered anew. */
async function move(api: Client, shop: Shop, come: Row[]) {
	const person = shop.someoneWithTwoTopics();
	const [interest = ""] = shop.topicsBeside(person);
	sayChapter(3, "One person", "is answered, does something, and is answered anew, without any training.");
	const before = await recommend(api, person);
	say(`  ${bold(person)} has taken ${shop.about(shop.takenBy(person))}, and is recommended:`);
	sayList(before);
	const did = shop.favouritesOf(interest, 3);
	await send(api, takes(person, did, come));
	say(`\n  Then ${bold(person)} takes 3 of ${interest}: ${did.map((item) => shop.titleOf(item)).join("; ")}`);
	const after = await recommend(api, person);
	sayMove(before, after);
	if (movedOf(before, after) === 0) throw new Failure("three new interactions have not moved the answer");
	return { person, interest, did, before, after };
}

/** Day by day; a few of those who took something are asked for right after it. */
async function replay(api: Client, rows: Row[], shop: Shop): Promise<void> {
	const days = new Map<string, Row[]>();
	for (const row of rows) {
		const day = row.at.slice(0, 10);
		const sameDay = days.get(day);
		if (sameDay) sameDay.push(row);
		else days.set(day, [row]);
	}
	const met = new Set<string>();
	for (const [day, taken] of days) {
		await send(api, taken);
		const people = [...new Set(taken.map(({ user }) => user))];
		const strangers = people.filter((user) => !shop.has(user) && !met.has(user));
		for (const user of strangers) met.add(user);
		const asked = [...strangers, ...people].slice(0, ASKED_A_DAY);
		const spent: number[] = [];
		for (const user of asked) {
			const started = performance.now();
			await recommend(api, user);
			spent.push(performance.now() - started);
		}
		const median = spent.sort((a, b) => a - b)[Math.floor(spent.length / 2)] ?? 0;
		const came = `${count(taken.length, "interaction")}, ${count(strangers.length, "new person").replace("persons", "people")}`;
		say(
			`  ${day}  ${came.padEnd(38)}  ${dim(`${asked.length} of them are answered, in ${median.toFixed(0)} ms each`)}`,
		);
	}
	say();
}

/** Somebody whom nothing is known of, three interactions later; and an item that came after every training. */
async function welcome(api: Client, shop: Shop, topic: string, come: Row[]): Promise<Outcome["newcomer"]> {
	const knownBefore = await recommend(api, NEWCOMER).then(
		() => true,
		(error) => {
			if (error instanceof Problem && error.status === 404) return false;
			throw error;
		},
	);
	if (knownBefore) throw new Failure(`${NEWCOMER} was known before anything was known of them`);
	say(`  A ${bold(NEWCOMER)} comes, of whom nothing is known (404), and takes 3 of ${topic}.`);
	await send(api, takes(NEWCOMER, shop.favouritesOf(topic, 3), come));
	const item = { item: NEW_ITEM, title: `Just in: the best of ${topic}`, tags: [topic] };
	await api.put("/feeds/{name}/items", { path: { name: FEED }, body: { items: [item] } });
	const answer = await recommend(api, NEWCOMER, { fresh: 1 });
	say(
		`  The model folds them in and answers. ${bold("fresh=1")} mixes in an item that no model knows yet, by its tags:`,
	);
	sayList(answer);
	const fresh = answer.items.filter((one) => one.fresh);
	if (fresh.length === 0) throw new Failure("the new item is not in the answer");
	return {
		knownBefore,
		likes: topic,
		list: idsOf(answer),
		fresh: fresh.map(({ id }) => id),
	};
}

/** Of all that is recommended; null where it is not. */
async function rankOf(api: Client, user: string, item: string): Promise<number | null> {
	const { items } = await recommend(api, user, { n: 1_000 });
	const place = items.findIndex(({ id }) => id === item);
	return place < 0 ? null : place + 1;
}
