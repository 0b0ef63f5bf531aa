// The fields of a model's configuration, as its JSON schema tells them.
import type { Model } from "@valence/client";

export interface Field {
	type?: string;
	default?: unknown;
	description?: string;
	minimum?: number;
	maximum?: number;
	exclusiveMinimum?: number;
	exclusiveMaximum?: number;
	enum?: unknown[];
}

export const fieldsOf = (model: Pick<Model, "configSchema">): Record<string, Field> =>
	(model.configSchema as { properties?: Record<string, Field> }).properties ?? {};
