import { Checkbox, Group, MultiSelect, NativeSelect, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import type { ConfigField } from "@valence/client";
import type { ReactNode } from "react";
import { boundsOf } from "../config-fields";
import {
	type DimensionTexts,
	isNumeric,
	optionsOf,
	type ParsedSearch,
	type SearchTexts,
	suggestedDimension,
} from "../search-space";

interface SettingsProps {
	search: SearchTexts;
	onChange: (next: SearchTexts) => void;
	problems: ParsedSearch["own"];
	/** It has no epochs to stop early at. */
	isClosedForm: boolean;
}

/** How many configurations are tried, and how they are chosen. */
export const SearchSettings = ({ search, onChange, problems, isClosedForm }: SettingsProps) => (
	<Stack gap={4} mb="md">
		<SimpleGrid cols={{ base: 1, xs: 2, lg: 4 }} spacing="sm" verticalSpacing="xs">
			<TextInput
				label="Trials"
				description="Configurations to try, a run each"
				inputMode="numeric"
				value={search.trials}
				onChange={(event) => onChange({ ...search, trials: event.currentTarget.value })}
				error={problems.trials}
			/>
			<NativeSelect
				label="Strategy"
				description="How the next one is chosen"
				data={[
					{ value: "tpe", label: "near what did well (TPE)" },
					{ value: "random", label: "at random" },
				]}
				value={search.strategy}
				onChange={(event) =>
					onChange({ ...search, strategy: event.currentTarget.value === "random" ? "random" : "tpe" })
				}
			/>
			<NativeSelect
				label="Pruning"
				description={isClosedForm ? "It is solved at once" : "Whether trials may end early"}
				data={[
					{ value: "", label: "all go to their end" },
					{ value: "halving", label: "stop those that fall behind" },
				]}
				value={search.isPruned && !isClosedForm ? "halving" : ""}
				disabled={isClosedForm}
				onChange={(event) => onChange({ ...search, isPruned: event.currentTarget.value === "halving" })}
			/>
			<TextInput
				label="Seed of the search"
				description="Of what is drawn"
				inputMode="numeric"
				value={search.seed}
				onChange={(event) => onChange({ ...search, seed: event.currentTarget.value })}
				error={problems.seed}
			/>
		</SimpleGrid>
		<Text size="xs" c={problems.space ? "red" : "dimmed"}>
			{problems.space
				? `What is searched ${problems.space}.`
				: "Chosen by validation alone. Every trial has the first of the seeds."}
		</Text>
	</Stack>
);

interface FieldProps {
	name: string;
	schema: ConfigField;
	/** Undefined: it has one value. */
	texts: DimensionTexts | undefined;
	onTexts: (next: DimensionTexts | undefined) => void;
	problem: ReactNode;
	/** The field where it has one value. */
	fixed: ReactNode;
}

/** A field of a model that is searched: what may be searched of it, or its one value. */
export const MaybeSearched = ({ name, schema, texts, onTexts, problem, fixed }: FieldProps) => (
	<Stack gap={6} role="group" aria-label={name}>
		{texts ? <Searched {...{ name, schema, texts, onTexts, problem }} /> : fixed}
		<Checkbox
			size="xs"
			label={`Search ${name}`}
			checked={texts !== undefined}
			onChange={(event) => onTexts(event.currentTarget.checked ? suggestedDimension(schema) : undefined)}
		/>
	</Stack>
);

type SearchedProps = Omit<FieldProps, "fixed" | "texts"> & { texts: DimensionTexts };

function Searched({ name, schema, texts, onTexts, problem }: SearchedProps) {
	const change = (next: Partial<DimensionTexts>) => onTexts({ ...texts, ...next });
	const bounds = schema.enum ? "" : boundsOf(schema);
	return (
		<>
			<Group justify="space-between" gap="xs" wrap="nowrap" mih={22}>
				<Text size="sm" fw={600}>
					{name}
				</Text>
				{isNumeric(schema) && (
					<NativeSelect
						size="xs"
						variant="unstyled"
						aria-label={`${name}: what is tried`}
						data={[
							{ value: "range", label: "a range" },
							{ value: "values", label: "some values" },
						]}
						value={texts.kind}
						onChange={(event) => change({ kind: event.currentTarget.value === "values" ? "values" : "range" })}
					/>
				)}
			</Group>
			{texts.kind === "range" ? (
				<RangeFields name={name} texts={texts} onChange={change} isWrong={Boolean(problem)} />
			) : (
				<ValueFields name={name} schema={schema} texts={texts} onChange={change} isWrong={Boolean(problem)} />
			)}
			{problem && (
				<Text size="xs" c="red">
					{problem}
				</Text>
			)}
			<Text size="xs" c="dimmed">
				{[schema.description, bounds && `(${bounds})`].filter(Boolean).join(" ")}
			</Text>
		</>
	);
}

interface PartProps {
	name: string;
	texts: DimensionTexts;
	onChange: (next: Partial<DimensionTexts>) => void;
	isWrong: boolean;
}

const RangeFields = ({ name, texts, onChange, isWrong }: PartProps) => (
	<>
		<SimpleGrid cols={3} spacing={6}>
			{(["low", "high", "step"] as const).map((part) => (
				<TextInput
					key={part}
					aria-label={`${name} ${PARTS[part]}`}
					placeholder={part === "step" ? (texts.isLog ? "no step" : "any") : ""}
					leftSection={
						<Text size="xs" c="dimmed">
							{PARTS[part]}
						</Text>
					}
					leftSectionWidth={40}
					leftSectionPointerEvents="none"
					disabled={part === "step" && texts.isLog}
					value={part === "step" && texts.isLog ? "" : texts[part]}
					onChange={(event) => onChange({ [part]: event.currentTarget.value })}
					error={isWrong && part !== "step"}
				/>
			))}
		</SimpleGrid>
		<Checkbox
			size="xs"
			label="Even factors (log scale)"
			aria-label={`${name} on a log scale`}
			checked={texts.isLog}
			onChange={(event) => onChange({ isLog: event.currentTarget.checked })}
		/>
	</>
);
const PARTS = { low: "from", high: "to", step: "by" } as const;

function ValueFields({ name, schema, texts, onChange, isWrong }: PartProps & { schema: ConfigField }) {
	const options = optionsOf(schema);
	return options ? (
		<MultiSelect
			aria-label={`${name} values`}
			data={options}
			value={texts.values ? texts.values.split(",") : []}
			onChange={(values) => onChange({ values: values.join(",") })}
			error={isWrong}
		/>
	) : (
		<TextInput
			aria-label={`${name} values`}
			placeholder="2, 4, 8"
			value={texts.values}
			onChange={(event) => onChange({ values: event.currentTarget.value })}
			error={isWrong}
		/>
	);
}
