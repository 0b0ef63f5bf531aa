// app.serving: what this process holds in memory to answer people: the vocabulary of each deployed dataset, the lists of each
// deployed checkpoint, and the bodies made from them. It follows what is deployed.
import fp from "fastify-plugin";
import { LRUCache } from "lru-cache";
import type { ListsStatus } from "../serving/lists.js";
import { Lists } from "../serving/lists.js";
import { type Point, type Tier, Traffic } from "../serving/traffic.js";
import { Vocabulary } from "../serving/vocabulary.js";
import type { Deployed } from "./deployments.js";

/** Share of LISTS_MEMORY for bodies: those of the users who ask most. */
const BODIES = 0.25;
/** Vocabularies of datasets that are looked at, beside those deployed; they hold ids, which are not kept for long. */
const LOOKED_AT = { max: 2, ttl: 600_000, ttlAutopurge: true };
/** Reading a vocabulary of millions takes its time; nothing shall hang for ever. */
const READ_MS = 120_000;

export interface Body {
	/** Without what is another one each time. */
	text: string;
	/** Prints of its items. */
	shown: () => number[];
	etag: string;
}

/** All that answers for one deployment, as long as nothing about it changes. */
export interface Served {
	vocabulary: Vocabulary;
	lists: Lists;
	/** Columns that are never answered, ascending. */
	hidden: number[];
	isHidden: ReadonlySet<number>;
	/** By question. */
	bodies: LRUCache<string, Body>;
}

export interface Serving {
	of(deployed: Deployed): Promise<Served>;
	/** Of a checkpoint that need not be deployed. */
	vocabulary(catalogue: string, ref: { key: string; sha256: string }): Promise<Vocabulary>;
	record(deployment: string, model: string, tier: Tier, milliseconds: number): void;
	/** Of what is deployed under the name. */
	status(deployed: Deployed): Promise<{ lists: ListsStatus; points: Point[] }>;
}

declare module "fastify" {
	interface FastifyInstance {
		serving: Serving;
	}
}

const listsKey = ({ ref, feed }: Deployed) => `${ref.key}${feed ? " whole" : ""}`;
/** As V8 keeps it: a byte a character, two where one needs more. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: all of Latin-1
const bytesOf = (text: string) => (/[^\u0000-\u00ff]/.test(text) ? 2 : 1) * text.length;

export default fp(
	async (app) => {
		const { bytes, depth } = app.config.lists;
		const closing = new AbortController();
		const lookedAt = new LRUCache<string, Promise<Vocabulary>>(LOOKED_AT);
		/** By catalogue. */
		const vocabularies = new Map<string, Promise<Vocabulary>>();
		/** By checkpoint, and whether the whole history is behind them: two names may serve the same. */
		let lists = new Map<string, Promise<Lists>>();
		const served = new WeakMap<Deployed, Promise<Served>>();
		const traffic = new Map<string, Traffic>();
		/** Of LISTS_MEMORY: for each checkpoint, and for each name. */
		let shares = { lists: 0, bodies: 0 };

		function vocabulary(catalogue: string, ref: Deployed["ref"]): Promise<Vocabulary> {
			const isDeployed = app.deployments.all().some((deployed) => deployed.catalogue === catalogue);
			const known = vocabularies.get(catalogue) ?? lookedAt.get(catalogue);
			if (known) {
				// What has been deployed since it was looked at is not read again.
				if (isDeployed) vocabularies.set(catalogue, known);
				return known;
			}
			const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(READ_MS)]);
			const reading = app.recommender.readCatalogue({ checkpoint: ref }, signal, Vocabulary.read);
			const keep = isDeployed ? vocabularies : lookedAt;
			keep.set(catalogue, reading);
			// The next who asks tries again, wherever it has come to be kept meanwhile.
			reading.catch(() => {
				for (const kept of [vocabularies, lookedAt]) if (kept.get(catalogue) === reading) kept.delete(catalogue);
			});
			return reading;
		}

		function listsOf(deployed: Deployed): Promise<Lists> {
			const { ref, catalogue, feed } = deployed;
			const key = listsKey(deployed);
			const known = lists.get(key);
			if (known) return known;
			const budget = shares.lists;
			const making = vocabulary(catalogue, ref).then(
				({ users }) => new Lists(app.recommender, ref, feed !== null, users.length, depth, budget, app.log),
			);
			lists.set(key, making);
			making.catch(() => lists.get(key) === making && lists.delete(key));
			return making;
		}

		async function make(deployed: Deployed): Promise<Served> {
			const [known, own] = await Promise.all([vocabulary(deployed.catalogue, deployed.ref), listsOf(deployed)]);
			const { columns } = known.columnsOf(deployed.hidden);
			return {
				vocabulary: known,
				lists: own,
				hidden: [...columns].sort((a, b) => a - b),
				isHidden: columns,
				bodies: new LRUCache<string, Body>({
					maxSize: Math.max(1, shares.bodies),
					sizeCalculation: ({ text }, key) => bytesOf(text) + bytesOf(key),
				}),
			};
		}

		function of(deployed: Deployed): Promise<Served> {
			const known = served.get(deployed);
			if (known) return known;
			const making = make(deployed);
			served.set(deployed, making);
			making.catch(() => served.get(deployed) === making && served.delete(deployed));
			return making;
		}

		/** Lets go of what is deployed no more, shares the memory anew, and begins to warm what is new. */
		function follow(): void {
			const all = app.deployments.all();
			const checkpoints = new Set(all.map(listsKey));
			const catalogues = new Set(all.map(({ catalogue }) => catalogue));
			const before = shares;
			app.recommender.keep(all.map(({ ref }) => ref));
			shares = {
				lists: Math.floor((bytes * (1 - BODIES)) / Math.max(1, checkpoints.size)),
				bodies: Math.floor((bytes * BODIES) / Math.max(1, all.length)),
			};
			for (const [key, making] of lists) {
				const isServed = checkpoints.has(key);
				if (!isServed) lists.delete(key);
				making.then((own) => (isServed ? own.resize(shares.lists) : own.close())).catch(() => undefined);
			}
			// Made anew around the same vocabularies and lists, with room for other bodies.
			if (before.bodies !== shares.bodies) for (const deployed of all) served.delete(deployed);
			for (const catalogue of vocabularies.keys()) if (!catalogues.has(catalogue)) vocabularies.delete(catalogue);
			for (const name of traffic.keys()) if (!app.deployments.get(name)) traffic.delete(name);
			for (const deployed of all)
				of(deployed).catch((err) => app.log.warn({ err, deployment: deployed.name }, "not ready to answer yet"));
		}
		app.deployments.follow(follow);
		app.addHook("onClose", async () => {
			closing.abort();
			for (const making of lists.values()) await making.then((left) => left.close()).catch(() => undefined);
			lists = new Map();
		});

		app.decorate("serving", {
			of,
			vocabulary,
			record(deployment, model, tier, milliseconds) {
				let own = traffic.get(deployment);
				if (!own) {
					own = new Traffic();
					traffic.set(deployment, own);
				}
				own.record(tier, milliseconds);
				app.meters.recommendations.observe({ tier, model }, milliseconds / 1000);
			},
			async status(deployed) {
				const { lists: own } = await of(deployed);
				return { lists: own.status, points: (traffic.get(deployed.name) ?? new Traffic()).points() };
			},
		} satisfies Serving);
	},
	{ name: "serving", dependencies: ["deployments", "recommender", "prometheus"] },
);
