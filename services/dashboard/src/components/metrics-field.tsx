import { MultiSelect, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { metricsProblem } from "../protocol";
import { useMetricDefinitions } from "../queries";

interface Props {
	value: string[];
	onChange: (names: string[]) => void;
	size?: "xs" | "sm";
	error?: ReactNode;
}

/** What is measured, each with its definition. */
export function MetricsField({ value, onChange, size, error }: Props) {
	const known = useMetricDefinitions();
	const named = (name: string) => known.find((one) => one.name === name);
	return (
		<MultiSelect
			label="Metrics"
			miw={200}
			data={known.map(({ name, title }) => ({ value: name, label: title }))}
			value={value}
			onChange={onChange}
			size={size}
			searchable
			hidePickedOptions
			maxDropdownHeight={420}
			nothingFoundMessage="No such metric"
			error={metricsProblem(value) ?? error}
			renderOption={({ option }) => (
				<div>
					<Text size="sm">{option.label}</Text>
					<Text size="xs" c="dimmed">
						{named(option.value)?.definition}
					</Text>
				</div>
			)}
		/>
	);
}
