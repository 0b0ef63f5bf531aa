import { type FastifyPluginAsyncTypebox, Type } from "@fastify/type-provider-typebox";
import { listOf, problems } from "../http/schemas.js";

const Model = Type.Object(
	{
		name: Type.String(),
		title: Type.String(),
		paper: Type.String(),
		paperUrl: Type.String(),
		family: Type.String(),
		summary: Type.String(),
		capabilities: Type.Array(Type.String()),
		configSchema: Type.Unsafe<object>({
			type: "object",
			additionalProperties: true,
			description: "JSON Schema of the configuration.",
		}),
	},
	{ title: "Model" },
);

const routes: FastifyPluginAsyncTypebox = async (app) => {
	app.get(
		"/models",
		{
			schema: {
				operationId: "listModels",
				summary: "The catalogue of models with their configuration schemas",
				tags: ["models"],
				querystring: Type.Object({}, { additionalProperties: false }),
				response: { 200: listOf(Model), ...problems },
			},
		},
		async () => ({ items: (await app.catalogue.models()).map(({ validate: _validate, ...model }) => model) }),
	);
};
export default routes;
