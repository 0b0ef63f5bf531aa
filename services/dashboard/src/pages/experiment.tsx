import { Anchor, Checkbox, Code, Group, Progress, Stack, Switch, Text, Title } from "@mantine/core";
import { useQueries } from "@tanstack/react-query";
import { type ExperimentDetail, standing } from "@valence/client";
import { useState } from "react";
import { Link, useParams } from "react-router";
import { MOST_LINES } from "../colours";
import { succeededOf } from "../comparison-asked";
import { DataTable } from "../components/data-table";
import { ExperimentActions } from "../components/experiment-actions";
import { Loaded, StateBadge } from "../components/feedback";
import { KeepPanel } from "../components/keep-panel";
import { Legend } from "../components/legend";
import { MarksNote } from "../components/marks-note";
import { MetricCharts } from "../components/metric-chart";
import { PageHeader } from "../components/page-header";
import { Results } from "../components/results";
import { runColumns } from "../components/run-columns";
import { SearchSummary } from "../components/search-summary";
import { labelOf, tellingFields } from "../config-fields";
import { drawnUnasked } from "../curves";
import { count, when } from "../format";
import { datasetPath } from "../links";
import { isOpen, seriesQuery, useExperiment, useMetricDefinitions } from "../queries";
import { isUnproposed } from "../trials";
import { useMarks } from "../use-marks";

export function ExperimentPage() {
	const { id = "" } = useParams();
	return (
		<Loaded query={useExperiment(id)}>{(experiment) => <ExperimentView key={id} experiment={experiment} />}</Loaded>
	);
}

function ExperimentView({ experiment }: { experiment: ExperimentDetail }) {
	const { name, state, runs, protocol, dataset, searches } = experiment;
	const [withTrials, setWithTrials] = useState(false);
	const shownFirst = standing({ runs, searches });
	const listed = withTrials ? runs : shownFirst;
	const stands = new Set(shownFirst.map(({ configHash }) => configHash));
	const buried = new Set(runs.map(({ configHash }) => configHash).filter((hash) => !stands.has(hash)));
	const groups = experiment.groups.filter(({ configHash }) => !buried.has(configHash));
	const telling = tellingFields(runs.filter((run) => !isUnproposed(run)));
	const [chosen, setChosen] = useState<string[]>([]);
	const drawn =
		chosen.length > 0 ? runs.filter((run) => chosen.includes(run.id)) : drawnUnasked(shownFirst, MOST_LINES);
	const series = useQueries({ queries: drawn.map((run) => seriesQuery(run)) });
	const lines = drawn.map((run, index) => ({
		id: run.id,
		label: labelOf(run, telling),
		series: series[index]?.data?.series ?? [],
	}));
	const found = useMarks(
		isOpen(state) ? "" : dataset.id,
		groups.map((group) => ({ runs: succeededOf(group, runs) })),
	);
	const known = useMetricDefinitions();
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
				actions={<ExperimentActions experiment={{ ...experiment, groups }} drawn={drawn} />}
			/>
			{isOpen(state) && <Advance progress={experiment.progress} />}
			{searches.map((search) => (
				<SearchSummary key={search.id} search={search} protocol={protocol} />
			))}
			{shownFirst.length > 0 && <MetricCharts lines={lines} protocol={protocol} />}
			<Legend lines={lines} />
			{listed.length > drawn.length && (
				<Text size="sm" c="dimmed">
					{drawn.length} of {listed.length} runs are drawn, {MOST_LINES} at most. Tick those to draw in the table of
					runs.
				</Text>
			)}
			<Results
				name={name}
				groups={groups}
				markOf={(group, metric) => found.marks({ runs: succeededOf(group, runs) }, metric)}
				notes={found.notes}
			/>
			<MarksNote found={found} />
			<Group justify="space-between">
				<Title order={3} size="h5">
					Runs
				</Title>
				{runs.length > shownFirst.length && (
					<Switch
						size="xs"
						label={`Also the ${count(runs.length - shownFirst.length)} other trials of ${searches.length === 1 ? "the search" : "searches"}`}
						checked={withTrials}
						onChange={(event) => setWithTrials(event.currentTarget.checked)}
					/>
				)}
			</Group>
			<DataTable
				label="Runs"
				takenAs={`Runs of ${name}`}
				rows={listed}
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
					...runColumns({ telling, protocol, known, lineOf: (run) => drawn.findIndex((one) => one.id === run.id) }),
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
