// One question about recommendations, answered by the fastest tier that can: looked up, computed now, or the same for everybody.
import type { FastifyInstance } from "fastify";
import { RecommendRequest, type RecommendResponse } from "../generated/proto/recommender/v1/recommender.js";
import { RemoteError } from "../grpc.js";
import { ApiError } from "../http/errors.js";
import { historyOf, type Moved } from "../plugins/live.js";
import type { Served } from "../plugins/serving.js";
import type { Applied } from "../plugins/steering.js";
import { itemsText, membersText } from "./body.js";
import { withFresh } from "./fresh.js";
import { LATE, movedOf, rowOf, unknownUser } from "./known.js";
import { labelOf } from "./label.js";
import { type List, unpacked } from "./packed-list.js";
import type { Answer, Place, Question } from "./question.js";
import type { Vocabulary } from "./vocabulary.js";

/** As many as the recommender tells at once, the newest. */
const MOST_MET = 1_000;
/** What a live answer does beyond a list: nothing of it can be looked up. */
const LIVE: (keyof Question)[] = ["steer", "only", "without", "with", "candidates", "calibrate", "shelves", "preview"];
const asksForMore = (question: Question) =>
	question.excludeSeen === false || LIVE.some((field) => question[field] !== undefined && question[field] !== false);
/** The model does not know the person: another tier may. A model that cannot fold in knows its users all the same. */
const isStranger = (error: unknown, { who }: Question) =>
	(error instanceof RemoteError || error instanceof ApiError) &&
	(error.code === "unknown_user" || ("items" in who && ["no_known_items", "fold_in_unsupported"].includes(error.code)));

/** `person`: what the caller has found out already, so that its answer is of the same moment. */
export async function recommend(
	app: FastifyInstance,
	place: Place,
	question: Question,
	person?: Pick<Known, "moved" | "erased">,
): Promise<Answer> {
	const { deployed } = place;
	const served = deployed && (await app.serving.of(deployed));
	const vocabulary = served?.vocabulary ?? (await app.serving.vocabulary(place.catalogue, place.ref));
	const { moved, erased } = person ?? (await personOf(app, place, vocabulary, question));
	const answer = await answered(app, place, { served, vocabulary, moved, erased }, question);
	return question.fresh ? withFresh(app, place, vocabulary, question, moved, answer) : answer;
}

async function personOf(app: FastifyInstance, { deployed, sources }: Place, vocabulary: Vocabulary, { who }: Question) {
	if (!("user" in who)) return { moved: null, erased: null };
	const erased = app.erasures.of(sources, who.user);
	return { moved: await movedOf(app, deployed, vocabulary, who.user, erased), erased };
}

interface Known {
	served: Served | null;
	vocabulary: Vocabulary;
	/** What the person has done since the dataset. */
	moved: Moved | null;
	/** By which erasure the dataset knows the person no more. */
	erased: number | null;
}

async function answered(app: FastifyInstance, place: Place, known: Known, question: Question): Promise<Answer> {
	const { deployed } = place;
	const { served, vocabulary, moved, erased } = known;
	try {
		const row = "user" in question.who && !moved ? listedRow(deployed, vocabulary, question.who.user, erased) : null;
		const kept = deployed && "user" in question.who ? await app.steering.of(deployed, question.who.user) : null;
		if (served && row !== null && !asksForMore(question) && !kept) {
			const list = served.lists.get(row);
			const found = list && fromList(served, list, question.n, conditions(served, question));
			if (found) return found;
			if (!list) served.lists.want(row);
		}
		return await live(app, place, known, question, kept);
	} catch (error) {
		const fallback = question.fallback ?? deployed?.fallback;
		if (fallback !== "popular" || !isStranger(error, question)) throw error;
		return popular(known, question, await metBefore(app, place, known, question));
	}
}

/** Null for who has no list: the recommender is asked. Throws unknown_user. */
function listedRow(
	deployed: Place["deployed"],
	vocabulary: Vocabulary,
	user: string,
	erased: number | null,
): number | null {
	const row = rowOf(vocabulary, user, erased);
	// A recommender of the version before does not name who came late; with a feed it knows them.
	if (row === null && !deployed?.feed) throw unknownUser();
	return row === LATE ? null : row;
}

/** The first n that may be answered; null when the list was cut before them. */
export function fromList(
	{ vocabulary, lists }: Served,
	list: List,
	n: number,
	{ test, members }: Conditions,
): Answer | null {
	const places: number[] = [];
	for (let place = 0; place < list.items.length && places.length < n; place++) {
		if (test?.(list.items[place] as number) ?? true) places.push(place);
	}
	// A list shorter than it may be holds all there is.
	if (places.length < n && list.items.length >= lists.depth) return null;
	const interests = list.items.length > 0 ? list.shares.length / list.items.length : 0;
	const shown = () => places.map((place) => vocabulary.print(list.items[place] as number));
	return { tier: "list", items: itemsText(vocabulary, list, places), members, interests, shown };
}

/** What somebody has met by the dataset whom training does not know, nor could the model fold in. */
async function metBefore(
	app: FastifyInstance,
	{ ref }: Place,
	{ vocabulary, erased }: Known,
	{ who }: Question,
): Promise<string[]> {
	if (!("user" in who) || rowOf(vocabulary, who.user, erased) !== LATE) return [];
	const asked = { checkpoint: ref, user: who.user, start: 0, n: MOST_MET, erased: false, among: [] };
	return (await app.recommender.readHistory(asked)).interactions.map(({ id }) => id);
}

