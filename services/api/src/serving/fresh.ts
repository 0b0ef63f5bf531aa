// New items of a deployment's feed, which no model knows: those with the tags of what a person is most interested in, mixed into
// their list.
import type { Static } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import type { DescribeInterestsResponse } from "../generated/proto/recommender/v1/recommender.js";
import { printOf } from "../outcomes/print.js";
import type { Deployed } from "../plugins/deployments.js";
import { historyOf, type Moved } from "../plugins/live.js";
import type { Recommendations } from "../views/recommendation.js";
import { membersText } from "./body.js";
import { tellingTags } from "./label.js";
import type { Answer, Place, Question } from "./question.js";
import { caseless, type Vocabulary } from "./vocabulary.js";

type WhyNone = NonNullable<Static<typeof Recommendations>["fresh"]>["none"];

const MOST_INTERESTS = 3;
const MOST_TAGS = 3;
/** Items that an interest is described by. */
const DESCRIBED_BY = 20;

interface FreshItem {
	id: string;
	title: string | null;
	tags: string[];
	/** As they are compared. */
	compared: Set<string>;
}

const known = new WeakMap<Deployed, FreshItem[]>();
/** What the feed has and the model does not know, newest first. */
function freshItems(deployed: Deployed, vocabulary: Vocabulary): FreshItem[] {
	const made = known.get(deployed);
	if (made) return made;
	const isHidden = new Set(deployed.hidden);
	const items = deployed.newItems
		.filter(({ id }) => vocabulary.items.ids.indexOf(id) < 0 && !isHidden.has(id))
		.map((item) => ({ ...item, compared: new Set(item.tags.map(caseless)) }));
	known.set(deployed, items);
	return items;
}

/** The answer with up to `question.fresh` of them, as many items in all as before or up to n, and why there are none. */
export async function withFresh(
	app: FastifyInstance,
	place: Place,
	vocabulary: Vocabulary,
	question: Question,
	moved: Moved | null,
	answer: Answer,
): Promise<Answer> {
	const say = (items: string, mixed: number, none?: WhyNone): Answer => ({
		...answer,
		items,
		members: answer.members + membersText({ fresh: { mixed, none } }),
	});
	if (!place.deployed?.feed) return say(answer.items, 0, "no_feed");
	// Of who is answered what everybody is, nothing is known.
	const described = answer.tier === "popular" ? null : await describe(app, place, question, moved);
	const tags = described ? tellingOf(vocabulary, described) : [];
	if (tags.length === 0) return say(answer.items, 0, "no_tags");
	const items = JSON.parse(answer.items) as { id: string }[];
	const room = Math.min(question.fresh ?? 0, items.length === 0 ? question.n : question.n - 1);
	if (room === 0) return say(answer.items, 0, "no_room");
	const met = [...(moved?.items ?? []), ...(described?.metUnknown ?? [])];
	const chosen = choose(freshItems(place.deployed, vocabulary), tags, room, question, met);
	if (chosen.length === 0) return say(answer.items, 0, "no_items");
	const total = Math.min(question.n, items.length + chosen.length);
	for (const [index, item] of chosen.entries()) {
		// Evenly spread, and never in the place of the first.
		items.splice(Math.floor(((index + 1) * total) / (chosen.length + 1)), 0, item);
	}
	const mixed = items.slice(0, total);
	const shown = () => mixed.map(({ id }) => printOf(id));
	return { ...say(JSON.stringify(mixed), chosen.length), shown };
}

/** The newest that may be answered, as they appear in a list. */
function choose(fresh: readonly FreshItem[], tags: string[], most: number, question: Question, metSoFar: string[]) {
	const { who, exclude = [], without = [], with: joining = [], candidates, filter = {} } = question;
	const met = question.excludeSeen === false ? [] : [...metSoFar, ...("items" in who ? who.items : [])];
	const leftOut = new Set([...exclude, ...without, ...joining, ...met]);
	const named = candidates && new Set(candidates);
	const has = ({ compared }: FreshItem) => ({ test: (tag: string) => compared.has(caseless(tag)) });
	const chosen: ({ id: string } & Record<string, unknown>)[] = [];
	for (const item of fresh) {
		if (chosen.length === most) break;
		const { test } = has(item);
		const { anyTag = [], allTags = [], noTag = [] } = filter;
		const passes = (anyTag.length === 0 || anyTag.some(test)) && allTags.every(test) && !noTag.some(test);
		const own = tags.filter(test);
		if (own.length === 0 || !passes || leftOut.has(item.id) || (named && !named.has(item.id))) continue;
		chosen.push({ id: item.id, title: item.title, score: 0, interestShares: [], because: [], fresh: true, tags: own });
	}
	return chosen;
}

/** The person's interests, and what they have met by the dataset. */
function describe(
	app: FastifyInstance,
	{ ref, deployed, sources }: Place,
	{ who }: Question,
	moved: Moved | null,
): Promise<DescribeInterestsResponse> {
	const erased = "user" in who ? app.erasures.of(sources, who.user) : null;
	return app.recommender.describeInterests({
		checkpoint: ref,
		who: "user" in who ? { $case: "user", value: who.user } : { $case: "history", value: { items: who.items } },
		n: DESCRIBED_BY,
		excludeSeen: true,
		...historyOf(deployed, moved, erased),
	});
}

/** Tags of the strongest interests; of the history where the model has none. */
function tellingOf(vocabulary: Vocabulary, { interests, history }: DescribeInterestsResponse): string[] {
	if (interests.length === 0) return tellingTags(vocabulary, history).slice(0, MOST_TAGS);
	const strongest = interests.toSorted((a, b) => b.weight - a.weight).slice(0, MOST_INTERESTS);
	const tags = strongest.flatMap(({ topItems, formedBy }) =>
		tellingTags(vocabulary, [...topItems, ...formedBy.slice(0, DESCRIBED_BY)]).slice(0, MOST_TAGS),
	);
	return [...new Set(tags)];
}
