import { Anchor, Button, Stack, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { DiskUse } from "@valence/client";
import { Link } from "react-router";
import { type Column, DataTable } from "../components/data-table";
import { Panel } from "../components/facts";
import { Loaded, ProblemAlert } from "../components/feedback";
import { Orphans, OtherFiles } from "../components/orphans";
import { PageHeader } from "../components/page-header";
import { StorageTotals } from "../components/storage-totals";
import { bytes, count, when } from "../format";
import { datasetPath } from "../links";
import { keys, measureDisk, useDisk } from "../queries";

export function StoragePage() {
	const client = useQueryClient();
	const disk = useDisk();
	const again = useMutation({
		mutationFn: () => measureDisk(true),
		onSuccess: (measured) => client.setQueryData(keys.disk, measured),
	});
	return (
		<Stack>
			<PageHeader
				title="Storage"
				details={disk.data && `Measured ${when(disk.data.measuredAt)}`}
				actions={
					<Button size="xs" variant="default" loading={again.isPending} onClick={() => again.mutate()}>
						Measure again
					</Button>
				}
			/>
			<ProblemAlert error={again.error} />
			<Loaded query={disk}>{(measured) => <StorageView disk={measured} />}</Loaded>
		</Stack>
	);
}

function StorageView({ disk }: { disk: DiskUse }) {
	const largest = (shown: unknown[], all: number) =>
		all > shown.length ? `, the largest ${count(shown.length)} of ${count(all)}` : "";
	return (
		<>
			<StorageTotals disk={disk} />
			<Panel title={`Experiments${largest(disk.byExperiment, disk.counts.experiments)}`}>
				<SizeTable
					label="Experiments"
					rows={disk.byExperiment}
					columns={[
						{
							title: "Name",
							lead: true,
							value: (one) => one.name,
							cell: ({ id, name }) => (
								<Anchor component={Link} to={`/experiments/${id}`} size="sm" className="breaks">
									{name}
								</Anchor>
							),
						},
						{
							title: "Dataset",
							value: (one) => one.dataset.name,
							cell: (one) => <span className="breaks">{one.dataset.name}</span>,
						},
						{ title: "Runs with files", numeric: true, value: (one) => one.runs, cell: (one) => count(one.runs) },
					]}
				/>
			</Panel>
			<Panel title={`Runs${largest(disk.byRun, disk.counts.runs)}`}>
				<SizeTable
					label="Runs"
					rows={disk.byRun}
					columns={[
						{
							title: "Run",
							lead: true,
							value: (run) => run.model,
							cell: ({ id, model, seed }) => (
								<Anchor component={Link} to={`/runs/${id}`} size="sm">
									{model}, seed {seed}
								</Anchor>
							),
						},
						{
							title: "Experiment",
							value: (run) => run.experiment.name,
							cell: ({ experiment }) => <span className="breaks">{experiment.name}</span>,
						},
					]}
				/>
			</Panel>
			<Panel title={`Datasets${largest(disk.byDataset, disk.counts.datasets)}`}>
				<SizeTable
					label="Datasets"
					rows={disk.byDataset}
					columns={[
						{
							title: "Name",
							lead: true,
							value: (one) => one.name,
							cell: ({ id, name }) => (
								<Anchor component={Link} to={datasetPath(id)} size="sm" className="breaks">
									{name}
								</Anchor>
							),
						},
					]}
				/>
			</Panel>
			<Orphans disk={disk} />
			<OtherFiles disk={disk} />
		</>
	);
}

interface Sized {
	id: string;
	bytes: number;
}

/** What has files, with how much that is. */
const SizeTable = <T extends Sized>({ label, rows, columns }: { label: string; rows: T[]; columns: Column<T>[] }) =>
	rows.length === 0 ? (
		<Text size="sm" c="dimmed">
			Nothing on the disk yet
		</Text>
	) : (
		<DataTable
			label={label}
			rows={rows}
			keyOf={({ id }) => id}
			pageSize={10}
			sort="Size"
			columns={[
				...columns,
				{ title: "Size", numeric: true, value: (one) => one.bytes, cell: (one) => bytes(one.bytes) },
			]}
		/>
	);
