import { type FastifyPluginAsyncTypebox, Type } from "@fastify/type-provider-typebox";
import { KeepRequest, KeepView, OptionalKeep, ruleOf } from "../experiments/keep-rule.js";
import { ApiError } from "../http/errors.js";
import { IdParams, problems } from "../http/schemas.js";

const Amount = Type.Object({ checkpoints: Type.Integer(), bytes: Type.Integer() }, { title: "CheckpointsRemoved" });

const routes: FastifyPluginAsyncTypebox = async (app) => {
	const one = { tags: ["experiments"], params: IdParams };

	app.get(
		"/experiments/:id/keep",
		{
			config: { access: ["train"] },
			schema: {
				...one,
				operationId: "previewKeep",
				summary: "What a keep rule would remove at present",
				querystring: OptionalKeep,
				response: { 200: Type.Object({ keep: KeepView, removes: Amount }, { title: "KeepPreview" }), ...problems },
			},
		},
		async (request) => {
			const { id } = request.params;
			if ((await app.prisma.experiment.count({ where: { id } })) === 0) {
				throw new ApiError("not_found", "There is no experiment with this id.");
			}
			const keep = ruleOf(request.query);
			return { keep, removes: await app.keep.preview(id, keep) };
		},
	);

	app.put(
		"/experiments/:id/keep",
		{
			config: { access: ["train"] },
			schema: {
				...one,
				operationId: "setKeep",
				summary: "Which checkpoints of finished runs are kept; the others are removed at once",
				body: KeepRequest,
				response: { 200: Type.Object({ keep: KeepView, removed: Amount }, { title: "KeepChanged" }), ...problems },
			},
		},
		async (request) => {
			const keep = ruleOf(request.body);
			return { keep, removed: await app.keep.change(request.params.id, keep) };
		},
	);
};
export default routes;
