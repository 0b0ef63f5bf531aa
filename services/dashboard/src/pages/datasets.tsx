import { Accordion, Code, Group, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { DatasetDetails } from "../components/dataset-details";
import { EmptyState, Loaded, StateBadge } from "../components/feedback";
import { PageHeader } from "../components/page-header";
import { UploadForm } from "../components/upload-form";
import { count, when } from "../format";
import { useDatasets } from "../queries";
import type { Dataset } from "../shapes";

export function DatasetsPage() {
	const datasets = useDatasets();
	const [opened, setOpened] = useState<string[] | null>(null);
	return (
		<Stack>
			<PageHeader title="Datasets" details="Imported once, then unchangeable and known by their digest." />
			<UploadForm onUploaded={({ id }) => setOpened([id])} />
			<Loaded query={datasets}>
				{(all) =>
					all.length === 0 ? (
						<EmptyState title="No dataset yet">
							Drop a CSV or RecBole file with a user and an item column above, or{" "}
							<Code>curl -F name=mine -F interactions=@ratings.csv {window.location.origin}/datasets</Code>
						</EmptyState>
					) : (
						<Accordion
							variant="separated"
							multiple
							value={opened ?? all.slice(0, 1).map(({ id }) => id)}
							onChange={setOpened}
						>
							{all.map((dataset) => (
								<Accordion.Item key={dataset.id} value={dataset.id}>
									<Accordion.Control py={0}>
										<Summary dataset={dataset} />
									</Accordion.Control>
									<Accordion.Panel>
										<DatasetDetails dataset={dataset} />
									</Accordion.Panel>
								</Accordion.Item>
							))}
						</Accordion>
					)
				}
			</Loaded>
		</Stack>
	);
}

const Summary = ({ dataset: { name, state, statistics, createdAt } }: { dataset: Dataset }) => (
	<Group justify="space-between" pr="md" gap={6}>
		<Group gap="sm">
			<Text fw={600} size="sm" className="breaks">
				{name}
			</Text>
			<StateBadge state={state} />
		</Group>
		<Text size="xs" c="dimmed">
			{statistics && `${count(statistics.users)} users × ${count(statistics.items)} items · `}
			{when(createdAt)}
		</Text>
	</Group>
);
