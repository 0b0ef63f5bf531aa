import { type FastifyPluginAsyncTypebox, Type } from "@fastify/type-provider-typebox";
import { after, newestFirst, pageOf } from "../http/cursor.js";
import { page, pageQuery, problems, Text, UuidOf } from "../http/schemas.js";
import { AT_ONE_MOMENT } from "../plugins/prisma.js";
import { CheckpointView, checkpointInclude, checkpointView } from "../views/run.js";

const routes: FastifyPluginAsyncTypebox = async (app) => {
	app.get(
		"/checkpoints",
		{
			config: { access: ["train"] },
			schema: {
				operationId: "listCheckpoints",
				summary: "Checkpoints, newest first",
				tags: ["checkpoints"],
				querystring: pageQuery({
					run: Type.Optional(UuidOf("Only of this run.")),
					model: Type.Optional(Text(100, "Only of this model.")),
				}),
				response: { 200: page(CheckpointView), ...problems },
			},
		},
		async (request) => {
			const { limit, cursor, run, model } = request.query;
			const query = {
				where: { ...after(cursor), ...(run && { runId: run }), ...(model && { run: { model } }) },
				include: checkpointInclude,
				orderBy: [...newestFirst],
				take: limit + 1,
			};
			const rows = await app.prisma.$transaction((tx) => tx.checkpoint.findMany(query), AT_ONE_MOMENT);
			return pageOf(rows, limit, checkpointView);
		},
	);
};
export default routes;
