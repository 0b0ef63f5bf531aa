import { ActionIcon, Group, MultiSelect, SimpleGrid, Text, TextInput } from "@mantine/core";
import { IconTrash } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { boundsOf } from "../config-fields";
import { plain } from "../format";
import type { FieldSchema, Model } from "../shapes";
import { Capabilities } from "./capabilities";
import { Panel } from "./facts";
import { ModelSelect } from "./model-select";

interface Props {
	catalogue: Model[];
	model: Model;
	texts: Record<string, string>;
	onModel: (name: string) => void;
	onText: (field: string, text: string) => void;
	onRemove: (() => void) | undefined;
	problemOf: (field: string) => ReactNode;
}

/** One model of an experiment: its fields are those of its configuration schema. */
export function ModelForm({ catalogue, model, texts, onModel, onText, onRemove, problemOf }: Props) {
	const fields = Object.entries(model.configSchema.properties ?? {});
	return (
		<Panel
			title={model.title}
			actions={
				<Group gap="xs">
					<Capabilities of={model.capabilities} />
					{onRemove && (
						<ActionIcon variant="subtle" color="red" size="sm" aria-label={`Remove ${model.title}`} onClick={onRemove}>
							<IconTrash size={16} />
						</ActionIcon>
					)}
				</Group>
			}
		>
			<SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} spacing="sm" mb="md">
				<ModelSelect models={catalogue} value={model.name} onChange={(name) => name && onModel(name)} />
				<Text size="sm" c="dimmed" pt={{ sm: 26 }}>
					{model.summary}
				</Text>
				<Text size="sm" c="dimmed" pt={{ lg: 26 }}>
					{fields.length > 0
						? "Empty fields take the default shown. Several values, separated by commas, make a grid."
						: "There is nothing to choose."}
				</Text>
			</SimpleGrid>
			<SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} spacing="sm" verticalSpacing="md">
				{fields.map(([field, schema]) => (
					<Field
						key={field}
						name={field}
						schema={schema}
						text={texts[field] ?? ""}
						onText={(text) => onText(field, text)}
						problem={problemOf(field)}
					/>
				))}
			</SimpleGrid>
		</Panel>
	);
}

interface FieldProps {
	name: string;
	schema: FieldSchema;
	text: string;
	onText: (text: string) => void;
	problem: ReactNode;
}

function Field({ name, schema, text, onText, problem }: FieldProps) {
	const bounds = schema.enum ? "" : boundsOf(schema);
	const options = schema.enum ?? (schema.type === "boolean" ? ["true", "false"] : null);
	const shared = {
		label: name,
		description: [schema.description, bounds && `(${bounds})`].filter(Boolean).join(" "),
		inputWrapperOrder: ["label" as const, "input" as const, "error" as const, "description" as const],
		error: problem,
	};
	return options ? (
		<MultiSelect
			{...shared}
			placeholder={text === "" ? plain(schema.default) : ""}
			data={options}
			value={text ? text.split(",") : []}
			onChange={(values) => onText(values.join(","))}
			clearable
		/>
	) : (
		<TextInput
			{...shared}
			placeholder={plain(schema.default)}
			value={text}
			onChange={(event) => onText(event.currentTarget.value)}
		/>
	);
}
