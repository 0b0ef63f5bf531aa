// valence models: the catalogue, and one model with its fields.
import type { ConfigField, Model } from "@valence/client";
import { bold, dim, facts, say, table } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { wrongUsage } from "../failure.js";
import { remoteOptions, withService } from "../service.js";

export const models = (line: Argv) =>
	line.command(
		"models [model]",
		"List models, or show one with its fields",
		(yargs) =>
			remoteOptions(yargs)
				.positional("model", { type: "string", describe: "Its name" })
				.example("$0 models valid", "what --set can change"),
		(options) =>
			withService(options, async (api) => {
				const list = await api.get("/models");
				if (options.model === undefined) {
					const rows = list.items.map(({ name, title, family, capabilities }) => [
						name,
						title,
						family,
						capabilities.join(", "),
					]);
					table(["model", "title", "family", "can"], rows, { left: [0, 1, 2, 3] });
					return list;
				}
				const model = list.items.find(({ name }) => name === options.model);
				if (!model)
					throw wrongUsage(
						`there is no model ${options.model}; there are ${list.items.map(({ name }) => name).join(", ")}`,
					);
				sayModel(model);
				return model;
			}),
	);

function sayModel(model: Model): void {
	say(`  ${bold(model.title)} ${dim(model.paper)}\n\n  ${model.summary}\n`);
	facts([
		["family", model.family],
		["can", model.capabilities.join(", ") || "–"],
		["paper", model.paperUrl],
	]);
	const fields = Object.entries(model.configSchema.properties);
	if (fields.length === 0) {
		say("\n  It has no fields.");
		return;
	}
	say();
	table(
		["field", "default", "values", "meaning"],
		fields.map(([name, field]) => [
			name,
			JSON.stringify(field.default) ?? "–",
			boundsOf(field),
			field.description ?? "",
		]),
		{ left: [0, 2, 3] },
	);
}

function boundsOf(field: ConfigField): string {
	if (field.enum) return field.enum.map(String).join(", ");
	const low = field.minimum ?? field.exclusiveMinimum;
	const high = field.maximum ?? field.exclusiveMaximum;
	const from = low === undefined ? "" : `${field.minimum === undefined ? "above " : "from "}${low}`;
	const to = high === undefined ? "" : `${field.maximum === undefined ? "below " : "to "}${high}`;
	return [from, to].filter(Boolean).join(" ") || (field.type ?? "");
}
