import { Select, SimpleGrid, TagsInput, TextInput } from "@mantine/core";
import type { ReactNode } from "react";
import { cutoffProblem, MASKS, protocolSentence, type Shared, seedProblem } from "../protocol";
import { useMetricDefinitions } from "../queries";
import { MetricsField } from "./metrics-field";

interface Props {
	shared: Shared;
	onChange: (next: Partial<Shared>) => void;
	datasets: { value: string; label: string }[];
	/** What the service said of the field at a pointer. */
	refused: (pointer: string) => ReactNode;
}

/** What all runs share; how they are measured is folded, since numbers compare only under the usual rule. */
export const ProtocolFields = ({ shared, onChange, datasets, refused }: Props) => (
	<>
		<SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} spacing="sm">
			<Select
				label="Dataset"
				data={datasets}
				value={shared.dataset}
				onChange={(dataset) => onChange({ dataset })}
				allowDeselect={false}
				searchable
				error={refused("/dataset")}
			/>
			<TagsInput
				label="Seeds"
				placeholder="one run for each"
				value={shared.seeds}
				onChange={(seeds) => onChange({ seeds })}
				error={seedProblem(shared.seeds) ?? refused("/seeds")}
			/>
			<TextInput
				label="Name"
				placeholder="made from models and dataset"
				value={shared.name}
				maxLength={200}
				onChange={(event) => onChange({ name: event.currentTarget.value })}
				error={refused("/name")}
			/>
		</SimpleGrid>
		<details className="more">
			<summary>How runs are measured: {protocolSentence(shared, useMetricDefinitions())}</summary>
			<SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} spacing="sm" mt="xs">
				<MetricsField
					value={shared.metrics}
					onChange={(metrics) => onChange({ metrics })}
					error={refused("/protocol/metrics")}
				/>
				<TagsInput
					label="Cut-offs"
					value={shared.cutoffs}
					onChange={(cutoffs) => onChange({ cutoffs })}
					error={cutoffProblem(shared.cutoffs) ?? refused("/protocol/cutoffs")}
				/>
				<Select
					label="Masked at test"
					data={MASKS}
					value={shared.maskTest}
					onChange={(maskTest) => onChange({ maskTest: maskTest ?? "train" })}
					allowDeselect={false}
					error={refused("/protocol/maskTest")}
				/>
			</SimpleGrid>
		</details>
	</>
);
