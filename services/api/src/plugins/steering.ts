// app.steering: what people asked their recommendations to be like and wished to be kept, in memory; PostgreSQL's table is
// the truth, and what changes there is heard. Interests have numbers only within a checkpoint: under another one they are found
// again by the history items that describe them.
import fp from "fastify-plugin";
import { LRUCache } from "lru-cache";
import type { Steering as Row } from "../generated/prisma/client.js";
import type { HistoryItem } from "../generated/proto/recommender/v1/recommender.js";
import { movedOf, rowOf } from "../serving/known.js";
import type { Deployed } from "./deployments.js";
import { historyOf } from "./live.js";
import type { Transaction } from "./prisma.js";

const CHANNEL = "steering";
/** An interest is the same as before when at least this share of what described it belongs to it now. */
const SAME = 0.5;
const MOST_MATCHED = 10_000;
/** While the database is away a history may lack rows: what was matched by it does not stay for good. */
const MATCHED_MS = 60_000;

export interface KeptInterest {
	interest: number;
	weight: number;
	/** Ids of history items that describe it, strongest first. */
	items: string[];
}
export interface Kept {
	deployment: string;
	user: string;
	checkpointId: string;
	datasetId: string;
	interests: KeptInterest[];
	until: Date | null;
	updatedAt: Date;
}
/** As it holds for one checkpoint. */
export interface Applied {
	weights: KeptInterest[];
	/** What no interest of this checkpoint is described by. */
	dropped: KeptInterest[];
}

export interface KeptSteering {
	/** What holds now for a person; null when nothing is kept. Asks the recommender once a minute under another checkpoint than it was said to. */
	of(deployed: Deployed, user: string): Promise<Applied | null> | null;
	/** As it was said; null when nothing is kept, or its time is over. */
	get(deployment: string, user: string): Kept | null;
	/** In the transaction that changes it: other processes follow. */
	announce(tx: Transaction, deployment: string, user: string): Promise<void>;
	/** Before a dataset is deleted: whether its people are known elsewhere can be told from then on. Throws unavailable. */
	beforeForget(datasetId: string): Promise<void>;
	/**
	 * In the transaction that deletes a dataset: of what was said about it stays what the deployment's present dataset knows.
	 * Returns whose changed, for `refresh`.
	 */
	forget(tx: Transaction, datasetId: string): Promise<{ deploymentName: string; user: string }[]>;
	/** After that transaction: once it resolves, this process answers by what it wrote. */
	refresh(deployment: string, user: string): Promise<void>;
}

declare module "fastify" {
	interface FastifyInstance {
		steering: KeptSteering;
	}
}

const keyOf = (deployment: string, user: string) => `${deployment} ${user}`;
const keptOf = ({ deploymentName: deployment, interests, ...row }: Row): Kept => ({
	...row,
	deployment,
	interests: interests as unknown as KeptInterest[],
});

