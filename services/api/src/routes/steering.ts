import { type FastifyPluginAsyncTypebox, type Static, Type } from "@fastify/type-provider-typebox";
import { ApiError, type Problem } from "../http/errors.js";
import { Id, Nullable, problems, Time } from "../http/schemas.js";
import { historyOf } from "../plugins/live.js";
import { violatesForeignKey } from "../plugins/prisma.js";
import type { Kept, KeptInterest } from "../plugins/steering.js";
import { movedOf } from "../serving/known.js";
import { place, vocabularyOf } from "../serving/place.js";
import { titledId } from "../serving/recommend.js";
import { Item, source, Weights } from "../views/recommendation.js";

/** History items that describe an interest; more would only be more of the same. */
const MOST_DESCRIBING = 20;
const Params = Type.Object({ id: Id }, { additionalProperties: false });
const Query = Type.Object({ deployment: source.deployment }, { additionalProperties: false });
const View = Type.Object(
	{
		deployment: Type.String(),
		user: Type.String(),
		steer: Type.Array(
			Type.Object(
				{ interest: Nullable(Type.Integer()), weight: Type.Number(), items: Type.Array(Item) },
				{ title: "KeptWeight" },
			),
			{
				description:
					"Each with the history items that describe it. `interest` counts in the present checkpoint; null: dropped, for none of its interests is described by them.",
			},
		),
		until: Nullable(Time),
		updatedAt: Time,
	},
	{ title: "KeptSteering" },
);

const routes: FastifyPluginAsyncTypebox = async (app) => {
	const { prisma } = app;
	const shared = { tags: ["recommendations"], params: Params, querystring: Query };
	const nothing = () => new ApiError("not_found", "No steering is kept for this person.");

	async function view({ deployment, user, until, updatedAt }: Kept): Promise<Static<typeof View>> {
		const found = await place(app, { deployment });
		const vocabulary = await vocabularyOf(app, found);
		const applied = found.deployed && (await app.steering.of(found.deployed, user));
		if (!applied) throw nothing();
		const shown = (interest: number | null, { weight, items }: KeptInterest) => ({
			interest,
			weight,
			items: items.map((id) => titledId(vocabulary, id)),
		});
		return {
			deployment,
			user,
			steer: [
				...applied.weights.map((one) => shown(one.interest, one)),
				...applied.dropped.map((one) => shown(null, one)),
			],
			until: until?.toISOString() ?? null,
			updatedAt: updatedAt.toISOString(),
		};
	}

	/** The interests with what describes them. Throws when the model has none, or not these. */
	async function described(steer: Static<typeof Weights>, user: string, deployment: string) {
		const asked = await place(app, { deployment });
		const { ref, answered, datasetId, sources, deployed } = asked;
		const erased = app.erasures.of(sources, user);
		const moved = await movedOf(app, deployed, await vocabularyOf(app, asked), user, erased);
		const { interests } = await app.recommender.describeInterests({
			checkpoint: ref,
			who: { $case: "user", value: user },
			n: 1,
			excludeSeen: true,
			...historyOf(deployed, moved, erased),
		});
		if (interests.length === 0) {
			const able = (await app.catalogue.able("interests")).join(", ") || "none";
			throw new ApiError(
				"steering_unsupported",
				`${answered.model} has no interests to steer by; these models have: ${able}.`,
			);
		}
		const wrong = (index: number, message: string): Problem => ({
			pointer: `/steer/${index}/interest`,
			code: "not_allowed",
			message,
		});
		const found: KeptInterest[] = [];
		for (const [index, { interest, weight }] of steer.entries()) {
			const known = interests.find((one) => one.index === interest);
			const twice = found.some((one) => one.interest === interest);
			if (!known || twice) {
				const message = twice ? "is named twice" : `must be from 0 to ${interests.length - 1}`;
				throw new ApiError("invalid_request", `/steer/${index}/interest ${message}.`, [wrong(index, message)]);
			}
			found.push({ interest, weight, items: known.formedBy.slice(0, MOST_DESCRIBING).map(({ id }) => id) });
		}
		const weights = interests.map(({ index }) => found.find((one) => one.interest === index)?.weight ?? 1);
		if (weights.every((weight) => weight === 0)) {
			throw new ApiError("all_muted", "All interests are muted; leave at least one above 0.", [
				{ pointer: "/steer", code: "all_muted", message: "mutes every interest" },
			]);
		}
		return { interests: found, checkpointId: answered.id, datasetId };
	}

	app.put(
		"/users/:id/steering",
		{
			config: { access: ["serve"], audit: "counted" },
			schema: {
				...shared,
				operationId: "keepSteering",
				summary: "Keep a person's steering: it holds in every answer of the deployment, also of later checkpoints",
				body: Type.Object(
					{
						steer: { ...Weights, minItems: 1 } as typeof Weights,
						until: Type.Optional(
							Type.Unsafe<string | null>({
								type: ["string", "null"],
								format: "date-time",
								description: "ISO 8601, in the future; null: until undone.",
							}),
						),
					},
					{ title: "NewSteering", additionalProperties: false },
				),
				response: { 200: View, ...problems },
			},
		},
		async (request) => {
			const { id: user } = request.params;
			const { deployment: deploymentName } = request.query;
			const { steer, until: text = null } = request.body;
			const until = text === null ? null : new Date(text);
			if (until && until <= new Date()) {
				const message = "must lie in the future";
				throw new ApiError("invalid_request", `/until ${message}.`, [
					{ pointer: "/until", code: "out_of_range", message },
				]);
			}
			const { interests, checkpointId, datasetId } = await described(steer, user, deploymentName);
			const data = { interests: interests as object[], checkpointId, datasetId, until, updatedAt: new Date() };
			await prisma
				.$transaction(async (tx) => {
					const where = { deploymentName_user: { deploymentName, user } };
					await tx.steering.upsert({ where, create: { deploymentName, user, ...data }, update: data });
					await app.steering.announce(tx, deploymentName, user);
				})
				.catch((error) => {
					if (!violatesForeignKey(error)) throw error;
					throw new ApiError("nothing_deployed", `Nothing is deployed as ${deploymentName} any more.`);
				});
			await app.steering.refresh(deploymentName, user);
			const kept = app.steering.get(deploymentName, user);
			if (!kept) throw nothing();
			return view(kept);
		},
	);

	app.get(
		"/users/:id/steering",
		{
			config: { access: ["serve", "train"] },
			schema: {
				...shared,
				operationId: "getSteering",
				summary: "A person's kept steering",
				response: { 200: View, ...problems },
			},
		},
		async (request) => {
			const kept = app.steering.get(request.query.deployment, request.params.id);
			if (!kept) throw nothing();
			return view(kept);
		},
	);

	app.delete(
		"/users/:id/steering",
		{
			config: { access: ["serve"], audit: "counted" },
			schema: {
				...shared,
				operationId: "deleteSteering",
				summary: "Undo a person's kept steering",
				response: { 204: Type.Null(), ...problems },
			},
		},
		async (request, reply) => {
			const { id: user } = request.params;
			const { deployment: deploymentName } = request.query;
			await prisma.$transaction(async (tx) => {
				const { count } = await tx.steering.deleteMany({ where: { deploymentName, user } });
				if (count === 0) throw nothing();
				await app.steering.announce(tx, deploymentName, user);
			});
			await app.steering.refresh(deploymentName, user);
			return reply.code(204).send(null);
		},
	);
};
export default routes;
