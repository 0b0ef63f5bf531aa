// The recommender as the api sees it. Answers are fixed; whatever is in `refuse` is refused instead.
import type { ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import {
	type DescribeInterestsRequest,
	type DescribeInterestsResponse,
	type RecommendedItem,
	RecommenderServiceService,
	type RecommendRequest,
	type RecommendResponse,
	type SimilarItemsRequest,
	type SimilarItemsResponse,
	type WarmRequest,
	type WarmResponse,
} from "../../services/api/src/generated/proto/recommender/v1/recommender.js";
import { type FakeServer, listen, refusal } from "./grpc-server.js";

type Call<Q, A> = (call: ServerUnaryCall<Q, A>, done: sendUnaryData<A>) => void;

export interface FakeRecommender extends FakeServer {
	/** Every request as it came, by method. */
	requests: {
		warm: WarmRequest[];
		recommend: RecommendRequest[];
		interests: DescribeInterestsRequest[];
		similar: SimilarItemsRequest[];
	};
	/** The next answers of every method. */
	refuse: ReturnType<typeof refusal> | null;
	/** Milliseconds that Warm takes. */
	warmTakes: number;
}

const item = (id: string, title: string, score: number): RecommendedItem => ({
	id,
	title,
	score,
	interestShares: [0.25, 0.75],
	because: ["seen"],
});
export const UNKNOWN_USER = "nobody";

export async function startFakeRecommender(): Promise<FakeRecommender> {
	const state = {
		requests: { warm: [], recommend: [], interests: [], similar: [] } as FakeRecommender["requests"],
		refuse: null as FakeRecommender["refuse"],
		warmTakes: 0,
	};
	const answer =
		<Q, A>(seen: Q[], make: (request: Q) => A): Call<Q, A> =>
		(call, done) => {
			seen.push(call.request);
			if (state.refuse) return done(state.refuse);
			const who = (call.request as Partial<RecommendRequest>).who;
			if (who?.$case === "user" && who.value === UNKNOWN_USER) {
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
	}));
	const server = await listen(RecommenderServiceService, {
		warm: ((call, done) => void setTimeout(() => warm(call, done), state.warmTakes)) as Call<WarmRequest, WarmResponse>,
		recommend: answer<RecommendRequest, RecommendResponse>(requests.recommend, ({ n }) => ({
			items: [item("item/1", "First <img onerror=alert(1)>", 2.5), item("Ü 2", "", 1.5)].slice(0, n),
			unknownItems: ["never heard of"],
			interests: 2,
		})),
		describeInterests: answer<DescribeInterestsRequest, DescribeInterestsResponse>(requests.interests, ({ n }) => ({
			interests: [
				{
					index: 0,
					weight: 1,
					topItems: [item("a", "A", 2)].slice(0, n),
					formedBy: [{ id: "h", title: "", interestShares: [1] }],
				},
			],
			history: [{ id: "h", title: "", interestShares: [1] }],
			historyTotal: 1,
		})),
		similarItems: answer<SimilarItemsRequest, SimilarItemsResponse>(requests.similar, () => ({
			items: [item("b", "B", 0.9)],
		})),
	});
	return Object.assign(state, server);
}
