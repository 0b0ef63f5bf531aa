import {
	ActionIcon,
	Group,
	MultiSelect,
	NativeSelect,
	SegmentedControl,
	SimpleGrid,
	Text,
	TextInput,
} from "@mantine/core";
import { TrashIcon } from "@radix-ui/react-icons";
import { type ConfigField, type Model, plain } from "@valence/client";
import { type ReactNode, useState } from "react";
import { boundsOf, fieldsOf } from "../config-fields";
import type { Way } from "../model-choice";
import { optionsOf, type ParsedSearch, type SearchTexts, withDimension } from "../search-space";
import { Capabilities } from "./capabilities";
import { Panel } from "./facts";
import { ModelSelect } from "./model-select";
import { MaybeSearched, SearchSettings } from "./search-fields";

interface Effort {
	way: Way;
	search: SearchTexts;
	/** Of the search itself; those of its fields are told as those of others. */
	problems: ParsedSearch["own"];
	onWay: (way: Way) => void;
	onSearch: (next: SearchTexts) => void;
}

interface Props {
	catalogue: Model[];
	model: Model;
	texts: Record<string, string>;
	onModel: (name: string) => void;
	onText: (field: string, text: string) => void;
	onRemove: (() => void) | undefined;
	/** A field has one value: neither a grid nor a search is offered. */
	single?: boolean;
	/** How many of its configurations are trained, where that can be chosen. */
	effort?: Effort | undefined;
	/** That train each of its runs together, where that can be chosen. */
	processes?: { text: string; onText: (text: string) => void; problem: ReactNode };
	/** What is known of its cost. */
	cost: string | null;
	problemOf: (field: string) => ReactNode;
}

/** One model of an experiment: its fields are those of its configuration schema. */
export function ModelForm({
	catalogue,
	model,
	texts,
	onModel,
	onText,
	onRemove,
	single = false,
	effort,
	processes,
	cost,
	problemOf,
}: Props) {
	const { first, rest } = fieldsOf(model);
	const searched = effort?.way === "search" ? effort : null;
	const parallel = model.capabilities.includes("data_parallel") ? processes : undefined;
	const field = ([name, schema]: (typeof first)[number]) => {
		const one = (
			<Field
				key={name}
				name={name}
				schema={schema}
				text={texts[name] ?? ""}
				onText={(text) => onText(name, text)}
				problem={problemOf(name)}
				single={single || (effort !== undefined && effort.way !== "grid")}
			/>
		);
		if (!searched) return one;
		const { search, onSearch } = searched;
		return (
			<MaybeSearched
				key={name}
				name={name}
				schema={schema}
				texts={search.space[name]}
				onTexts={(dimension) => onSearch(withDimension(search, name, dimension))}
				problem={problemOf(name)}
				fixed={one}
			/>
		);
	};
	const isSet = ([name]: (typeof first)[number]) =>
		(texts[name] ?? "") !== "" || searched?.search.space[name] !== undefined;
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
						? `Empty fields take the default shown.${effort?.way === "grid" ? " Several values, separated by commas, make a grid." : ""}`
						: "There is nothing to choose."}
					{model.capabilities.includes("closed_form") && " It is solved at once and runs once, whatever the seeds."}
				</Text>
			</SimpleGrid>
			{effort && first.length > 0 && (
				<SegmentedControl
					size="xs"
					mb="md"
					aria-label={`How ${model.title} is trained`}
					data={WAYS}
					value={effort.way}
					onChange={(way) => effort.onWay(way as Way)}
				/>
			)}
			{searched && (
				<SearchSettings
					search={searched.search}
					onChange={searched.onSearch}
					problems={searched.problems}
					isClosedForm={model.capabilities.includes("closed_form")}
				/>
			)}
			{cost && (
				<Text size="sm" mb="md" role="note">
					{cost}
				</Text>
			)}
			<SimpleGrid {...GRID}>{first.map(field)}</SimpleGrid>
			{(rest.length > 0 || parallel) && (
				<Rest
					count={rest.length + (parallel ? 1 : 0)}
					set={rest.filter(isSet).length + (parallel && parallel.text !== "1" ? 1 : 0)}
					isWrong={rest.some(([name]) => Boolean(problemOf(name))) || Boolean(parallel?.problem)}
				>
					<SimpleGrid {...GRID} mt="xs">
						{rest.map(field)}
						{parallel && (
							<NativeSelect
								label="processes"
								description="How many processes of one machine train each run together, with a GPU each or sharing its cores."
								inputWrapperOrder={["label", "input", "error", "description"]}
								data={PROCESSES}
								value={parallel.text}
								onChange={(event) => parallel.onText(event.currentTarget.value)}
								error={parallel.problem}
							/>
						)}
					</SimpleGrid>
				</Rest>
			)}
		</Panel>
	);
}

const WAYS = [
	{ value: "setting", label: "One setting" },
	{ value: "grid", label: "Grid" },
	{ value: "search", label: "Search" },
];
const PROCESSES = Array.from({ length: 16 }, (_, index) => String(index + 1));
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
	single: boolean;
}

function Field({ name, schema, text, onText, problem, single }: FieldProps) {
	const bounds = schema.enum ? "" : boundsOf(schema);
	const options = optionsOf(schema);
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
			{...(single && { maxValues: 1 })}
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
