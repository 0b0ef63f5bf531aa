// app.catalogue: the models and the metrics as the trainer reports them, and the validation of what is asked of them.
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import fp from "fastify-plugin";
import type { MetricDescription } from "../generated/proto/trainer/v1/measures.js";
import type { ListModelsResponse, Model } from "../generated/proto/trainer/v1/trainer.js";
import { RemoteError } from "../grpc.js";
import { ApiError, type Problem } from "../http/errors.js";
import { problemOf } from "../http/validation.js";
import type { DatasetSize } from "./trainer.js";

/** The catalogue changes only with a new trainer. */
const FRESH_MS = 30_000;

export interface CatalogueEntry extends Omit<Model, "configSchemaJson"> {
	configSchema: { properties: Record<string, { default?: unknown }> };
	validate: ValidateFunction;
}
export interface Catalogue {
	models(): Promise<CatalogueEntry[]>;
	system(): Promise<Pick<ListModelsResponse, "torchVersion" | "device" | "codeVersion">>;
	/** Throws unknown_model, pointing at the place in the request. */
	find(name: string, pointer: string): Promise<CatalogueEntry>;
	/** The whole configuration with defaults, or what is wrong with it. */
	resolve(
		model: CatalogueEntry,
		params: Record<string, unknown>,
		pointer: string,
	): { config: Record<string, unknown>; problems: Problem[] };
	/** Problems of resolved configurations that no schema can say: rules between two fields, and what is too large for a dataset of this size. */
	check(
		planned: { model: string; config: Record<string, unknown>; pointer: string }[],
		size?: DatasetSize,
	): Promise<Problem[]>;
	/** The names of the models with a capability. */
	able(capability: string): Promise<string[]>;
	/** In the order in which they are shown. */
	metrics(): Promise<MetricDescription[]>;
	/** Names of metrics in the order of the catalogue, so that one set is one protocol. Throws invalid_request for an unknown one. */
	inOrder(metrics: string[], pointer: string): Promise<string[]>;
}

declare module "fastify" {
	interface FastifyInstance {
		catalogue: Catalogue;
	}
}

export default fp(
	async (app) => {
		const load = remembered(async () => {
			const response = await app.trainer.listModels();
			const ajv = new Ajv2020({ strict: false, strictNumbers: true, allErrors: true });
			const entries = response.models.map(({ configSchemaJson, ...model }) => {
				const configSchema = JSON.parse(configSchemaJson);
				return { ...model, configSchema, validate: ajv.compile(configSchema) };
			});
			return { entries, response };
		});
		const metrics = remembered(() => app.trainer.listMetrics());

		app.decorate("catalogue", {
			models: async () => (await load()).entries,
			system: async () => (await load()).response,
			async find(name, pointer) {
				const { entries } = await load();
				const entry = entries.find((model) => model.name === name);
				if (entry) return entry;
				const message = `known models: ${entries.map((model) => model.name).join(", ")}`;
				throw new ApiError("unknown_model", `There is no model ${JSON.stringify(name)}; ${message}.`, [
					{ pointer, code: "unknown_model", message },
				]);
			},
			resolve(model, params, pointer) {
				const defaults = Object.entries(model.configSchema.properties).map(([name, field]) => [name, field.default]);
				const config = { ...Object.fromEntries(defaults), ...params };
				if (model.validate(config)) return { config, problems: [] };
				return { config, problems: (model.validate.errors ?? []).map((error) => problemOf(error, pointer)) };
			},
			async check(planned, size) {
				const configurations = planned.map(({ model, config }) => ({ model, configJson: JSON.stringify(config) }));
				try {
					const problems = await app.trainer.checkConfigurations(configurations, size);
					return problems.map(({ position, field, message }) => ({
						pointer: `${planned[position]?.pointer}/params${field && `/${field}`}`,
						code: "bad_configuration",
						message: `is refused: ${message}`,
					}));
				} catch (error) {
					if (!(error instanceof RemoteError) || !["unavailable", "timeout"].includes(error.code)) throw error;
					// A restarting trainer must not stop a launch: what it would refuse now, it refuses when the run starts.
					app.log.warn({ err: error }, "rules between fields are checked when the runs start");
					return [];
				}
			},
			async able(capability) {
				const { entries } = await load();
				return entries.filter(({ capabilities }) => capabilities.includes(capability)).map(({ name }) => name);
			},
			metrics,
			async inOrder(names, pointer) {
				const known = (await metrics()).map(({ name }) => name);
				const message = `is no metric; there are ${known.join(", ")}`;
				const unknown = names.flatMap((name, index) =>
					known.includes(name) ? [] : [{ pointer: `${pointer}/${index}`, code: "not_allowed", message }],
				);
				const [first] = unknown;
				if (first) throw new ApiError("invalid_request", `${first.pointer} ${message}.`, unknown);
				return known.filter((name) => names.includes(name));
			},
		} satisfies Catalogue);
	},
	{ name: "catalogue", dependencies: ["trainer"] },
);

/** Asked for again after a while. What the trainer said last is still true while it restarts. */
function remembered<T>(ask: () => Promise<T>): () => Promise<T> {
	let known: { at: number; value: T } | null = null;
	return async () => {
		if (known && Date.now() - known.at < FRESH_MS) return known.value;
		try {
			known = { at: Date.now(), value: await ask() };
		} catch (error) {
			if (!known) throw error;
		}
		return known.value;
	};
}
