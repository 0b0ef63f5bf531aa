// app.disk: what lies on the disk of the artifacts. A walk over it is dear, so one serves all who ask for a while.
import { setTimeout as sleep } from "node:timers/promises";
import fp from "fastify-plugin";
import { ownersOf, type Usage, usageOf } from "../artifacts/disk-usage.js";
import { Prisma } from "../generated/prisma/client.js";
import type { Artifact, Disk as Space } from "../generated/proto/trainer/v1/trainer.js";

/** A measurement is good for so long, unless somebody asks for a new one. */
const FRESH_MS = 60_000;
/** A glance waits so long for a walk. */
const GLANCE_MS = 1_500;

export interface Measured extends Usage {
	freeBytes: number;
	totalBytes: number;
	databaseBytes: number;
}
export interface Disk {
	/** The last measurement, or a new one where that is old or `again` is asked. Rejects when the trainer is away. */
	measure(again?: boolean): Promise<Measured>;
	/** What is known within a moment; null when that is nothing. Never rejects. */
	glance(): Promise<Measured | null>;
	/** Deletes what no row names and nobody is making: how much that was. */
	removeOrphans(): Promise<{ keys: number; bytes: number }>;
}
declare module "fastify" {
	interface FastifyInstance {
		disk: Disk;
	}
}

export default fp(
	async (app) => {
		let known: Measured | null = null;
		let walk: Promise<Measured> | null = null;

		async function measureNow(): Promise<Measured> {
			const measuredAt = new Date();
			const artifacts: Artifact[] = [];
			let space: Space | undefined;
			// First the disk, then the rows: what is committed in between has its row by then.
			for await (const some of app.trainer.listArtifacts(AbortSignal.timeout(app.config.timings.diskWalk))) {
				artifacts.push(...some.artifacts);
				space ??= some.disk;
			}
			const keys = artifacts.filter(({ shape }) => shape !== "unknown").map(({ key }) => key);
			return app.prisma.$transaction(
				async (tx) => {
					const owners = await ownersOf(tx, keys);
					const removals = await tx.artifactRemoval.findMany({ select: { key: true } });
					const [database] = await tx.$queryRaw<{ bytes: bigint }[]>`
						SELECT pg_database_size(current_database()) AS bytes`;
					return {
						...usageOf(artifacts, owners, new Set(removals.map(({ key }) => key)), measuredAt),
						freeBytes: space?.freeBytes ?? 0,
						totalBytes: space?.totalBytes ?? 0,
						databaseBytes: Number(database?.bytes),
					};
				},
				// One picture of all tables.
				{ isolationLevel: Prisma.TransactionIsolationLevel.RepeatableRead },
			);
		}

		async function measure(again = false): Promise<Measured> {
			if (known && !again && Date.now() - known.measuredAt.getTime() < FRESH_MS) return known;
			walk ??= measureNow().finally(() => {
				walk = null;
			});
			known = await walk;
			return known;
		}

		app.decorate("disk", {
			measure,
			glance: () =>
				Promise.race([
					measure().catch((err) => {
						app.log.debug({ err }, "the disk cannot be measured");
						return null;
					}),
					sleep(GLANCE_MS, undefined, { ref: false }).then(() => known),
				]),
			async removeOrphans() {
				const { orphans } = await measure(true);
				const keys = orphans.map(({ key }) => key);
				const removed = new Set(await app.removals.claim(keys, async (tx, some) => ownersOf(tx, some)));
				await app.removals.carryOut([...removed]);
				known = null;
				const gone = orphans.filter(({ key }) => removed.has(key));
				return { keys: gone.length, bytes: gone.reduce((sum, { bytes }) => sum + bytes, 0) };
			},
		} satisfies Disk);
	},
	{ name: "disk", dependencies: ["prisma", "trainer", "removals"] },
);
