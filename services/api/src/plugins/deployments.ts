// app.deployments: what is served under which name, in memory. Nothing that answers a person waits for the database; what
// changes there is heard at once, read again after every reconnect, and every few seconds besides.
import fp from "fastify-plugin";
import type { Source } from "../feeds/erasures.js";
import type { Dataset, Prisma } from "../generated/prisma/client.js";
import { digest } from "../http/digest.js";
import { ApiError } from "../http/errors.js";
import type { Fallback } from "../http/schemas.js";
import { catalogueOf } from "../serving/vocabulary.js";
import { AT_ONE_MOMENT, type Transaction } from "./prisma.js";

const CHANNEL = "deployments";
const RETRY_SECONDS = 2;

export interface Deployed {
	name: string;
	/** Storage key and sha256, as the recommender names a checkpoint. */
	ref: { key: string; sha256: string };
	checkpoint: { id: string; runId: string; model: string; epoch: number };
	datasetId: string;
	/** What its columns stand for: checkpoints with the same one share a vocabulary. */
	catalogue: string;
	fallback: Fallback;
	/** Ids of items that are never answered: the hidden ones, and those of its feed that cannot be had. */
	hidden: string[];
	/** Those that were hidden by name. */
	hiddenByName: string[];
	/** Whose rows after `since` join people's histories. */
	feed: { id: number; name: string; since: number } | null;
	/** Of the feed, when this was made or before. */
	erasures: number;
	/** Feeds whose erased people the dataset may hold still. */
	sources: readonly Source[];
	/** The newest items of the feed that can be had and have tags, newest first. */
	newItems: readonly NewItem[];
	/** Of everything here and the moment of deployment; an answer's ETag is made from it. */
	version: string;
}

export interface Deployments {
	/** Null when nothing is deployed under the name. Throws unavailable while nothing could be read yet. */
	get(name: string): Deployed | null;
	/** The same object as long as nothing about it changes. */
	all(): Deployed[];
	/** Called now, if anything is known, and after each reading. */
	follow(follower: () => void): void;
	/**
	 * Feeds whose erased people a dataset may hold still: those that it is served with, and the one it is a snapshot of. Throws unavailable
	 * while nothing could be read yet.
	 */
	sourcesOf(dataset: Pick<Dataset, "id" | "feed" | "since">): Source[];
	/** Whether it has been read since the start. */
	readonly areKnown: boolean;
	/** In the transaction that changes what is deployed: other processes follow. */
	announce(tx: Transaction, name: string): Promise<void>;
	/** After that transaction: once it resolves, no `get` of this process gives what was before. */
	refresh(): Promise<void>;
}

declare module "fastify" {
	interface FastifyInstance {
		deployments: Deployments;
	}
}

export interface NewItem {
	id: string;
	title: string | null;
	tags: string[];
}
/** What the feed says of its items, as it was after so many changes. */
interface FeedItems {
	described: bigint;
	unavailable: string[];
	newest: NewItem[];
}

const include = { checkpoint: { include: { run: { include: { dataset: true } } } }, feed: true } as const;
type Row = Prisma.DeploymentGetPayload<{ include: typeof include }>;
const VERSION_LENGTH = 16;
/** New items are looked for among these. */
const MOST_NEW = 10_000;

/** The last row of a feed that a dataset holds, by what the dataset is a snapshot of; 0 where nobody can tell. */
export function sinceOf(feed: string, snapshot: unknown): number {
	const { name, upTo } = (snapshot ?? {}) as { name?: string; upTo?: number };
	return name === feed ? (upTo ?? 0) : 0;
}

/** The feeds that concern the people of a dataset: those it is served with, and the one it is a snapshot of. */
export function sourcesOf(feeds: readonly string[], dataset: Pick<Dataset, "feed" | "since">): Source[] {
	const { name } = (dataset.feed ?? {}) as { name?: string };
	const names = new Set(name === undefined ? feeds : [...feeds, name]);
	const since = (one: string) => (one === name ? sinceOf(one, dataset.feed) : Number(dataset.since));
	return [...names].sort().map((one) => ({ feed: one, since: since(one) }));
}

