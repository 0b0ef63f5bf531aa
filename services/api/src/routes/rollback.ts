import { type FastifyPluginAsyncTypebox, Type } from "@fastify/type-provider-typebox";
import type { Prisma } from "../generated/prisma/client.js";
import { ApiError } from "../http/errors.js";
import { DeploymentName, problems, UuidOf } from "../http/schemas.js";
import type { Transaction } from "../plugins/prisma.js";
import { deploy, earlierCheckpoint, servable } from "../serving/switch.js";
import { DeploymentView, deploymentOf, noDeployment, Reason } from "../views/deployment.js";

const Params = Type.Object({ name: DeploymentName }, { additionalProperties: false });

const routes: FastifyPluginAsyncTypebox = async (app) => {
	const { prisma } = app;

	app.post(
		"/deployments/:name/rollback",
		{
			config: { access: ["train"] },
			schema: {
				operationId: "rollBack",
				summary: "Serve again what was served before; switched once the recommender has loaded and warmed it",
				tags: ["deployments"],
				params: Params,
				body: Type.Object(
					{
						to: Type.Optional(
							UuidOf("A checkpoint of its history; unless given, the newest that is another than now and still there."),
						),
						reason: Type.Optional(Reason),
					},
					{ title: "NewRollback", additionalProperties: false },
				),
				response: { 200: DeploymentView, ...problems },
			},
		},
		async (request) => {
			const { name } = request.params;
			const { to, reason = null } = request.body;
			const served = await prisma.deployment.findUnique({ where: { name }, select: { checkpointId: true } });
			if (!served) throw noDeployment();
			const wrong = (code: "not_found" | "conflict", message: string, problem: string) =>
				new ApiError(code, message, [{ pointer: "/to", code: "not_allowed", message: problem }]);
			const was = { deploymentName: name, checkpointId: to ?? null };
			if (to && (await prisma.deploymentHistory.count({ where: was })) === 0)
				throw wrong("not_found", "It has never served this checkpoint, or it is deleted.", "is not in its history");
			if (to === served.checkpointId) throw wrong("conflict", "It serves this checkpoint already.", "is served");
			const id = to ?? (await earlierCheckpoint(prisma, name));
			const checkpoint = id ? await servable(app, id, "/to") : null;
			if (!checkpoint)
				throw new ApiError("conflict", "Nothing else that it has served is still there; deploy a checkpoint instead.");
			const stays = async (tx: Transaction) => {
				const { count } = await tx.deployment.updateMany({
					where: { name, checkpointId: served.checkpointId },
					data: { checkpointId: checkpoint.id },
				});
				if (count === 0) throw new ApiError("conflict", "Something else has just been deployed there.");
			};
			const made = await prisma.deploymentHistory.findFirst({
				where: { deploymentName: name, checkpointId: checkpoint.id, cause: "refresh" },
				orderBy: { id: "desc" },
			});
			const refresh = made?.refreshId && { id: made.refreshId, numbers: made.numbers as Prisma.InputJsonObject };
			const why = { by: request.by, cause: "rollback" as const, reason, ...(refresh && { refresh }) };
			await deploy(app, name, checkpoint, why, {}, "/to", stays);
			return deploymentOf(app, name);
		},
	);
};
export default routes;
