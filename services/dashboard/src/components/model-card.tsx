import { Anchor, Button, Group, Stack, Text } from "@mantine/core";
import { type ConfigField, type Model, plain } from "@valence/client";
import { Link } from "react-router";
import { boundsOf } from "../config-fields";
import { Capabilities } from "./capabilities";
import { DataTable } from "./data-table";
import { Panel } from "./facts";

const allowed = (schema: ConfigField) =>
	schema.enum?.map(plain).join(", ") ?? (schema.type === "boolean" ? "true, false" : boundsOf(schema));

/** What a model is and can do, where it comes from, what of it can be configured. */
export function ModelCard({ model }: { model: Model }) {
	const fields = Object.entries(model.configSchema.properties);
	return (
		<Panel title={model.title} actions={<Capabilities of={model.capabilities} />}>
			<Stack gap="xs">
				<Group justify="space-between" align="start">
					<div className="grows">
						<Text size="sm">{model.summary}</Text>
						<Text size="xs" c="dimmed">
							{/^https?:\/\//.test(model.paperUrl) ? (
								<Anchor size="xs" href={model.paperUrl} target="_blank" rel="noreferrer">
									{model.paper}
								</Anchor>
							) : (
								model.paper
							)}
						</Text>
					</div>
					<Button size="xs" variant="light" component={Link} to={`/experiments/new?model=${model.name}`}>
						Train {model.title}
					</Button>
				</Group>
				{fields.length > 0 && (
					<details>
						<summary>
							Configuration, {fields.length} {fields.length === 1 ? "field" : "fields"}
						</summary>
						<DataTable
							label={`Configuration of ${model.title}`}
							rows={fields}
							keyOf={([name]) => name}
							columns={[
								{ title: "Field", width: 200, cell: ([name]) => name },
								{ title: "Default", width: 90, cell: ([, schema]) => plain(schema.default) },
								{ title: "Allowed", width: 200, cell: ([, schema]) => allowed(schema) },
								{ title: "Meaning", cell: ([, schema]) => schema.description },
							]}
						/>
					</details>
				)}
			</Stack>
		</Panel>
	);
}
