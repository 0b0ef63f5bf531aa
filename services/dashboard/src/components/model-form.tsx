import { ActionIcon, Group, MultiSelect, SimpleGrid, Text, TextInput } from "@mantine/core";
import { TrashIcon } from "@radix-ui/react-icons";
import type { ConfigField, Model } from "@valence/client";
import { type ReactNode, useState } from "react";
import { boundsOf, fieldsOf } from "../config-fields";
import { plain } from "../format";
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
	/** What is known of its cost. */
	cost: string | null;
	problemOf: (field: string) => ReactNode;
}

/** One model of an experiment: its fields are those of its configuration schema. */
export function ModelForm({ catalogue, model, texts, onModel, onText, onRemove, cost, problemOf }: Props) {
	const { first, rest } = fieldsOf(model);
	const field = ([name, schema]: (typeof first)[number]) => (
		<Field
			key={name}
			name={name}
			schema={schema}
			text={texts[name] ?? ""}
			onText={(text) => onText(name, text)}
			problem={problemOf(name)}
		/>
	);
	return (
		<Panel
			title={model.title}
			actions={
				<Group gap="xs">
					<Capabilities of={model.capabilities} />
					{onRemove && (
						<ActionIcon variant="subtle" color="red" size="sm" aria-label={`Remove ${model.title}`} onClick={onRemove}>
							<TrashIcon width={16} height={16} />
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
					{first.length > 0
						? "Empty fields take the default shown. Several values, separated by commas, make a grid."
						: "There is nothing to choose."}
					{model.capabilities.includes("closed_form") && " It is solved at once and runs once, whatever the seeds."}
				</Text>
			</SimpleGrid>
			{cost && (
				<Text size="sm" mb="md" role="note">
					{cost}
				</Text>
			)}
			<SimpleGrid {...GRID}>{first.map(field)}</SimpleGrid>
			{rest.length > 0 && (
				<Rest
					count={rest.length}
					set={rest.filter(([name]) => (texts[name] ?? "") !== "").length}
					isWrong={rest.some(([name]) => Boolean(problemOf(name)))}
				>
					<SimpleGrid {...GRID} mt="xs">
						{rest.map(field)}
					</SimpleGrid>
				</Rest>
			)}
		</Panel>
	);
}

const GRID = { cols: { base: 1, sm: 2, lg: 3 }, spacing: "sm", verticalSpacing: "md" } as const;

interface RestProps {
	count: number;
	/** How many of them have a value. */
	set: number;
	/** Opens it: what is wrong must be seen. */
	isWrong: boolean;
	children: ReactNode;
}

function Rest({ count, set, isWrong, children }: RestProps) {
	const [opened, setOpened] = useState(false);
	return (
		<details className="more" open={opened || isWrong} onToggle={({ currentTarget }) => setOpened(currentTarget.open)}>
			<summary>
				{count} more {count === 1 ? "field" : "fields"}
				{set > 0 && `, ${set} set`}
			</summary>
			{children}
		</details>
	);
}

interface FieldProps {
	name: string;
	schema: ConfigField;
	text: string;
	onText: (text: string) => void;
	problem: ReactNode;
}

function Field({ name, schema, text, onText, problem }: FieldProps) {
	const bounds = schema.enum ? "" : boundsOf(schema);
	const options = schema.enum?.map(plain) ?? (schema.type === "boolean" ? ["true", "false"] : null);
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
