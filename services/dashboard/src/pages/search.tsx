import { SimpleGrid, Stack, Title } from "@mantine/core";
import { dimensionSentence, type ExperimentDetail, plain, type SearchDetail } from "@valence/client";
import { useState } from "react";
import { useParams } from "react-router";
import { Facts, Panel } from "../components/facts";
import { Loaded } from "../components/feedback";
import { Importance } from "../components/importance";
import { PageHeader } from "../components/page-header";
import { ParallelPlot } from "../components/parallel-plot";
import { SearchChart } from "../components/search-chart";
import { TrialTable } from "../components/trial-table";
import { Winner } from "../components/winner";
import { useExperiment } from "../queries";
import { useSearch } from "../search-queries";
import { countsSentence, titleOfTrials } from "../trials";

/** One search: what it tried, what came of it, and what proves its winner. */
export function SearchPage() {
	const { id = "" } = useParams();
	return <Loaded query={useSearch(id)}>{(search) => <OfExperiment key={id} search={search} />}</Loaded>;
}

const OfExperiment = ({ search }: { search: SearchDetail }) => (
	<Loaded query={useExperiment(search.experimentId)}>
		{(experiment) => <SearchView search={search} experiment={experiment} />}
	</Loaded>
);

function SearchView({ search, experiment }: { search: SearchDetail; experiment: ExperimentDetail }) {
	const [shown, setShown] = useState<number | null>(null);
	const title = titleOfTrials(experiment.protocol);
	return (
		<Stack>
			<PageHeader
				title={`Search of ${search.model}`}
				parent={{ to: `/experiments/${experiment.id}`, label: experiment.name }}
				details={`${experiment.dataset.name} · ${countsSentence(search.counts)}`}
			/>
			<SimpleGrid cols={{ base: 1, md: 2 }}>
				<Winner search={search} title={title} />
				<Panel title="What is searched">
					<Facts rows={factsOf(search)} />
				</Panel>
			</SimpleGrid>
			<SearchChart search={search} title={title} />
			<ParallelPlot search={search} title={title} shown={shown} onShow={setShown} />
			<Importance search={search} />
			<Title order={3} size="h5">
				Trials
			</Title>
			<TrialTable search={search} title={title} onShow={setShown} />
		</Stack>
	);
}

const factsOf = ({ space, params, trials, strategy, prune, seed }: SearchDetail): [string, string][] => [
	...Object.entries(space).map(([field, dimension]): [string, string] => [field, dimensionSentence(dimension)]),
	...Object.entries(params).map(([field, value]): [string, string] => [field, `${plain(value)}, of all trials`]),
	["Trials", String(trials)],
	["Strategy", strategy === "tpe" ? "near what did well (TPE)" : "at random"],
	["Pruning", prune === null ? "none" : "successive halving"],
	["Seed of the search", String(seed)],
];
