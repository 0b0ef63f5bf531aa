// app.keep: which checkpoints of finished runs an experiment keeps. What is superfluous is derived from the rows each time, so that
// applying a rule twice, late or after a crash comes to the same.
import fp from "fastify-plugin";
import type { KeepRule } from "../experiments/keep-rule.js";
import { Prisma } from "../generated/prisma/client.js";
import { ApiError } from "../http/errors.js";
import { IS_PRUNED } from "../searches/trial-state.js";
import { type Transaction, violatesForeignKey } from "./prisma.js";

export interface Removed {
	checkpoints: number;
	bytes: number;
}

export interface Keep {
	/** What a rule would remove now. */
	preview(experimentId: string, rule: KeepRule): Promise<Removed>;
	/** Stores the rule and applies it to what is final. Throws not_found. */
	change(experimentId: string, rule: KeepRule): Promise<Removed>;
	/** After the end of a run. Never throws: what cannot be done now is left to the sweep. */
	afterRun(runId: string): Promise<void>;
	/** Applies every rule where something is left to remove. */
	sweep(): Promise<void>;
}
declare module "fastify" {
	interface FastifyInstance {
		keep: Keep;
	}
}

/** Checkpoints of one transaction. */
const AT_ONCE = 100;

interface Superfluous {
	id: string;
	key: string;
	bytes: bigint;
	run_id: string;
}
const STORED = { checkpoints: Prisma.sql`e.keep_checkpoints`, runs: Prisma.sql`e.keep_runs` };
const asked = ({ checkpoints, runs }: KeepRule) => ({
	checkpoints: Prisma.sql`${checkpoints}::text`,
	runs: Prisma.sql`${runs}::int`,
});
const OPEN = Prisma.sql`j.state IN ('QUEUED', 'RUNNING')`;

/**
 * Checkpoints that a rule does not keep, of the experiments `e` that are asked for. Never one that is served, or being evaluated or
 * exported; pruned trials come after all others; of a run that has no best one (its values are not finite) the rule `best` keeps the last. Refits are under no rule: they
 * have one checkpoint, made to be served, and are no better or worse than others.
 */
const superfluous = (rule: typeof STORED, experiments: Prisma.Sql) => Prisma.sql`
	SELECT c.id, c.key, c.bytes, c.run_id, r.experiment_id FROM (
		SELECT r.id, r.experiment_id, ${OPEN} AS is_open, bool_or(${OPEN}) OVER experiment AS is_experiment_open,
			row_number() OVER (experiment ORDER BY ${IS_PRUNED}, nullif(r.best_value, 'NaN') DESC NULLS LAST, r.position) AS place,
			${rule.checkpoints} AS keep_checkpoints, ${rule.runs} AS keep_runs
		FROM experiments e JOIN runs r ON r.experiment_id = e.id JOIN jobs j ON j.id = r.id
		WHERE r.refit_of_id IS NULL AND ${experiments}
		WINDOW experiment AS (PARTITION BY r.experiment_id)
	) r JOIN checkpoints c ON c.run_id = r.id
	WHERE NOT r.is_open
		AND ((r.place > r.keep_runs AND NOT r.is_experiment_open) OR (r.keep_checkpoints = 'best' AND NOT c.is_best
			AND EXISTS (SELECT 1 FROM checkpoints best WHERE best.run_id = r.id AND best.is_best)))
		AND NOT EXISTS (SELECT 1 FROM deployments d WHERE d.checkpoint_id = c.id)
		AND NOT EXISTS (SELECT 1 FROM evaluations v JOIN jobs j ON j.id = v.id WHERE v.checkpoint_id = c.id AND ${OPEN})
		AND NOT EXISTS (SELECT 1 FROM exports x JOIN jobs j ON j.id = x.id WHERE x.checkpoint_id = c.id AND ${OPEN})`;