function popular({ vocabulary, served, moved }: Known, question: Question, before: string[]): Answer {
	const own = "items" in question.who ? question.who.items : [];
	const named = [...(question.exclude ?? []), ...own, ...(question.with ?? [])];
	const asked = { ...question, exclude: named.length > 0 ? named : undefined };
	const { test, members } = conditions(served ?? { vocabulary, isHidden: new Set() }, asked);
	const met = vocabulary.columnsOf(question.excludeSeen === false ? [] : [...before, ...(moved?.items ?? [])]).columns;
	const among = question.candidates
		? [...vocabulary.columnsOf(question.candidates).columns].toSorted((a, b) => morePopular(vocabulary, a, b))
		: vocabulary.byPopularity;
	const items: number[] = [];
	for (const column of among) {
		if (items.length === question.n) break;
		if (!met.has(column) && (test?.(column) ?? true)) items.push(column);
	}
	const list = {
		items: Uint32Array.from(items),
		scores: Float32Array.from(items, (column) => vocabulary.items.popularity[column] as number),
		shares: new Float32Array(),
		because: new Uint32Array(),
		linear: new Float32Array(),
	};
	const shown = () => items.map((column) => vocabulary.print(column));
	return { tier: "popular", items: itemsText(vocabulary, list), members, interests: 0, shown };
}

const morePopular = ({ items: { popularity } }: Vocabulary, a: number, b: number) =>
	(popularity[b] as number) - (popularity[a] as number) || a - b;

/** Whether an item may be answered (null: every item), and what of the question means nothing here. */
export interface Conditions {
	test: ((column: number) => boolean) | null;
	members: string;
}
export function conditions(
	{ vocabulary, isHidden }: Pick<Served, "vocabulary" | "isHidden">,
	{ exclude, filter }: Pick<Question, "exclude" | "filter">,
): Conditions {
	const hidden = isHidden.size > 0 ? isHidden : null;
	if (!hidden && !exclude && !filter) return { test: null, members: "" };
	const excluded = exclude && vocabulary.columnsOf(exclude);
	const tags = filter && vocabulary.passes(filter);
	return {
		test: (column) => !hidden?.has(column) && !excluded?.columns.has(column) && (tags?.test(column) ?? true),
		members: membersText({ unknownItems: excluded?.unknown, unknownTags: tags?.unknown }),
	};
}

async function live(
	app: FastifyInstance,
	place: Place,
	{ served, vocabulary, moved, erased }: Known,
	question: Question,
	kept: Applied | null,
): Promise<Answer> {
	const { who, filter = {}, steer, only } = question;
	// What is asked now stands in the place of what is kept.
	const isKept = kept !== null && steer === undefined && only === undefined;
	const response = await app.recommender.recommend(
		RecommendRequest.fromPartial({
			checkpoint: place.ref,
			who: "user" in who ? { $case: "user", value: who.user } : { $case: "history", value: { items: who.items } },
			n: question.n,
			excludeSeen: question.excludeSeen ?? true,
			exclude: question.exclude,
			candidates: question.candidates,
			explain: true,
			steer: isKept ? kept.weights : steer,
			only,
			without: question.without,
			with: question.with,
			filter: { any: filter.anyTag, all: filter.allTags, none: filter.noTag },
			calibrate: question.calibrate,
			shelves: question.shelves,
			preview: question.preview,
			hidden: served?.hidden,
			packed: true,
			...historyOf(place.deployed, moved, erased),
		}),
	);
	const change = ({ item, interest }: { item: number; interest: number }) => ({ ...vocabulary.titled(item), interest });
	const namesItems =
		"items" in who || [question.exclude, question.with, question.without, question.candidates].some(Boolean);
	const isSteered = response.weights.length > 0 || isKept;
	const members = membersText({
		unknownItems: namesItems ? response.unknownItems : undefined,
		unknownTags: question.filter && response.unknownTags,
		steering: isSteered
			? {
					weights: response.weights,
					kept: isKept,
					dropped: isKept
						? kept.dropped.map(({ weight, items }) => ({ weight, items: items.map((id) => titledId(vocabulary, id)) }))
						: [],
				}
			: undefined,
		preview: question.preview ? { entered: response.entered.map(change), left: response.left.map(change) } : undefined,
	});
	const shelves = response.shelves.map(({ interest, list }) => {
		const columns = list ? unpacked(list).items : new Uint32Array();
		const label = labelOf(
			vocabulary,
			Array.from(columns, (column) => vocabulary.titled(column)),
		);
		return `{"interest":${interest},"label":${JSON.stringify(label)},"items":${textOf(vocabulary, list)}}`;
	});
	const list = response.list && unpacked(response.list);
	return {
		tier: "live",
		items: list ? itemsText(vocabulary, list) : "[]",
		members: members + (question.shelves ? `,"shelves":[${shelves.join(",")}]` : ""),
		interests: response.interests,
		shown: () => Array.from(list?.items ?? [], (column) => vocabulary.print(column)),
		computeSeconds: response.computeSeconds,
	};
}

const textOf = (vocabulary: Vocabulary, list: RecommendResponse["list"]) =>
	list ? itemsText(vocabulary, unpacked(list)) : "[]";

export function titledId(vocabulary: Vocabulary, id: string) {
	const column = vocabulary.items.ids.indexOf(id);
	return column < 0 ? { id, title: null } : vocabulary.titled(column);
}
