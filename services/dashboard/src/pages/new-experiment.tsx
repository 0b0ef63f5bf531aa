import { Anchor, Stack } from "@mantine/core";
import { Link } from "react-router";
import { ExperimentForm } from "../components/experiment-form";
import { EmptyState, Loaded } from "../components/feedback";
import { PageHeader } from "../components/page-header";
import { useDatasets, useModels } from "../queries";

export function NewExperimentPage() {
	const datasets = useDatasets();
	const models = useModels();
	return (
		<Stack maw={1080}>
			<PageHeader
				title="New experiment"
				parent={{ to: "/experiments", label: "Experiments" }}
				details="One run for each model, value of its grid, trial of its search and seed, all on one dataset under one protocol."
			/>
			<Loaded query={models}>
				{(catalogue) => (
					<Loaded query={datasets}>
						{(all) => {
							const ready = all.filter((dataset) => dataset.state === "SUCCEEDED");
							return ready.length === 0 ? (
								<EmptyState title="No dataset is ready">
									<Anchor component={Link} to="/datasets" underline="always">
										Upload one
									</Anchor>{" "}
									first.
								</EmptyState>
							) : (
								<ExperimentForm
									catalogue={catalogue}
									datasets={ready.map(({ id, name }) => ({ value: id, label: name }))}
								/>
							);
						}}
					</Loaded>
				)}
			</Loaded>
		</Stack>
	);
}
