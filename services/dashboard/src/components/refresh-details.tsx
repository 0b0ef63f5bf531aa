import { Anchor, Stack, Text } from "@mantine/core";
import type { Refresh } from "@valence/client";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { count, when } from "../format";
import { datasetPath } from "../links";
import { useModels } from "../queries";
import { begunBy, ruleSentence, trainedSentence } from "../refreshing";
import { Facts, Panel } from "./facts";
import { ProblemAlert } from "./feedback";
import { RefreshSteps } from "./refresh-steps";
import { VerdictTable } from "./verdict-table";

/** One refresh: where it stands, what it has made, and what the gate said. */
export function RefreshDetails({ refresh }: { refresh: Refresh }) {
	const { spec, jobs, dataset, experiment, verdict, reason, error } = refresh;
	const models = useModels().data ?? [];
	const titleOf = (model: string) => models.find(({ name }) => name === model)?.title ?? model;
	const facts: Record<string, ReactNode> = {
		Begun: `${when(refresh.createdAt)}, ${begunBy(refresh)}`,
		Ended: refresh.finishedAt === null ? "–" : when(refresh.finishedAt),
		"New interactions": count(refresh.newInteractions),
		Snapshot: dataset ? <To to={datasetPath(dataset.id)}>{dataset.name}</To> : "–",
		Experiment: experiment ? <To to={`/experiments/${experiment.id}`}>{experiment.name}</To> : "–",
		Trained: trainedSentence(jobs) ?? "–",
		"What is deployed, measured": jobs.evaluation?.state.toLowerCase() ?? "–",
		Refit: jobs.refit ? <To to={`/runs/${jobs.refit.id}`}>{jobs.refit.state.toLowerCase()}</To> : "–",
		...(refresh.skips > 0 && {
			"Times that found too little": `${count(refresh.skips + 1)}, last ${when(refresh.checkedAt)}`,
		}),
	};
	return (
		<Stack>
			<Panel title="Steps">
				<Stack gap="xs">
					<RefreshSteps refresh={refresh} />
					{reason && reason !== verdict?.reason && <Text size="sm">{reason}</Text>}
					<ProblemAlert error={error} />
				</Stack>
			</Panel>
			{verdict && (
				<Panel title="Verdict">
					<VerdictTable verdict={verdict} model={spec.model} titleOf={titleOf} />
				</Panel>
			)}
			<Panel title="What it made">
				<Facts columns={2} rows={Object.entries(facts)} />
			</Panel>
			<Text size="sm" c="dimmed">
				Its rule then: {ruleSentence(spec, titleOf(spec.model))}
			</Text>
		</Stack>
	);
}

const To = ({ to, children }: { to: string; children: ReactNode }) => (
	<Anchor component={Link} to={to} size="sm" underline="always" className="breaks">
		{children}
	</Anchor>
);