export default fp(
	async (app) => {
		const { prisma } = app;
		const one = (id: string) => Prisma.sql`e.id = ${id}::uuid`;

		/** Some of what the experiment's own rule does not keep. */
		async function removeSome(id: string, atOnce: number, held: string[]): Promise<Superfluous[]> {
			return prisma.$transaction(async (tx) => {
				// Until its end the rule is this one; and who deletes the experiment waits.
				await tx.$queryRaw`SELECT 1 FROM experiments e WHERE ${one(id)} FOR NO KEY UPDATE`;
				const found = await tx.$queryRaw<Superfluous[]>`
					SELECT id FROM (${superfluous(STORED, one(id))}) s WHERE id <> ALL(${held}::uuid[]) ORDER BY id LIMIT ${atOnce}`;
				// Whoever is about to deploy, to evaluate or to export one holds it; what they do is seen by the question after the lock.
				const free = await tx.$queryRaw<{ id: string }[]>`
					SELECT id FROM checkpoints WHERE id = ANY(${ids(found)}::uuid[]) ORDER BY id FOR UPDATE SKIP LOCKED`;
				const rows = await tx.$queryRaw<Superfluous[]>`
					SELECT * FROM (${superfluous(STORED, one(id))}) s WHERE id = ANY(${ids(free)}::uuid[])`;
				await forget(tx, rows);
				return rows;
			});
		}

		async function forget(tx: Transaction, rows: Superfluous[]): Promise<void> {
			if (rows.length === 0) return;
			await tx.checkpoint.deleteMany({ where: { id: { in: ids(rows) } } });
			const runs = { id: { in: rows.map((row) => row.run_id) } };
			await tx.run.updateMany({ where: runs, data: { checkpointsRemovedAt: new Date() } });
			await app.removals.note(
				tx,
				rows.map(({ key }) => key),
			);
		}

		async function apply(id: string): Promise<Removed> {
			const removed = { checkpoints: 0, bytes: 0 };
			const held: string[] = [];
			for (let atOnce = AT_ONCE; ; ) {
				try {
					const rows = await removeSome(id, atOnce, held);
					if (rows.length === 0) return removed;
					removed.checkpoints += rows.length;
					removed.bytes += rows.reduce((sum, { bytes }) => sum + Number(bytes), 0);
					await app.removals.carryOut(rows.map(({ key }) => key));
				} catch (error) {
					if (!violatesForeignKey(error)) throw error;
					// Something else names one of them, which therefore stays: one by one it is found.
					if (atOnce === 1) held.push(...(await nextOf(id, held)));
					atOnce = 1;
				}
			}
		}

		const nextOf = async (id: string, held: string[]) =>
			ids(
				await prisma.$queryRaw<Superfluous[]>`
					SELECT id FROM (${superfluous(STORED, one(id))}) s WHERE id <> ALL(${held}::uuid[]) ORDER BY id LIMIT 1`,
			);

		app.decorate("keep", {
			async preview(id, rule) {
				const [sum] = await prisma.$queryRaw<{ checkpoints: bigint; bytes: number }[]>`
					SELECT count(*) AS checkpoints, coalesce(sum(bytes), 0)::float8 AS bytes FROM (${superfluous(asked(rule), one(id))}) s`;
				return { checkpoints: Number(sum?.checkpoints), bytes: sum?.bytes ?? 0 };
			},
			async change(id, { checkpoints, runs }) {
				const data = { keepCheckpoints: checkpoints, keepRuns: runs };
				const { count } = await prisma.experiment.updateMany({ where: { id }, data });
				if (count === 0) throw new ApiError("not_found", "There is no experiment with this id.");
				return apply(id);
			},
			async afterRun(runId) {
				try {
					const run = await prisma.run.findUnique({ where: { id: runId }, select: { experimentId: true } });
					if (run) await apply(run.experimentId);
				} catch (err) {
					app.log.warn({ err, runId }, "superfluous checkpoints wait for the sweep");
				}
			},
			async sweep() {
				const left = await prisma.$queryRaw<{ experiment_id: string }[]>`
					SELECT DISTINCT experiment_id FROM (${superfluous(STORED, Prisma.sql`(e.keep_checkpoints <> 'best+last' OR e.keep_runs IS NOT NULL)`)}) s`;
				for (const { experiment_id } of left) await apply(experiment_id);
			},
		} satisfies Keep);
	},
	{ name: "keep", dependencies: ["prisma", "removals"] },
);

const ids = (rows: { id: string }[]) => rows.map(({ id }) => id);
