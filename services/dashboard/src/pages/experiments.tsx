import { Anchor, Button, Code, Group, Select, Stack } from "@mantine/core";
import { PlusIcon } from "@radix-ui/react-icons";
import { Link, useSearchParams } from "react-router";
import { DataTable } from "../components/data-table";
import { EXPERIMENT_COLUMNS } from "../components/experiment-columns";
import { EmptyState, Loaded } from "../components/feedback";
import { ModelSelect } from "../components/model-select";
import { PageHeader } from "../components/page-header";
import { useDatasets, useExperiments, useModels } from "../queries";

const STATES = ["QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"];

export function ExperimentsPage() {
	const [filter, setFilter] = useSearchParams();
	const experiments = useExperiments(filter);
	const datasets = useDatasets();
	const models = useModels();
	const filtered = ["state", "dataset", "model"].some((name) => filter.has(name));
	const choose = (name: string) => (value: string | null) => {
		const next = new URLSearchParams(filter);
		next.delete("cursor");
		if (value) next.set(name, value);
		else next.delete(name);
		setFilter(next);
	};
	const select = (name: string, label: string, data: { value: string; label: string }[]) => (
		<Select
			aria-label={label}
			placeholder={label}
			data={data}
			value={filter.get(name)}
			onChange={choose(name)}
			clearable
			searchable
			size="xs"
			w={160}
		/>
	);
	return (
		<Stack>
			<PageHeader
				title="Experiments"
				actions={
					<Button component={Link} to="/experiments/new" size="sm" leftSection={<PlusIcon width={16} height={16} />}>
						New experiment
					</Button>
				}
			/>
			<Group gap="xs">
				{select(
					"state",
					"Any state",
					STATES.map((value) => ({ value, label: value.toLowerCase() })),
				)}
				{select(
					"dataset",
					"Any dataset",
					(datasets.data ?? []).map(({ id, name }) => ({ value: id, label: name })),
				)}
				<ModelSelect
					models={models.data ?? []}
					value={filter.get("model")}
					onChange={choose("model")}
					placeholder="Any model"
				/>
			</Group>
			<Loaded query={experiments}>
				{({ items, nextCursor }) =>
					items.length === 0 ? (
						<EmptyState title={filtered ? "No experiment fits the filter" : "No experiment yet"}>
							{filtered ? (
								<Button variant="default" size="xs" onClick={() => setFilter({})}>
									Show all
								</Button>
							) : datasets.data?.length ? (
								<Anchor component={Link} to="/experiments/new">
									Launch the first one
								</Anchor>
							) : (
								<>
									<Anchor component={Link} to="/datasets" underline="always">
										Upload a dataset
									</Anchor>{" "}
									first, or stop this service and run <Code>npx valence demo</Code>.
								</>
							)}
						</EmptyState>
					) : (
						<>
							<DataTable label="Experiments" columns={EXPERIMENT_COLUMNS} rows={items} keyOf={({ id }) => id} />
							<Group>
								{filter.has("cursor") && (
									<Button size="xs" variant="default" onClick={() => choose("cursor")(null)}>
										Newest
									</Button>
								)}
								{nextCursor && (
									<Button size="xs" variant="default" onClick={() => choose("cursor")(nextCursor)}>
										Older
									</Button>
								)}
							</Group>
						</>
					)
				}
			</Loaded>
		</Stack>
	);
}
