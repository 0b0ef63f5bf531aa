import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type FastifyPluginAsyncTypebox, Type } from "@fastify/type-provider-typebox";
import type { FastifyError, FastifyReply } from "fastify";
import { Fallback, Id, problems } from "../http/schemas.js";
import type { Deployed } from "../plugins/deployments.js";
import { translate } from "../plugins/error-handler.js";
import type { Served } from "../plugins/serving.js";
import { movedOf } from "../serving/known.js";
import type { List } from "../serving/packed-list.js";
import { place as placeOf } from "../serving/place.js";
import type { Answer, Place, Question } from "../serving/question.js";
import { conditions, fromList, recommend } from "../serving/recommend.js";
import type { Tier } from "../serving/traffic.js";
import {
	Batch,
	ExcludeSeen,
	Ids,
	MOST_RECOMMENDED,
	N,
	plain,
	querySource,
	Recommendations,
	Recorded,
	source,
	steered,
	tagged,
} from "../views/recommendation.js";

const UserParams = Type.Object({ id: Id }, { additionalProperties: false });
const MOST_USERS = 1_000;
/** Questions of a batch that no list answers, at the recommender at once. */
const LIVE_AT_ONCE = 32;
/** Results of a batch between which others have their turn. */
const YIELD_EVERY = 20;
const Query = Type.Object(
	{
		n: N(MOST_RECOMMENDED, 20),
		excludeSeen: ExcludeSeen,
		exclude: plain.exclude,
		fresh: plain.fresh,
		record: Recorded,
		...tagged,
		fallback: Type.Optional(Fallback),
		...querySource,
	},
	{ additionalProperties: false },
);
const LIKED = Ids("What the person likes.");
const Liked = { ...LIKED, minItems: 1, examples: [["item-12", "item-7"]] } as typeof LIKED;
const JSON_TYPE = "application/json; charset=utf-8";
const ETAG_LENGTH = 16;

