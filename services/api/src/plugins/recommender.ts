// app.recommender: the recommender process as promises and streams.
import fp from "fastify-plugin";
import {
	type DescribeInterestsRequest,
	type DescribeInterestsResponse,
	type RankListsRequest,
	type RankListsResponse,
	type ReadCatalogueRequest,
	type ReadCatalogueResponse,
	type ReadHistoryRequest,
	type ReadHistoryResponse,
	RecommenderServiceClient,
	RecommendRequest,
	type RecommendResponse,
	type SimilarItemsRequest,
	type SimilarItemsResponse,
	type WarmRequest,
	type WarmResponse,
} from "../generated/proto/recommender/v1/recommender.js";
import { CHANNEL_OPTIONS, insecure, ready, serverStream, unary } from "../grpc.js";

export interface RecommenderClient {
	warm(request: WarmRequest): Promise<WarmResponse>;
	/** Equal questions that arrive while one of them is being answered are asked once. */
	recommend(request: RecommendRequest): Promise<RecommendResponse>;
	describeInterests(request: DescribeInterestsRequest): Promise<DescribeInterestsResponse>;
	similarItems(request: SimilarItemsRequest): Promise<SimilarItemsResponse>;
	readHistory(request: ReadHistoryRequest): Promise<ReadHistoryResponse>;
	readCatalogue(request: ReadCatalogueRequest, signal: AbortSignal): AsyncGenerator<ReadCatalogueResponse>;
	rankLists(request: RankListsRequest, signal: AbortSignal): AsyncGenerator<RankListsResponse>;
	/** Rejects when the process does not answer. */
	reach(): Promise<void>;
}

declare module "fastify" {
	interface FastifyInstance {
		recommender: RecommenderClient;
	}
}

export default fp(
	async (app) => {
		const client = new RecommenderServiceClient(app.config.recommenderAddress, insecure(), CHANNEL_OPTIONS);
		const { recommendCall, warmCall } = app.config.timings;
		const underWay = new Map<string, Promise<RecommendResponse>>();
		app.decorate("recommender", {
			warm: (request) => unary(client.warm.bind(client), request, warmCall),
			recommend(request) {
				const key = Buffer.from(RecommendRequest.encode(request).finish()).toString("latin1");
				let answer = underWay.get(key);
				if (!answer) {
					answer = unary(client.recommend.bind(client), request, recommendCall).finally(() => underWay.delete(key));
					underWay.set(key, answer);
				}
				return answer;
			},
			describeInterests: (request) => unary(client.describeInterests.bind(client), request, recommendCall),
			similarItems: (request) => unary(client.similarItems.bind(client), request, recommendCall),
			readHistory: (request) => unary(client.readHistory.bind(client), request, recommendCall),
			readCatalogue: (request, signal) => serverStream(client.readCatalogue(request), signal),
			rankLists: (request, signal) => serverStream(client.rankLists(request), signal),
			reach: () => ready(client),
		} satisfies RecommenderClient);
		app.addHook("onClose", async () => client.close());
	},
	{ name: "recommender" },
);
