import { Anchor, Checkbox, Code, Group, Progress, Stack, Text, Title } from "@mantine/core";
import { useQueries } from "@tanstack/react-query";
import type { ExperimentDetail, Run } from "@valence/client";
import { useState } from "react";
import { Link, useParams } from "react-router";
import { MOST_LINES } from "../colours";
import { DataTable } from "../components/data-table";
import { ExperimentActions } from "../components/experiment-actions";
import { Loaded, StateBadge } from "../components/feedback";
import { KeepPanel } from "../components/keep-panel";
import { Legend } from "../components/legend";
import { MetricCharts } from "../components/metric-chart";
import { PageHeader } from "../components/page-header";
import { Results } from "../components/results";
import { runColumns } from "../components/run-columns";
import { labelOf, tellingFields } from "../config-fields";
import { drawnUnasked } from "../curves";
import { when } from "../format";
import { datasetPath } from "../links";
import { isOpen, seriesQuery, useExperiment } from "../queries";

export function ExperimentPage() {
	const { id = "" } = useParams();
	return (
		<Loaded query={useExperiment(id)}>{(experiment) => <ExperimentView key={id} experiment={experiment} />}</Loaded>
	);
}

function ExperimentView({ experiment }: { experiment: ExperimentDetail }) {
	const { name, state, runs, groups, protocol, dataset } = experiment;
	const telling = tellingFields(runs);
	const [chosen, setChosen] = useState<string[]>([]);
	const drawn = chosen.length > 0 ? runs.filter((run) => chosen.includes(run.id)) : drawnUnasked(runs, MOST_LINES);
	const series = useQueries({ queries: drawn.map((run) => seriesQuery(run)) });
	const lines = drawn.map((run, index) => ({
		id: run.id,
		label: labelOf(run, telling),
		series: series[index]?.data?.series ?? [],
	}));
	const cutoff = protocol.cutoffs[0] ?? 20;
	const tick = (id: string, isTicked: boolean) =>
		setChosen(isTicked ? [...chosen, id] : chosen.filter((one) => one !== id));
	return (
		<Stack>
			<PageHeader
				title={name}
				parent={{ to: "/experiments", label: "Experiments" }}
				badge={<StateBadge state={state} />}
				details={
					<>
						<Anchor component={Link} to={datasetPath(dataset.id)} size="sm" underline="always">
							{dataset.name}
						</Anchor>{" "}
						· {when(experiment.createdAt)} · test masks {protocol.maskTest} · protocol{" "}
						<Code>{protocol.hash.slice(0, 10)}</Code>
					</>
				}
				actions={<ExperimentActions experiment={experiment} drawn={drawn} />}
			/>
			{isOpen(state) && <Advance progress={experiment.progress} />}
			<MetricCharts lines={lines} cutoff={cutoff} />
			<Legend lines={lines} />
			{runs.length > drawn.length && (
				<Text size="sm" c="dimmed">
					{drawn.length} of {runs.length} runs are drawn, {MOST_LINES} at most. Tick those to draw in the table of runs.
				</Text>
			)}
			<Results name={name} groups={groups} />
			<Title order={3} size="h5">
				Runs
			</Title>
			<DataTable
				label="Runs"
				takenAs={`Runs of ${name}`}
				rows={runs}
				keyOf={(run) => run.id}
				pageSize={25}
				columns={[
					{
						title: "Draw",
						bare: true,
						width: 36,
						cell: (run) => (
							<Checkbox
								size="xs"
								aria-label={`Draw ${labelOf(run, telling)}`}
								checked={chosen.includes(run.id)}
								disabled={chosen.length >= MOST_LINES && !chosen.includes(run.id)}
								onChange={(event) => tick(run.id, event.currentTarget.checked)}
							/>
						),
					},
					...runColumns({ telling, cutoff, lineOf: (run: Run) => drawn.findIndex((one) => one.id === run.id) }),
				]}
			/>
			{experiment.refits.length > 0 && <Refits experiment={experiment} />}
			<KeepPanel experiment={experiment} />
		</Stack>
	);
}

/** Beside the runs, and in no comparison: they have learnt from what those are measured on. */
function Refits({ experiment: { name, refits, runs } }: { experiment: ExperimentDetail }) {
	const telling = tellingFields(runs);
	return (
		<>
			<Title order={3} size="h5">
				Refits on all data
			</Title>
			<DataTable
				label="Refits"
				takenAs={`Refits of ${name}`}
				rows={refits}
				keyOf={(run) => run.id}
				columns={[
					{
						title: "Refit",
						lead: true,
						cell: (run) => (
							<Anchor component={Link} to={`/runs/${run.id}`} size="sm" underline="always">
								{labelOf(run, telling)}
							</Anchor>
						),
					},
					{
						title: "Vouched for by",
						cell: (run) => (
							<Anchor component={Link} to={`/runs/${run.vouchedBy}`} size="sm" underline="always">
								the run that was tested
							</Anchor>
						),
					},
					{ title: "State", cell: (run) => <StateBadge state={run.state} /> },
					{ title: "Done", numeric: true, cell: (run) => `${Math.round(run.progress * 100)} %` },
				]}
			/>
		</>
	);
}

function Advance({ progress }: { progress: number }) {
	const done = `${Math.round(progress * 100)} %`;
	return (
		<Group gap="sm" wrap="nowrap">
			<Progress flex={1} value={progress * 100} animated aria-label={`${done} done`} />
			<Text size="xs" c="dimmed">
				{done}
			</Text>
		</Group>
	);
}
