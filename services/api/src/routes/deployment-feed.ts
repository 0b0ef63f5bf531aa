import { type FastifyPluginAsyncTypebox, Type } from "@fastify/type-provider-typebox";
import { ApiError } from "../http/errors.js";
import { DeploymentName, FeedName, problems } from "../http/schemas.js";
import { violatesForeignKey } from "../plugins/prisma.js";

const Feed = Type.Object(
	{
		feed: Type.Unsafe<string | null>({
			...FeedName,
			type: ["string", "null"],
			description: "The feed whose rows since the dataset join people's histories; null takes it away.",
		}),
	},
	{ title: "DeploymentFeed", additionalProperties: false },
);
const unknown = [{ pointer: "/feed", code: "not_allowed", message: "is not known" }];

const routes: FastifyPluginAsyncTypebox = async (app) => {
	const { prisma } = app;

	app.put(
		"/deployments/:name/feed",
		{
			config: { access: ["train"] },
			schema: {
				operationId: "setFeed",
				summary: "Serve what is served with a feed, with another one or with none",
				tags: ["deployments"],
				params: Type.Object({ name: DeploymentName }, { additionalProperties: false }),
				body: Feed,
				response: { 200: Feed, ...problems },
			},
		},
		async (request) => {
			const { name } = request.params;
			const { feed: feedName } = request.body;
			const feed = feedName === null ? null : await prisma.feed.findUnique({ where: { name: feedName } });
			if (feedName !== null && !feed)
				throw new ApiError("not_found", "There is no feed with this name; GET /feeds lists them.", unknown);
			await prisma
				.$transaction(async (tx) => {
					const { count } = await tx.deployment.updateMany({ where: { name }, data: { feedId: feed?.id ?? null } });
					if (count === 0) throw new ApiError("not_found", "There is no deployment with this name.");
					await app.deployments.announce(tx, name);
				})
				.catch((error) => {
					if (!violatesForeignKey(error)) throw error;
					throw new ApiError("conflict", "The feed has just been deleted.", unknown);
				});
			await app.deployments.refresh();
			const deployed = app.deployments.get(name);
			if (deployed) await app.live.ready(deployed);
			return { feed: feedName };
		},
	);
};
export default routes;
