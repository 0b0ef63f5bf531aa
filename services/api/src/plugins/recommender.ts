// app.recommender: the recommender process as promises.
import fp from "fastify-plugin";
import {
	type DescribeInterestsRequest,
	type DescribeInterestsResponse,
	RecommenderServiceClient,
	type RecommendRequest,
	type RecommendResponse,
	type SimilarItemsRequest,
	type SimilarItemsResponse,
	type WarmRequest,
	type WarmResponse,
} from "../generated/proto/recommender/v1/recommender.js";
import { CHANNEL_OPTIONS, insecure, ready, unary } from "../grpc.js";

export interface RecommenderClient {
	warm(request: WarmRequest): Promise<WarmResponse>;
	recommend(request: RecommendRequest): Promise<RecommendResponse>;
	describeInterests(request: DescribeInterestsRequest): Promise<DescribeInterestsResponse>;
	similarItems(request: SimilarItemsRequest): Promise<SimilarItemsResponse>;
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
		app.decorate("recommender", {
			warm: (request) => unary(client.warm.bind(client), request, warmCall),
			recommend: (request) => unary(client.recommend.bind(client), request, recommendCall),
			describeInterests: (request) => unary(client.describeInterests.bind(client), request, recommendCall),
			similarItems: (request) => unary(client.similarItems.bind(client), request, recommendCall),
			reach: () => ready(client),
		} satisfies RecommenderClient);
		app.addHook("onClose", async () => client.close());
	},
	{ name: "recommender" },
);