/** `feeds`: those that its dataset is served with, by this deployment or another. */
function described(row: Row, feeds: readonly string[], items: FeedItems | undefined): Deployed {
	const { name, checkpoint, deployedAt, fallback, feed } = row;
	const { id, key, sha256, epoch, run } = checkpoint;
	const found = {
		name,
		ref: { key, sha256 },
		checkpoint: { id, runId: run.id, model: run.model, epoch },
		datasetId: run.datasetId,
		catalogue: catalogueOf(run),
		fallback: fallback as Fallback,
		hiddenByName: row.hidden,
		feed: feed && { id: feed.id, name: feed.name, since: sinceOf(feed.name, run.dataset.feed) },
		sources: sourcesOf(feeds, run.dataset),
	};
	const of = [found, deployedAt.toISOString(), String(items?.described)];
	return {
		...found,
		hidden: [...new Set([...row.hidden, ...(items?.unavailable ?? [])])],
		newItems: items?.newest ?? [],
		erasures: Number(feed?.erasures ?? 0),
		version: digest(of).slice(0, VERSION_LENGTH),
	};
}

/** In the transaction that changes what is deployed: the processes that answer follow. */
export async function announceDeployment(tx: Transaction, name: string): Promise<void> {
	await tx.$executeRaw`SELECT pg_notify(${CHANNEL}, ${name})`;
}

export default fp(
	async (app) => {
		let deployed: Map<string, Deployed> | null = null;
		const followers: (() => void)[] = [];
		let reading: Promise<void> | null = null;
		let next: Promise<void> | null = null;

		/** By feed. */
		let feedItems = new Map<number, FeedItems>();
		/** What is described meanwhile has another number, and is read the next time. */
		async function readItems({ id: feedId, described }: { id: number; described: bigint }): Promise<FeedItems> {
			const known = feedItems.get(feedId);
			if (known?.described === described) return known;
			const unavailable = await app.prisma.feedItem.findMany({
				where: { feedId, available: false },
				select: { id: true },
			});
			const newest = await app.prisma.feedItem.findMany({
				where: { feedId, available: true, tags: { isEmpty: false } },
				select: { id: true, title: true, tags: true },
				orderBy: { key: "desc" },
				take: MOST_NEW,
			});
			return { described, unavailable: unavailable.map(({ id }) => id), newest };
		}

		async function read(): Promise<void> {
			const rows = await app.prisma.$transaction((tx) => tx.deployment.findMany({ include }), AT_ONE_MOMENT);
			const found = new Map<number, FeedItems>();
			for (const { feed } of rows) if (feed && !found.has(feed.id)) found.set(feed.id, await readItems(feed));
			feedItems = found;
			const known = deployed;
			const feedsOf = ({ checkpoint: { run } }: Row) =>
				rows.flatMap(({ checkpoint, feed }) => (feed && checkpoint.run.datasetId === run.datasetId ? feed.name : []));
			deployed = new Map(
				rows.map((row) => {
					const found = described(row, feedsOf(row), feedItems.get(row.feedId ?? 0));
					const same = known?.get(row.name);
					return [row.name, same?.version === found.version ? same : found];
				}),
			);
			for (const follow of followers) follow();
		}

		/** One after the other: what a question that began earlier has seen never replaces what a later one has. */
		function refresh(): Promise<void> {
			if (!reading) {
				reading = read().finally(() => {
					reading = null;
				});
				return reading;
			}
			next ??= reading
				.catch(() => undefined)
				.then(() => {
					next = null;
					return refresh();
				});
			return next;
		}

		const quietly = () =>
			void refresh().catch((err) => app.log.warn({ err }, "deployments stay as they were last known"));
		app.notifications.listen(CHANNEL, { notified: quietly, connected: quietly });
		const timer = setInterval(quietly, app.config.timings.deploymentsRefresh);
		app.addHook("onClose", async () => clearInterval(timer));
		await refresh().catch((err) => app.log.warn({ err }, "deployments are not known yet"));

		function served(): Map<string, Deployed> {
			if (!deployed) throw new ApiError("unavailable", "The database is away.", [], RETRY_SECONDS);
			return deployed;
		}

		app.decorate("deployments", {
			get: (name) => served().get(name) ?? null,
			sourcesOf(dataset) {
				const itsOwn = [...served().values()].filter(({ datasetId }) => datasetId === dataset.id);
				return sourcesOf(
					itsOwn.flatMap(({ feed }) => feed?.name ?? []),
					dataset,
				);
			},
			all: () => [...(deployed?.values() ?? [])],
			follow(follower) {
				followers.push(follower);
				if (deployed) follower();
			},
			get areKnown() {
				return deployed !== null;
			},
			announce: announceDeployment,
			refresh,
		} satisfies Deployments);
	},
	{ name: "deployments", dependencies: ["prisma", "notifications"] },
);
