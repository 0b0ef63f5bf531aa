// All recommenders: who is asked about a checkpoint, and who instead when they are lost (docs/adr/0041).
import type { FastifyBaseLogger } from "fastify";
import type {
	Checkpoint,
	RecommenderServiceClient,
	WarmResponse,
} from "../generated/proto/recommender/v1/recommender.js";
import { RemoteError } from "../grpc.js";
import { digest } from "../http/digest.js";
import { Endpoint } from "./endpoint.js";

/** So many calls of this process are under way at one recommender before the next one has its turn: they are computed in batches of up to 64. */
const SHARE = 16;

export class Pool {
	private readonly byAddress = new Map<string, Endpoint>();
	/** What is deployed, by key. */
	private deployed: ReadonlyMap<string, Checkpoint> = new Map();

	constructor(
		/** Recommenders that share a checkpoint; 0: all of them. */
		private readonly replicas: number,
		private readonly warmCall: number,
		private readonly log: FastifyBaseLogger,
	) {}

	get endpoints(): Endpoint[] {
		return [...this.byAddress.values()];
	}

	/** These are all there are from now on. */
	found(addresses: string[]): void {
		for (const [address, endpoint] of this.byAddress) {
			if (addresses.includes(address)) continue;
			this.byAddress.delete(address);
			endpoint.close();
		}
		for (const address of addresses) {
			if (!this.byAddress.has(address)) this.byAddress.set(address, new Endpoint(address, this.warmCall, this.log));
		}
	}

	/** These are deployed: whoever shares one loads it before it is preferred for it. */
	keep(checkpoints: Checkpoint[]): void {
		this.deployed = new Map(checkpoints.map((checkpoint) => [checkpoint.key, checkpoint]));
		for (const endpoint of this.byAddress.values()) endpoint.keep(this.deployed);
	}

	/** Each of those that are deployed has been loaded by one of those that share it, or could not be; where all these are away, others load it when asked. */
	get isPrepared(): boolean {
		if (!this.endpoints.some(({ isUp }) => isUp)) return false;
		return [...this.deployed.keys()].every((key) => {
			const there = this.sharing(key).filter(({ isUp }) => isUp);
			return there.length === 0 || there.some((endpoint) => endpoint.hasTried(key));
		});
	}

	/** Asks everybody whether they are there; who is loads what it lacks. */
	async look(): Promise<void> {
		await Promise.all(
			this.endpoints.map(async (endpoint) => {
				await endpoint.look();
				void endpoint.catchUp([...this.deployed.values()].filter(({ key }) => this.sharing(key).includes(endpoint)));
			}),
		);
	}

	/** Asks whoever is first for the checkpoint, and the next one when they are lost. Throws unavailable where nobody is known. */
	ask<T>(
		{ checkpoint }: { checkpoint: Checkpoint | undefined },
		call: (client: RecommenderServiceClient) => Promise<T>,
		signal?: AbortSignal,
	): Promise<T> {
		return this.attempt(checkpoint?.key ?? "", (endpoint) => endpoint.call(call), signal);
	}

	/** Has all load it who will be asked for it. Who is away does not hold that up; whoever refuses does, with what they say. */
	async warm(checkpoint: Checkpoint): Promise<WarmResponse> {
		const asked = this.sharing(checkpoint.key).filter(({ isUp }) => isUp);
		const answers = await Promise.allSettled(asked.map((endpoint) => endpoint.warm(checkpoint)));
		let loaded: WarmResponse | undefined;
		for (const [place, answer] of answers.entries()) {
			if (answer.status === "fulfilled") loaded ??= answer.value;
			else if (!asked[place]?.hasLost(answer.reason)) throw answer.reason;
		}
		return loaded ?? this.attempt(checkpoint.key, (endpoint) => endpoint.warm(checkpoint));
	}

	close(): void {
		this.found([]);
	}

	private async attempt<T>(key: string, on: (endpoint: Endpoint) => Promise<T>, signal?: AbortSignal): Promise<T> {
		const [first] = this.inOrder(key);
		if (!first) throw new RemoteError("unavailable", "no address of a recommender is known");
		try {
			return await on(first);
		} catch (error) {
			const next = this.inOrder(key).find((endpoint) => endpoint !== first);
			if (!next || !first.hasLost(error) || signal?.aborted) throw error;
			first.retries++;
			return on(next);
		}
	}

	/** Rendezvous hashing: every process sees the same order, and who goes or comes moves no other checkpoint. */
	private ranked(key: string): Endpoint[] {
		return this.endpoints
			.map((endpoint) => ({ endpoint, weight: digest([key, endpoint.address]) }))
			.sort((a, b) => (a.weight < b.weight ? 1 : -1))
			.map(({ endpoint }) => endpoint);
	}

	private sharing(key: string): Endpoint[] {
		const ranked = this.ranked(key);
		return this.replicas > 0 ? ranked.slice(0, this.replicas) : ranked;
	}

	/** Those who share it and have loaded it, others who answer, the rest; among equals the first with room. */
	private inOrder(key: string): Endpoint[] {
		const sharing = new Set(this.sharing(key));
		const isReady = (endpoint: Endpoint) =>
			sharing.has(endpoint) && (!this.deployed.has(key) || endpoint.hasWarmed(key));
		const group = (endpoint: Endpoint) => (!endpoint.isUp ? 2 : isReady(endpoint) ? 0 : 1);
		const load = ({ underWay }: Endpoint) => Math.floor(underWay / SHARE);
		return this.ranked(key).sort((a, b) => group(a) - group(b) || load(a) - load(b));
	}
}
