// app.recommender: the recommenders as one, as promises. Which of them is asked follows from the checkpoint (recommenders/pool.ts).
import fp from "fastify-plugin";
import { Counter, Gauge, type Registry } from "prom-client";
import {
	type Checkpoint,
	type DescribeInterestsRequest,
	type DescribeInterestsResponse,
	type RankListsRequest,
	type RankListsResponse,
	type ReadCatalogueRequest,
	type ReadCatalogueResponse,
	type ReadHistoryRequest,
	type ReadHistoryResponse,
	type RecommenderServiceClient,
	RecommendRequest,
	type RecommendResponse,
	type SimilarItemsRequest,
	type SimilarItemsResponse,
	type WarmResponse,
} from "../generated/proto/recommender/v1/recommender.js";
import { serverStream, type Unary, unary } from "../grpc.js";
import { Addresses } from "../recommenders/addresses.js";
import { Pool } from "../recommenders/pool.js";

/** Takes a stream in. It begins anew with another one when the recommender of the first is lost. */
type Reader<M, T> = (messages: AsyncIterable<M>) => Promise<T>;

export interface RecommenderClient {
	/** Has all who will be asked for the checkpoint load it. */
	warm(checkpoint: Checkpoint): Promise<WarmResponse>;
	/** These are deployed: who begins to answer loads them before it is preferred. */
	keep(checkpoints: Checkpoint[]): void;
	/** Equal questions that arrive while one of them is being answered are asked once. */
	recommend(request: RecommendRequest): Promise<RecommendResponse>;
	describeInterests(request: DescribeInterestsRequest): Promise<DescribeInterestsResponse>;
	similarItems(request: SimilarItemsRequest): Promise<SimilarItemsResponse>;
	readHistory(request: ReadHistoryRequest): Promise<ReadHistoryResponse>;
	readCatalogue<T>(
		request: ReadCatalogueRequest,
		signal: AbortSignal,
		read: Reader<ReadCatalogueResponse, T>,
	): Promise<T>;
	rankLists<T>(request: RankListsRequest, signal: AbortSignal, read: Reader<RankListsResponse, T>): Promise<T>;
	/** Rejects when no process answers. */
	reach(): Promise<void>;
	/** What is deployed has been loaded by somebody, or refused. */
	readonly isPrepared: boolean;
	/** Each process that is known, and whether it answered when it was last looked at. */
	readonly endpoints: { address: string; isUp: boolean }[];
}

declare module "fastify" {
	interface FastifyInstance {
		recommender: RecommenderClient;
	}
}

export default fp(
	async (app) => {
		const { addresses, replicas } = app.config.recommenders;
		const { recommendCall, warmCall, recommenderLook, recommenderAddresses } = app.config.timings;
		const named = new Addresses(addresses);
		const pool = new Pool(replicas, warmCall, app.log);
		const find = async () => pool.found(await named.look());
		const look = () => void pool.look();
		await find();
		look();
		const timers = [setInterval(look, recommenderLook), setInterval(() => void find(), recommenderAddresses)];
		app.addHook("onClose", async () => {
			for (const timer of timers) clearInterval(timer);
			pool.close();
		});
		meter(app.meters.registry, pool);

		type Method<Q, A> = (client: RecommenderServiceClient) => Unary<Q, A>;
		const asks =
			<Q extends { checkpoint: Checkpoint | undefined }, A>(method: Method<Q, A>) =>
			(request: Q) =>
				pool.ask(request, (client) => unary(method(client).bind(client), request, recommendCall));
		const recommend = asks<RecommendRequest, RecommendResponse>((client) => client.recommend);
		const underWay = new Map<string, Promise<RecommendResponse>>();
		app.decorate("recommender", {
			warm: (checkpoint) => pool.warm(checkpoint),
			keep: (checkpoints) => pool.keep(checkpoints),
			recommend(request) {
				const key = Buffer.from(RecommendRequest.encode(request).finish()).toString("latin1");
				let answer = underWay.get(key);
				if (!answer) {
					answer = recommend(request).finally(() => underWay.delete(key));
					underWay.set(key, answer);
				}
				return answer;
			},
			describeInterests: asks((client) => client.describeInterests),
			similarItems: asks((client) => client.similarItems),
			readHistory: asks((client) => client.readHistory),
			readCatalogue: (request, signal, read) =>
				pool.ask(request, (client) => read(serverStream(client.readCatalogue(request), signal)), signal),
			rankLists: (request, signal, read) =>
				pool.ask(request, (client) => read(serverStream(client.rankLists(request), signal)), signal),
			reach: () => Promise.any(pool.endpoints.map((endpoint) => endpoint.reach())),
			get isPrepared() {
				return pool.isPrepared;
			},
			get endpoints() {
				return pool.endpoints.map(({ address, isUp }) => ({ address, isUp }));
			},
		} satisfies RecommenderClient);
	},
	{ name: "recommender", dependencies: ["prometheus"] },
);

/** What each recommender does for this process. One that is known no more is told of no more. */
function meter(registry: Registry, pool: Pool): void {
	const settings = (name: string, help: string) => ({
		...{ name: `valence_recommender_${name}`, help },
		...{ labelNames: ["address"] as const, registers: [registry] },
	});
	new Gauge({
		...settings("up", "Whether the recommender answered when it was last looked at."),
		collect() {
			this.reset();
			for (const { address, isUp } of pool.endpoints) this.set({ address }, Number(isUp));
		},
	});
	new Counter({
		...settings("calls_total", "Calls to the recommender."),
		collect() {
			this.reset();
			for (const { address, calls } of pool.endpoints) this.inc({ address }, calls);
		},
	});
	new Counter({
		...settings("retries_total", "Calls that were lost at the recommender and made at another."),
		collect() {
			this.reset();
			for (const { address, retries } of pool.endpoints) this.inc({ address }, retries);
		},
	});
}