const routes: FastifyPluginAsyncTypebox = async (app) => {
	function record({ deployed, answered: { model } }: Place, tier: Tier, milliseconds: number): void {
		if (deployed) app.serving.record(deployed.name, model, tier, milliseconds);
		else app.meters.recommendations.observe({ tier, model }, milliseconds / 1000);
	}
	function timed(reply: FastifyReply, place: Place, tier: Tier, computeSeconds?: number): FastifyReply {
		const milliseconds = reply.elapsedTime;
		record(place, tier, milliseconds);
		const compute = computeSeconds === undefined ? "" : `, compute;dur=${(computeSeconds * 1000).toFixed(2)}`;
		return reply.header("server-timing", `${tier};dur=${milliseconds.toFixed(2)}${compute}`);
	}
	const send = (reply: FastifyReply, place: Place, who: string | null, answer: Answer, isRecorded: boolean) =>
		timed(reply, place, answer.tier, answer.computeSeconds)
			.type(JSON_TYPE)
			.send((bodyOf(place, who, answer) + idOf(place, who, answer, isRecorded)) as never);
	/** The last member of an answer, alone not the same each time. */
	const idOf = (
		{ deployed, sources }: Place,
		who: string | null,
		{ tier, shown }: Pick<Answer, "tier" | "shown">,
		isRecorded: boolean,
	) => {
		// Who was erased is not named again by being asked about; who has come back since is known, and answered by that.
		const isForgotten = who !== null && tier === "popular" && app.erasures.of(sources, who) !== null;
		const named = isForgotten ? null : who;
		const id = isRecorded ? app.outcomes.note(deployed, named, tier, shown) : null;
		return id === null ? ',"recommendationId":null}' : `,"recommendationId":"${id}"}`;
	};

	app.get(
		"/users/:id/recommendations",
		{
			config: { access: ["serve", "train"] },
			schema: {
				operationId: "recommend",
				summary: "Top-n items for a user of the dataset",
				tags: ["recommendations"],
				params: UserParams,
				querystring: Query,
				response: { 200: Recommendations, 304: Type.Null(), ...problems },
			},
		},
		async (request, reply) => {
			const { id: user } = request.params;
			const {
				n,
				excludeSeen,
				exclude,
				fresh,
				anyTag,
				allTags,
				noTag,
				fallback,
				record: isRecorded,
				...asked
			} = request.query;
			const place = await placeOf(app, asked);
			const filter = anyTag || allTags || noTag ? { anyTag, allTags, noTag } : undefined;
			const question: Question = { who: { user }, n, excludeSeen, exclude, filter, fallback, fresh };
			const { deployed } = place;
			// Only what is looked up is the same each time, and it is the person's own: kept steering is not.
			const isKept = deployed && app.steering.get(deployed.name, user);
			const known = deployed && excludeSeen && !isKept ? await app.serving.of(deployed) : null;
			if (!deployed || !known) return send(reply, place, user, await recommend(app, place, question), isRecorded);

			const erased = app.erasures.of(place.sources, user);
			const moved = await movedOf(app, deployed, known.vocabulary, user, erased);
			const key = JSON.stringify([user, n, exclude, filter, fresh, moved?.version, erased]);
			let body = known.bodies.get(key);
			const etag = body?.etag ?? etagOf(deployed.version, key);
			reply.header("cache-control", "private, no-cache");
			if (request.headers["if-none-match"] !== undefined && matches(request.headers["if-none-match"], etag)) {
				return timed(reply, place, "list")
					.header("etag", etag)
					.code(304)
					.send(undefined as never);
			}
			if (!body) {
				const answer = await recommend(app, place, question, { moved, erased });
				// Who has moved is answered the same until they move again.
				if (moved && answer.tier === "live") reply.header("etag", etag);
				if (answer.tier !== "list") return send(reply, place, user, answer, isRecorded);
				body = { text: bodyOf(place, user, answer), etag, shown: answer.shown };
				known.bodies.set(key, body);
			}
			reply.header("etag", etag);
			return timed(reply, place, "list")
				.type(JSON_TYPE)
				.send((body.text + idOf(place, user, { tier: "list", shown: body.shown }, isRecorded)) as never);
		},
	);

	app.post(
		"/users/:id/recommendations",
		{
			config: { access: ["serve", "train"], audit: false },
			schema: {
				operationId: "recommendSteered",
				summary:
					"Top-n items for a user of the dataset, steered by interest, filtered, or as if their history were another",
				tags: ["recommendations"],
				params: UserParams,
				body: Type.Object(
					{ ...plain, ...steered, excludeSeen: ExcludeSeen, ...source },
					{ title: "RecommendationRequest", additionalProperties: false },
				),
				response: { 200: Recommendations, ...problems },
			},
		},
		async (request, reply) => {
			const { deployment, checkpoint, record: isRecorded, ...question } = request.body;
			const place = await placeOf(app, { deployment, checkpoint });
			const { id: user } = request.params;
			return send(reply, place, user, await recommend(app, place, { who: { user }, ...question }), isRecorded);
		},
	);

	app.post(
		"/recommendations",
		{
			config: { access: ["serve", "train"], audit: false },
			schema: {
				operationId: "recommendForItems",
				summary: "Top-n items for a person never seen, from the items they like (fold-in)",
				tags: ["recommendations"],
				body: Type.Object(
					{ items: Liked, ...plain, ...steered, ...source },
					{ title: "FoldInRequest", additionalProperties: false },
				),
				response: { 200: Recommendations, ...problems },
			},
		},
		async (request, reply) => {
			const { items, deployment, checkpoint, record: isRecorded, ...question } = request.body;
			const place = await placeOf(app, { deployment, checkpoint });
			return send(reply, place, null, await recommend(app, place, { who: { items }, ...question }), isRecorded);
		},
	);

	app.post(
		"/recommendations/batch",
		{
			config: { access: ["serve", "train"], audit: false },
			schema: {
				operationId: "recommendBatch",
				summary: "Top-n items for many users, each with its own result or error",
				tags: ["recommendations"],
				body: Type.Object(
					{ users: Type.Array(Id, { minItems: 1, maxItems: MOST_USERS }), ...plain, ...source },
					{ title: "BatchRequest", additionalProperties: false },
				),
				response: { 200: Batch, ...problems },
			},
		},
		async (request, reply) => {
			const { users, deployment, checkpoint, record: isRecorded, ...question } = request.body;
			const place = await placeOf(app, { deployment, checkpoint });
			const served = place.deployed && (await app.serving.of(place.deployed));
			const allowed = served && conditions(served, question);
			const made =
				served && place.deployed && !question.fresh ? await makeLists(served, place.deployed, users, question.n) : null;
			const results = new Map<string, string>();
			const spent: Partial<Record<Tier, number>> = {};
			let interests = 0;
			async function one(user: string): Promise<string> {
				const started = performance.now();
				try {
					const list = made?.get(user);
					const found = served && allowed && list && fromList(served, list, question.n, allowed);
					const answer: Answer = found
						? { ...found, tier: "live" }
						: await recommend(app, place, { who: { user }, ...question });
					interests = Math.max(interests, answer.interests);
					const milliseconds = performance.now() - started;
					spent[answer.tier] = (spent[answer.tier] ?? 0) + milliseconds;
					record(place, answer.tier, milliseconds);
					return `{"user":${JSON.stringify(user)},"items":${answer.items},"answeredBy":"${answer.tier}"${answer.members}${idOf(place, user, answer, isRecorded)}`;
				} catch (error) {
					const { code, message } = translate(error as FastifyError);
					if (code === "internal") request.log.error({ err: error }, "unexpected error");
					return JSON.stringify({ user, error: { code, message } });
				}
			}
			const waiting = [...new Set(users)];
			const next = async () => {
				for (let user = waiting.shift(); user !== undefined; user = waiting.shift()) {
					results.set(user, await one(user));
					// Others have their turn: a thousand lists take a quarter of a second.
					if (results.size % YIELD_EVERY === 0) await nextTurn();
				}
			};
			await Promise.all(Array.from({ length: LIVE_AT_ONCE }, next));
			const text = `{"users":[${users.map((user) => results.get(user)).join(",")}]${tailOf(place, interests)}}`;
			const timing = Object.entries(spent).map(([tier, milliseconds]) => `${tier};dur=${milliseconds.toFixed(2)}`);
			return reply
				.header("server-timing", timing.join(", "))
				.type(JSON_TYPE)
				.send(text as never);
		},
	);

	/** Lists for those of a batch who have none, computed together; who has moved or has kept steering is asked about alone. */
	async function makeLists(served: Served, deployed: Deployed, users: string[], n: number): Promise<Map<string, List>> {
		const made = new Map<string, List>();
		if (n > served.lists.depth) return made;
		const missing = new Map<number, string>();
		for (const user of users) {
			const row = served.vocabulary.users.indexOf(user);
			if (row < 0 || served.lists.get(row) || app.steering.get(deployed.name, user)) continue;
			if (app.erasures.of(deployed.sources, user) !== null) continue;
			if (!(await app.live.of(deployed, user))) missing.set(row, user);
		}
		if (missing.size < 2) return made;
		try {
			for (const [row, list] of await served.lists.rank([...missing.keys()]))
				made.set(missing.get(row) as string, list);
		} catch (err) {
			// Each is asked about alone then, and says what is wrong in its place.
			app.log.warn({ err }, "the lists of a batch are not made");
		}
		return made;
	}
};
export default routes;

const tailOf = ({ answered, deployed }: Place, interests: number) =>
	`,"checkpoint":${JSON.stringify(answered)},"deployment":${JSON.stringify(deployed?.name ?? null)},"interests":${interests}`;
/** Without its last member. */
const bodyOf = (place: Place, user: string | null, { items, tier, members, interests }: Answer) =>
	`{"user":${JSON.stringify(user)},"items":${items},"answeredBy":"${tier}"${members}${tailOf(place, interests)}`;

const etagOf = (version: string, key: string) =>
	`"${version}.${BODY_FORMAT}.${createHash("sha256").update(key).digest("base64url").slice(0, ETAG_LENGTH)}"`;
/** Raised when a body looks different for the same question. */
const BODY_FORMAT = 2;
/** If-None-Match: a list of tags, of which weak ones count as well. A star is answered in full: it asks whether there is anything. */
const matches = (header: string, etag: string) =>
	header.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
