import { MultiSelect, Select, SimpleGrid } from "@mantine/core";
import { useState } from "react";
import { MOST_LINES } from "../colours";
import { labelOf, tellingFields } from "../config-fields";
import { useExperiment, useExperiments } from "../queries";

interface Props {
	ids: string[];
	setIds: (ids: string[]) => void;
}

/** Chooses runs of one experiment after another. */
export function RunPicker({ ids, setIds }: Props) {
	const [experimentId, setExperimentId] = useState<string | null>(null);
	const experiments = useExperiments(new URLSearchParams({ limit: "200" }));
	return (
		<SimpleGrid cols={{ base: 1, sm: 2 }}>
			<Select
				label="Experiment"
				placeholder="choose one"
				searchable
				data={(experiments.data?.items ?? []).map(({ id, name, dataset }) => ({
					value: id,
					label: `${name} (${dataset.name})`,
				}))}
				value={experimentId}
				onChange={setExperimentId}
			/>
			{experimentId ? (
				<RunsOf key={experimentId} experimentId={experimentId} ids={ids} setIds={setIds} />
			) : (
				<MultiSelect label="Its runs" placeholder="choose an experiment first" disabled />
			)}
		</SimpleGrid>
	);
}

function RunsOf({ experimentId, ids, setIds }: Props & { experimentId: string }) {
	const runs = useExperiment(experimentId).data?.runs ?? [];
	const telling = tellingFields(runs);
	const own = runs.map(({ id }) => id);
	const others = ids.filter((id) => !own.includes(id));
	return (
		<MultiSelect
			label="Its runs"
			placeholder="choose runs"
			searchable
			clearable
			limit={200}
			maxValues={MOST_LINES - others.length}
			data={runs.map((run) => ({ value: run.id, label: labelOf(run, telling) }))}
			value={ids.filter((id) => own.includes(id))}
			onChange={(chosen) => setIds([...others, ...chosen])}
		/>
	);
}
