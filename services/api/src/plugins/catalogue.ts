// app.catalogue: the models as the trainer reports them, and the validation of their configurations.
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import fp from "fastify-plugin";
import type { ListModelsResponse, Model } from "../generated/proto/trainer/v1/trainer.js";
import { RemoteError } from "../grpc.js";
import { ApiError, type Problem } from "../http/errors.js";
import { problemOf } from "../http/validation.js";

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
	/** Problems of resolved configurations that no schema can say: rules between two fields. */
	check(planned: { model: string; config: Record<string, unknown>; pointer: string }[]): Promise<Problem[]>;
}

declare module "fastify" {
	interface FastifyInstance {
		catalogue: Catalogue;
	}
}

export default fp(
	async (app) => {
		let known: { at: number; entries: CatalogueEntry[]; response: ListModelsResponse } | null = null;

		async function load() {
			if (known && Date.now() - known.at < FRESH_MS) return known;
			try {
				const response = await app.trainer.listModels();
				const ajv = new Ajv2020({ strict: false, strictNumbers: true, allErrors: true });
				const entries = response.models.map(({ configSchemaJson, ...model }) => {
					const configSchema = JSON.parse(configSchemaJson);
					return { ...model, configSchema, validate: ajv.compile(configSchema) };
				});
				known = { at: Date.now(), entries, response };
			} catch (error) {
				// What the trainer said last is still true while it restarts.
				if (!known) throw error;
			}
			return known;
		}

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
			async check(planned) {
				const configurations = planned.map(({ model, config }) => ({ model, configJson: JSON.stringify(config) }));
				try {
					const problems = await app.trainer.checkConfigurations(configurations);
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
		} satisfies Catalogue);
	},
	{ name: "catalogue", dependencies: ["trainer"] },
);
