// One recommender at its address: whether it answers, what of that which is deployed it has loaded, and how much it does for us.
import type { FastifyBaseLogger } from "fastify";
import {
	type Checkpoint,
	RecommenderServiceClient,
	type WarmResponse,
} from "../generated/proto/recommender/v1/recommender.js";
import { channelOptions, insecure, RemoteError, ready, unary } from "../grpc.js";

/** Whoever was asked is not there, or ends; a call that was lost with it can be made elsewhere. */
const GONE = new Set(["unavailable", "cancelled"]);
/** Whoever could not load a checkpoint because of these may be able to a moment later. */
const PASSING = new Set(["store_unavailable", "timeout", "busy"]);

export class Endpoint {
	/** Nobody has asked it yet. */
	private answers = false;
	private isLooking = false;
	private isWarming = false;
	/** Keys of the checkpoints that it has loaded since it last began to answer, and whether that was after the last `keep`. */
	private readonly warmed = new Map<string, boolean>();
	/** Keys of those that it cannot load, however often it is told to. */
	private readonly refused = new Set<string>();
	/** Keys of those that it was told to load since it last began to answer, however that ended. */
	private readonly tried = new Set<string>();
	private readonly client: RecommenderServiceClient;
	/** Calls in all, calls now, and calls that were lost here and made elsewhere. */
	calls = 0;
	underWay = 0;
	retries = 0;

	constructor(
		readonly address: string,
		private readonly warmCall: number,
		private readonly log: FastifyBaseLogger,
	) {
		this.client = new RecommenderServiceClient(address, insecure(), channelOptions());
	}

	get isUp(): boolean {
		return this.answers;
	}

	hasWarmed(key: string): boolean {
		return this.warmed.has(key);
	}

	hasTried(key: string): boolean {
		return this.answers && (this.warmed.has(key) || this.tried.has(key));
	}

	/** Forgets what is not deployed, but for what was loaded just now: that may be about to be. */
	keep(deployed: ReadonlyMap<string, Checkpoint>): void {
		for (const [key, isNew] of this.warmed) {
			if (isNew) this.warmed.set(key, false);
			else if (!deployed.has(key)) this.warmed.delete(key);
		}
		for (const keys of [this.refused, this.tried]) for (const key of keys) if (!deployed.has(key)) keys.delete(key);
	}

	/** Throws what the call throws; one that finds nobody there is a look, too. */
	async call<T>(make: (client: RecommenderServiceClient) => Promise<T>): Promise<T> {
		this.calls++;
		this.underWay++;
		try {
			return await make(this.client);
		} catch (error) {
			if (error instanceof RemoteError && error.code === "unavailable") this.becomes(false);
			throw error;
		} finally {
			this.underWay--;
		}
	}

	/**
	 * Whether a call failed because of who was asked. One that was only slow is not asked elsewhere: where everybody has too much to do that
	 * would double it.
	 */
	hasLost(error: unknown): boolean {
		return error instanceof RemoteError && (GONE.has(error.code) || (error.code === "timeout" && !this.answers));
	}

	async warm(checkpoint: Checkpoint): Promise<WarmResponse> {
		const answer = await this.call((client) => unary(client.warm.bind(client), { checkpoint }, this.warmCall));
		this.warmed.set(checkpoint.key, true);
		this.refused.delete(checkpoint.key);
		return answer;
	}

	/** Rejects when it does not answer. */
	reach(): Promise<void> {
		return ready(this.client);
	}

	/** Asks it whether it is there. */
	async look(): Promise<void> {
		if (this.isLooking) return;
		this.isLooking = true;
		this.becomes(
			await this.reach().then(
				() => true,
				() => false,
			),
		);
		this.isLooking = false;
	}

	/** Has it load what it has not loaded since it began to answer, one after the other. */
	async catchUp(checkpoints: Checkpoint[]): Promise<void> {
		if (this.isWarming) return;
		this.isWarming = true;
		for (const checkpoint of checkpoints) {
			const { key } = checkpoint;
			if (!this.answers || this.warmed.has(key) || this.refused.has(key)) continue;
			await this.warm(checkpoint).catch((err) => {
				if (this.hasLost(err)) return;
				this.log.warn({ err, address: this.address, checkpoint: key }, "a recommender cannot load it");
				this.tried.add(key);
				if (!PASSING.has(err.code)) this.refused.add(key);
			});
		}
		this.isWarming = false;
	}

	close(): void {
		this.answers = false;
		this.client.close();
	}

	private becomes(isUp: boolean): void {
		// It may have been started anew: what it had loaded is not counted on, nor what it could not load.
		if (!isUp) {
			this.warmed.clear();
			this.refused.clear();
			this.tried.clear();
		}
		if (isUp === this.answers) return;
		this.answers = isUp;
		if (isUp) this.log.info({ address: this.address }, "a recommender answers");
		else this.log.warn({ address: this.address }, "a recommender does not answer");
	}
}
