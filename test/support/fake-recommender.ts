// The recommender as the api sees it, over a small world of its own: every user is recommended its items in their order, the
// first highest. Whatever is in `refuse` is refused instead.
import type { handleServerStreamingCall, ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import {
	type CatalogueItem,
	type DescribeInterestsRequest,
	DescribeInterestsResponse,
	type Interaction,
	PackedList,
	type RankListsRequest,
	RankListsResponse,
	type ReadCatalogueRequest,
	ReadCatalogueResponse,
	type ReadHistoryRequest,
	type ReadHistoryResponse,
	RecommenderServiceService,
	type RecommendRequest,
	RecommendResponse,
	type SimilarItemsRequest,
	type SimilarItemsResponse,
	type WarmRequest,
	type WarmResponse,
} from "../../services/api/src/generated/proto/recommender/v1/recommender.js";
import { type FakeServer, listen, refusal } from "./grpc-server.js";

type Call<Q, A> = (call: ServerUnaryCall<Q, A>, done: sendUnaryData<A>) => void;

export interface World {
	users: string[];
	/** tags by position in `tags`. */
	items: CatalogueItem[];
	tags: string[];
	/** 0: the model has none. */
	interests: number;
	/** Of the item in a column, the linear path's share of its score; undefined where the model has no such path. */
	linear?: (column: number) => number;
}
export interface FakeRecommender extends FakeServer {
	/** Every request as it came, by method. */
	requests: {
		warm: WarmRequest[];
		recommend: RecommendRequest[];
		interests: DescribeInterestsRequest[];
		similar: SimilarItemsRequest[];
		catalogue: ReadCatalogueRequest[];
		lists: RankListsRequest[];
		histories: ReadHistoryRequest[];
	};
	/** The next answers of every method but the streams. */
	refuse: ReturnType<typeof refusal> | null;
	/** Milliseconds that Warm takes, and an answer. */
	warmTakes: number;
	/** Nothing is warmed before this. */
	warmHeld: Promise<void>;
	recommendTakes: number;
	/** Nothing is recommended before this. */
	held: Promise<void>;
	/** What the checkpoint with this key knows. */
	world: (key: string) => World;
	/** Interest shares of a history item, as DescribeInterests tells them. */
	history: (key: string) => { id: string; title: string; interestShares: number[] }[];
	/** What everybody has met, newest first, as ReadHistory tells it. */
	met: Interaction[];
	/** People of whom only the whole history knows. */
	cold: string[];
	/** Whether RankLists without rows, the warming in the background, answers. */
	warms: boolean;
	/** What no checkpoint has learnt from. */
	leftOut: { interactions: number; items: number };
}

export const UNKNOWN_USER = "nobody";
const item = (id: string, title: string, popularity: number, tags: number[] = []): CatalogueItem => ({
	id,
	title,
	tags,
	popularity,
});
/** Ids are the caller's own. */
export const STRANGE = [
	"a/b",
	"ü 漢字 🎬",
	"%",
	"?#&=",
	"<img onerror=x>",
	"...",
	"é".repeat(256),
	" ",
	"'; drop table users; --",
];
export const WORLD: World = {
	users: ["u1", "u2", "u3", "somebody", ...STRANGE],
	items: [
		item("item/1", "First <img onerror=alert(1)>", 2, [0]),
		item("Ü 2", "", 9, [0, 1]),
		item("a", "A", 1, [1]),
		item("seen", "Seen before", 4),
	],
	tags: ["Red", "Round"],
	interests: 2,
};
/** Of the item in this column; the first is best. */
export const scoreOf = (column: number) => 2.5 - column;
const SEEN = "seen";

const bytes = (array: Uint32Array | Float32Array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength);
/** Of each interest in the score of the item in this column: what the linear path leaves. */
const sharesOf = ({ interests, linear }: World, column: number) =>
	Array.from(
		{ length: interests },
		(_, k) => (interests === 1 ? 1 : k === 0 ? 0.25 : 0.75) * (1 - (linear?.(column) ?? 0)),
	);
/** The items in these columns, every one because of the one that all have seen. */
function packed(world: World, columns: number[]): PackedList {
	const seen = world.items.findIndex(({ id }) => id.startsWith(SEEN));
	const { linear } = world;
	return PackedList.fromPartial({
		items: bytes(Uint32Array.from(columns)),
		scores: bytes(Float32Array.from(columns, scoreOf)),
		shares: bytes(Float32Array.from(columns.flatMap((column) => sharesOf(world, column)))),
		because: bytes(Uint32Array.from(columns.flatMap(() => [seen, 0xffffffff, 0xffffffff]))),
		linear: linear && bytes(Float32Array.from(columns, linear)),
	});
}
/** What nobody has seen. */
const answerable = (world: World) =>
	[...world.items.keys()].filter((column) => !world.items[column]?.id.startsWith(SEEN));

/** At a free port, unless where is said. */
export async function startFakeRecommender(address?: string): Promise<FakeRecommender> {
	const state = {
		requests: {
			warm: [],
			recommend: [],
			interests: [],
			similar: [],
			catalogue: [],
			lists: [],
			histories: [],
		} as FakeRecommender["requests"],
		refuse: null as FakeRecommender["refuse"],
		warmTakes: 0,
		warmHeld: Promise.resolve(),
		recommendTakes: 0,
		held: Promise.resolve(),
		world: (_key: string) => WORLD,
		history: (_key: string) => [{ id: "seen", title: "Seen before", interestShares: [1, 0] }],
		met: [] as Interaction[],
		cold: [] as string[],
		warms: true,
		leftOut: { interactions: 9, items: 2 },
	};
	const answer =
		<Q, A>(seen: Q[], make: (request: Q) => A): Call<Q, A> =>
		(call, done) => {
			seen.push(call.request);
			if (state.refuse) return done(state.refuse);
			const { who, user, whole, live, checkpoint, erased } = call.request as Partial<
				RecommendRequest & ReadHistoryRequest
			>;
			const asked = who?.$case === "user" ? who.value : user;
			// With the whole history of somebody is asked who may be in the dataset though training does not know them.
			const { users } = state.world(checkpoint?.key ?? "");
			const isKnown = asked === undefined || (!erased && [...users, ...state.cold].includes(asked));
			const isStranger = !isKnown && (user !== undefined || ((whole || erased) && live?.length === 0));
			if (asked === UNKNOWN_USER || isStranger) {
				return done(refusal("NOT_FOUND", "unknown_user", "the dataset of this checkpoint has no such user", "user"));
			}
			done(null, make(call.request));
		};
	const { requests } = state;
	const warm = answer<WarmRequest, WarmResponse>(requests.warm, () => ({
		model: "valid",
		capabilities: ["fold_in"],
		users: 3,
		items: 4,
		seconds: 0.1,
		leftOutInteractions: state.leftOut.interactions,
		leftOutItems: state.leftOut.items,
	}));
	const recommend = answer<RecommendRequest, RecommendResponse>(requests.recommend, (request) => {
		const world = state.world(request.checkpoint?.key ?? "");
		const { exclude, candidates, hidden, steer, only, n, filter } = request;
		const tagsOf = (column: number) => world.items[column]?.tags.map((tag) => world.tags[tag]?.toLowerCase()) ?? [];
		const has = (column: number, tag: string) => tagsOf(column).includes(tag.toLowerCase());
		const columns = answerable(world).filter((column) => {
			const id = world.items[column]?.id as string;
			return (
				!exclude.includes(id) &&
				!hidden.includes(column) &&
				(candidates.length === 0 || candidates.includes(id)) &&
				(!filter?.any.length || filter.any.some((tag) => has(column, tag))) &&
				!!filter?.all.every((tag) => has(column, tag)) &&
				!filter?.none.some((tag) => has(column, tag))
			);
		});
		const weightOf = (k: number) =>
			only !== undefined && only !== k ? 0 : (steer.find(({ interest }) => interest === k)?.weight ?? 1);
		const isSteered = steer.length > 0 || only !== undefined;
		return RecommendResponse.fromPartial({
			list: packed(world, columns.slice(0, n)),
			unknownItems: ["never heard of"],
			interests: world.interests,
			weights: isSteered ? Array.from({ length: world.interests }, (_, k) => weightOf(k)) : [],
			shelves: request.shelves ? [{ interest: 1, list: packed(world, columns.slice(0, 1)) }] : [],
			entered: request.preview ? [{ item: 0, interest: 1 }] : [],
			left: request.preview ? [{ item: 2, interest: 0 }] : [],
			computeSeconds: 0.004,
		});
	});
	const readCatalogue: handleServerStreamingCall<ReadCatalogueRequest, ReadCatalogueResponse> = (call) => {
		requests.catalogue.push(call.request);
		const { users, items, tags, interests } = state.world(call.request.checkpoint?.key ?? "");
		const size = { items: items.length, users: users.length, interests, datasetKey: "datasets/x", tags };
		call.write(ReadCatalogueResponse.fromPartial({ size, items: items.slice(0, 2) }));
		call.write(ReadCatalogueResponse.fromPartial({ items: items.slice(2) }));
		call.write(ReadCatalogueResponse.fromPartial({ users: users.map((id, row) => ({ id, interactions: row + 1 })) }));
		call.write(ReadCatalogueResponse.fromPartial({ lateUsers: state.cold }));
		call.end();
	};
	const rankLists: handleServerStreamingCall<RankListsRequest, RankListsResponse> = (call) => {
		requests.lists.push(call.request);
		const { checkpoint, rows, depth } = call.request;
		if (rows.length === 0 && !state.warms) return;
		const world = state.world(checkpoint?.key ?? "");
		const columns = answerable(world).slice(0, depth);
		for (const row of rows.length > 0 ? rows : [...world.users.keys()].reverse()) {
			call.write(
				RankListsResponse.fromPartial({ rows: [row], counts: [columns.length], lists: packed(world, columns) }),
			);
		}
		call.end();
	};
	const server = await listen(
		RecommenderServiceService,
		{
			warm: ((call, done) =>
				void state.warmHeld.then(() => setTimeout(() => warm(call, done), state.warmTakes))) as Call<
				WarmRequest,
				WarmResponse
			>,
			recommend: ((call, done) =>
				void state.held.then(() => setTimeout(() => recommend(call, done), state.recommendTakes))) as Call<
				RecommendRequest,
				RecommendResponse
			>,
			describeInterests: answer<DescribeInterestsRequest, DescribeInterestsResponse>(
				requests.interests,
				({ n, checkpoint }) => {
					const history = state.history(checkpoint?.key ?? "");
					const world = state.world(checkpoint?.key ?? "");
					const column = world.items.findIndex(({ id }) => id === "a");
					const top = { id: "a", title: "A", score: 2, interestShares: sharesOf(world, column) };
					return DescribeInterestsResponse.fromPartial({
						interests: [0, 1].slice(0, world.interests).map((index) => ({
							index,
							weight: 1 - index,
							topItems: [{ ...top, linearShare: world.linear?.(column) }].slice(0, n),
							formedBy: history.filter(({ interestShares }) => (interestShares[index] ?? 0) > 0.5),
						})),
						history,
						historyTotal: history.length,
					});
				},
			),
			similarItems: answer<SimilarItemsRequest, SimilarItemsResponse>(requests.similar, () => ({
				items: [{ id: "b", title: "B", score: 0.9, interestShares: [], because: [] }],
			})),
			readHistory: answer<ReadHistoryRequest, ReadHistoryResponse>(requests.histories, ({ start, n, among }) => ({
				interactions: state.met.slice(start, start + n),
				total: state.met.length,
				held: among.flatMap(({ id, atMs }, place) =>
					state.met.some((one) => one.id === id && one.atMs === atMs) ? [place] : [],
				),
			})),
			readCatalogue,
			rankLists,
		},
		address,
	);
	return Object.assign(state, server);
}
