import { Accordion, Anchor, Code, Group, Stack, Switch, Text } from "@mantine/core";
import type { Dataset } from "@valence/client";
import { useState } from "react";
import { Link, useNavigate } from "react-router";
import { DatasetDetails } from "../components/dataset-details";
import { EmptyState, Loaded, StateBadge } from "../components/feedback";
import { PageHeader } from "../components/page-header";
import { UploadWizard } from "../components/upload-wizard";
import { isFailedImport } from "../dataset-rule";
import { count, when } from "../format";
import { datasetPath } from "../links";
import { useImports } from "../queries";

export function DatasetsPage() {
	const imports = useImports();
	const navigate = useNavigate();
	const [opened, setOpened] = useState<string[] | null>(null);
	const [failedShown, setFailedShown] = useState(false);
	const open = ({ id }: Dataset) => setOpened([id]);
	return (
		<Stack>
			<PageHeader title="Datasets" details="Imported once, then unchangeable and known by their digest." />
			<UploadWizard onImported={({ id }) => navigate(datasetPath(id))} />
			<Loaded query={imports}>
				{(all) => (
					<Imports
						all={all}
						opened={opened}
						onOpened={setOpened}
						failedShown={failedShown}
						onFailedShown={setFailedShown}
						onImported={open}
					/>
				)}
			</Loaded>
		</Stack>
	);
}

interface Props {
	all: Dataset[];
	/** Null until somebody has opened or closed one. */
	opened: string[] | null;
	onOpened: (ids: string[]) => void;
	failedShown: boolean;
	onFailedShown: (isShown: boolean) => void;
	onImported: (dataset: Dataset) => void;
}

/** Failed imports stand among the others when they are asked for, and while they are what somebody has just opened. */
function Imports({ all, opened, onOpened, failedShown, onFailedShown, onImported }: Props) {
	const failed = all.filter(isFailedImport).length;
	const shown = all.filter((one) => failedShown || !isFailedImport(one) || opened?.includes(one.id));
	return (
		<>
			{failed > 0 && (
				<Switch
					size="xs"
					label={`Show ${count(failed)} failed or cancelled ${failed === 1 ? "import" : "imports"}`}
					description="Kept for a day from their end; they can be imported again with another rule."
					checked={failedShown}
					onChange={(event) => onFailedShown(event.currentTarget.checked)}
				/>
			)}
			{shown.length === 0 ? (
				<EmptyState title={failed > 0 ? "No dataset is ready" : "No dataset yet"}>
					Drop a table with a user and an item column above, or{" "}
					<Code>curl -F name=mine -F interactions=@ratings.csv {window.location.origin}/datasets</Code>
				</EmptyState>
			) : (
				<Accordion
					variant="separated"
					multiple
					value={opened ?? shown.slice(0, 1).map(({ id }) => id)}
					onChange={onOpened}
				>
					{shown.map((dataset) => (
						<Accordion.Item key={dataset.id} value={dataset.id}>
							<Accordion.Control py={0}>
								<Summary dataset={dataset} />
							</Accordion.Control>
							<Accordion.Panel>
								<Anchor
									component={Link}
									to={datasetPath(dataset.id)}
									size="xs"
									underline="always"
									display="block"
									mb="sm"
								>
									Page of this dataset
								</Anchor>
								<DatasetDetails dataset={dataset} onImported={onImported} />
							</Accordion.Panel>
						</Accordion.Item>
					))}
				</Accordion>
			)}
		</>
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
