import { type FastifyPluginAsyncTypebox, Type } from "@fastify/type-provider-typebox";
import { listOf, problems } from "../http/schemas.js";
import { betterOf, MetricDefinition } from "../views/measures.js";

const routes: FastifyPluginAsyncTypebox = async (app) => {
	app.get(
		"/metric-definitions",
		{
			config: { access: "any" },
			schema: {
				operationId: "listMetricDefinitions",
				summary: "What can be measured, each with its definition",
				tags: ["models"],
				querystring: Type.Object({}, { additionalProperties: false }),
				response: { 200: listOf(MetricDefinition), ...problems },
			},
		},
		async () => ({
			items: (await app.catalogue.metrics()).map(({ better, ...metric }) => ({ ...metric, better: betterOf(better) })),
		}),
	);
};
export default routes;
