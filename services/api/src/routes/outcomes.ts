import { type FastifyPluginAsyncTypebox, type Static, Type } from "@fastify/type-provider-typebox";
import { ApiError } from "../http/errors.js";
import { DeploymentName, problems } from "../http/schemas.js";
import { type Cell, cellsOf, daysOf, grouped, outcomeOf } from "../outcomes/reading.js";
import { hourOf } from "../outcomes/sample.js";
import { KEPT_DAYS } from "../plugins/outcomes.js";
import { AT_ONE_MOMENT } from "../plugins/prisma.js";
import type { Tier } from "../serving/traffic.js";
import { OutcomesView, type Recording } from "../views/outcomes.js";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** What is taken is looked up one by one: hundreds of thousands take some seconds. */
const LONGEST_READ_MS = 30_000;
const TIERS: Tier[] = ["list", "live", "popular"];
const Query = Type.Object(
	{
		days: Type.Integer({ minimum: 1, maximum: KEPT_DAYS, default: KEPT_DAYS, description: "Up to today, UTC." }),
		withinHours: Type.Integer({
			minimum: 1,
			maximum: 24 * 7,
			default: 24,
			description: "How long after an answer what was done counts as its outcome.",
		}),
	},
	{ additionalProperties: false },
);

const routes: FastifyPluginAsyncTypebox = async (app) => {
	const { prisma } = app;

	/** Most answers first, with what is still known of each. */
	async function checkpointsOf(cells: Cell[]) {
		const groups = grouped(cells, ({ checkpoint }) => checkpoint);
		const query = {
			where: { id: { in: [...groups.keys()] } },
			include: { run: { select: { id: true, model: true } } },
		};
		const rows = await prisma.$transaction((tx) => tx.checkpoint.findMany(query), AT_ONE_MOMENT);
		const known = new Map(rows.map((row) => [row.id, row]));
		const all = [...groups].map(([id, own]) => {
			const { run, epoch = null } = known.get(id) ?? {};
			const checkpoint = { id, runId: run?.id ?? null, model: run?.model ?? null, epoch };
			return { checkpoint, ...outcomeOf(own), days: daysOf(own) };
		});
		return all.toSorted((a, b) => b.answers + b.open - (a.answers + a.open));
	}

	app.get(
		"/deployments/:name/outcomes",
		{
			config: { access: ["train"] },
			schema: {
				operationId: "getOutcomes",
				summary: "Whether people take what was recommended: by day, by checkpoint and by tier, with intervals",
				tags: ["deployments"],
				params: Type.Object({ name: DeploymentName }, { additionalProperties: false }),
				querystring: Query,
				response: { 200: OutcomesView, ...problems },
			},
		},
		async (request) => {
			const { name } = request.params;
			const { days, withinHours } = request.query;
			await app.outcomes.flush();
			const now = Date.now();
			const from = new Date(now - (now % DAY_MS) - (days - 1) * DAY_MS);
			const until = new Date(hourOf(now - withinHours * HOUR_MS));
			const row = await prisma.deployment.findUnique({ where: { name }, select: { feedId: true } });
			if (!row && (await prisma.deploymentHistory.count({ where: { deploymentName: name } })) === 0)
				throw new ApiError("not_found", "Nothing was ever deployed under this name.");
			const feed = row?.feedId ?? null;
			const { cells, unmatched } = await prisma.$transaction(
				(tx) => cellsOf(tx, { deployment: name, feed, from, until, withinHours }),
				{ ...AT_ONE_MOMENT, timeout: LONGEST_READ_MS },
			);
			const recording: Static<typeof Recording> = !app.config.outcomes.on ? "off" : feed === null ? "no_feed" : "on";
			const answered = cells.reduce((sum, cell) => sum + cell.answered, 0);
			const total = outcomeOf(cells);
			const byTier = grouped(cells, ({ tier }) => tier);
			return {
				deployment: name,
				recording,
				from: from.toISOString(),
				withinHours,
				answered,
				recordedShare: answered > 0 ? (total.answers + total.open) / answered : null,
				unmatched,
				total,
				days: daysOf(cells),
				checkpoints: await checkpointsOf(cells),
				tiers: TIERS.flatMap((tier) => {
					const own = byTier.get(tier);
					return own ? [{ tier, ...outcomeOf(own), days: daysOf(own) }] : [];
				}),
			};
		},
	);
};
export default routes;