export default fp(
	async (app) => {
		const kept = new Map<string, Kept>();
		const matched = new LRUCache<string, Promise<Applied>>({
			max: MOST_MATCHED,
			ttl: MATCHED_MS,
			perf: Date,
		});

		/** For each reading under way, what has been said since it began. */
		const readings = new Set<Set<string>>();
		/** Of one name, or of all. What is said while it is read stays as it was said. */
		async function read(deploymentName?: string): Promise<void> {
			const meanwhile = new Set<string>();
			readings.add(meanwhile);
			try {
				const rows = await app.prisma.steering.findMany({ where: { deploymentName } });
				const found = new Map(rows.map((row) => [keyOf(row.deploymentName, row.user), keptOf(row)]));
				for (const [key, { deployment }] of kept) {
					if ((deploymentName ?? deployment) === deployment && !meanwhile.has(key) && !found.has(key)) kept.delete(key);
				}
				for (const [key, one] of found) if (!meanwhile.has(key)) kept.set(key, one);
			} finally {
				readings.delete(meanwhile);
			}
		}
		/** What was announced and lost is found, what is over goes. */
		async function sweep(): Promise<void> {
			await app.prisma.steering.deleteMany({ where: { until: { lt: new Date() } } });
			await read();
		}
		async function refresh(deploymentName: string, user: string): Promise<void> {
			const row = await app.prisma.steering.findUnique({ where: { deploymentName_user: { deploymentName, user } } });
			const key = keyOf(deploymentName, user);
			if (row) kept.set(key, keptOf(row));
			else kept.delete(key);
			for (const meanwhile of readings) meanwhile.add(key);
		}
		const versions = new Map<string, string>();
		function follow(): void {
			const deployed = new Map(app.deployments.all().map(({ name, version }) => [name, version]));
			for (const [key, { deployment }] of kept) if (!deployed.has(deployment)) kept.delete(key);
			for (const [name, version] of deployed) {
				if (versions.get(name) === version) continue;
				versions.set(name, version);
				// It may be another deployment of that name, whose people have said nothing yet.
				read(name).catch(stays);
			}
		}
		const stays = (err: unknown) => app.log.warn({ err }, "kept steering stays as it was last known");
		app.notifications.listen(CHANNEL, {
			notified(payload) {
				const [deployment, user] = JSON.parse(payload) as [string, string];
				refresh(deployment, user).catch(stays);
			},
			connected: () => void read().catch(stays),
		});
		await read().catch(stays);
		app.deployments.follow(follow);
		const timer = setInterval(() => void sweep().catch(stays), app.config.timings.steeringSweep);
		app.addHook("onClose", async () => clearInterval(timer));

		const get = (deployment: string, user: string) => {
			const found = kept.get(keyOf(deployment, user));
			return found && (found.until === null || found.until > new Date()) ? found : null;
		};

		async function match(deployed: Deployed, { user, interests }: Kept): Promise<Applied> {
			const { vocabulary } = await app.serving.of(deployed);
			const erased = app.erasures.of(deployed.sources, user);
			const described = await app.recommender.describeInterests({
				checkpoint: deployed.ref,
				who: { $case: "user", value: user },
				n: 1,
				excludeSeen: true,
				...historyOf(deployed, await movedOf(app, deployed, vocabulary, user, erased), erased),
			});
			return matchInterests(interests, described.history);
		}

		async function announce(tx: Transaction, deployment: string, user: string): Promise<void> {
			await tx.$executeRaw`SELECT pg_notify(${CHANNEL}, ${JSON.stringify([deployment, user])})`;
		}

		app.decorate("steering", {
			of(deployed, user) {
				if (kept.size === 0) return null;
				const found = get(deployed.name, user);
				if (!found) return null;
				if (found.checkpointId === deployed.checkpoint.id)
					return Promise.resolve({ weights: found.interests, dropped: [] });
				const key = `${keyOf(deployed.name, user)} ${deployed.ref.sha256} ${found.updatedAt.getTime()}`;
				const known = matched.get(key);
				if (known) return known;
				const matching = match(deployed, found);
				matched.set(key, matching);
				matching.catch(() => matched.get(key) === matching && matched.delete(key));
				return matching;
			},
			get,
			announce,
			async beforeForget(datasetId) {
				const names = [...kept.values()].filter((one) => one.datasetId === datasetId).map((one) => one.deployment);
				for (const name of new Set(names)) {
					const deployed = app.deployments.get(name);
					if (deployed) await app.serving.of(deployed);
				}
			},
			async forget(tx, datasetId) {
				matched.clear(); // it names items, too
				const rows = await tx.steering.findMany({ where: { datasetId } });
				for (const { deploymentName, user, interests } of rows) {
					const where = { deploymentName_user: { deploymentName, user } };
					const deployed = app.deployments.get(deploymentName);
					const vocabulary = deployed && (await app.serving.of(deployed)).vocabulary;
					if (deployed && vocabulary && rowOf(vocabulary, user, null) !== null) {
						const { items } = vocabulary;
						const known = (interests as unknown as KeptInterest[]).map((one) => ({
							...one,
							items: one.items.filter((id) => items.ids.indexOf(id) >= 0),
						}));
						await tx.steering.update({ where, data: { datasetId: deployed.datasetId, interests: known } });
					} else await tx.steering.delete({ where });
					await announce(tx, deploymentName, user);
				}
				return rows;
			},
			refresh,
		} satisfies KeptSteering);
	},
	{
		name: "steering",
		dependencies: ["prisma", "notifications", "deployments", "live", "erasures", "serving", "recommender"],
	},
);

/** Each kept interest goes to the one that its items belong to most, the heaviest say first; none is taken twice. */
export function matchInterests(kept: readonly KeptInterest[], history: readonly HistoryItem[]): Applied {
	const shares = new Map(history.map(({ id, interestShares }) => [id, interestShares]));
	const applied: Applied = { weights: [], dropped: [] };
	const taken = new Set<number>();
	const claims = kept.map((one) => {
		const rows = one.items.flatMap((id) => [shares.get(id) ?? []]);
		const count = Math.max(0, ...rows.map((row) => row.length));
		// Items that are gone speak for no interest.
		const means = Array.from(
			{ length: count },
			(_, k) => rows.reduce((sum, row) => sum + (row[k] ?? 0), 0) / rows.length,
		);
		const best = means.length > 0 ? means.indexOf(Math.max(...means)) : -1;
		return { one, best, share: means[best] ?? 0 };
	});
	for (const { one, best, share } of claims.toSorted((a, b) => b.share - a.share)) {
		if (share < SAME || taken.has(best)) applied.dropped.push(one);
		else {
			taken.add(best);
			applied.weights.push({ ...one, interest: best });
		}
	}
	// Where there are fewer interests than before, nobody meant to mute them all.
	const count = history[0]?.interestShares.length ?? 0;
	const mutesAll = applied.weights.length === count && applied.weights.every(({ weight }) => weight === 0);
	return mutesAll ? { weights: [], dropped: [...applied.weights, ...applied.dropped] } : applied;
}
