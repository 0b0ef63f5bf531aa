import { type FastifyPluginAsyncTypebox, Type } from "@fastify/type-provider-typebox";
import { listOf, problems } from "../http/schemas.js";

const Bound = Type.Optional(Type.Number());
/** What forms and tables ask of a field; whatever else JSON Schema says of it passes as the model wrote it. */
const ConfigField = Type.Object(
	{
		type: Type.Optional(Type.String({ description: "Of its value: integer, number, boolean or string." })),
		description: Type.Optional(Type.String()),
		default: Type.Optional(Type.Unknown()),
		enum: Type.Optional(Type.Array(Type.Unknown(), { description: "All values that it takes." })),
		minimum: Bound,
		maximum: Bound,
		exclusiveMinimum: Bound,
		exclusiveMaximum: Bound,
	},
	{
		title: "ConfigField",
		description: "A field of a model's configuration, in JSON Schema.",
		additionalProperties: true,
	},
);
const ConfigSchema = Type.Object(
	{
		properties: Type.Record(Type.String(), ConfigField),
		"x-first": Type.Optional(
			Type.Array(Type.String(), {
				description: "Fields worth choosing before all others, in the order to ask for them; without it all are.",
			}),
		),
	},
	{ title: "ConfigSchema", description: "JSON Schema of the configuration.", additionalProperties: true },
);
const Model = Type.Object(
	{
		name: Type.String(),
		title: Type.String(),
		paper: Type.String(),
		paperUrl: Type.String(),
		family: Type.String(),
		summary: Type.String(),
		capabilities: Type.Array(Type.String()),
		configSchema: ConfigSchema,
	},
	{ title: "Model" },
);

const routes: FastifyPluginAsyncTypebox = async (app) => {
	app.get(
		"/models",
		{
			config: { access: "any" },
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
