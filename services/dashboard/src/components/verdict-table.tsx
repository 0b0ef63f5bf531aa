import { Anchor, Stack, Text } from "@mantine/core";
import type { Refresh } from "@valence/client";
import { Link } from "react-router";
import { metric, metricTitle } from "../format";
import { verdictRows } from "../refreshing";
import { DataTable } from "./data-table";

interface Props {
	verdict: NonNullable<Refresh["verdict"]>;
	/** Of the candidate. */
	model: string;
	titleOf: (model: string) => string;
}

const isCandidate = ({ who }: { who: string }) => who.startsWith("Candidate");

/** The sentence of the gate, and its numbers side by side. */
export const VerdictTable = ({ verdict, model, titleOf }: Props) => (
	<Stack gap="xs">
		<Text size="sm" role="status">
			{verdict.reason}
		</Text>
		<DataTable
			label="Numbers side by side"
			rows={verdictRows(verdict, model, titleOf)}
			keyOf={({ who }) => who}
			takenAs="Numbers of the gate"
			notes={[verdict.reason]}
			columns={[
				{
					title: "Who",
					lead: true,
					text: ({ who, note }) => (note ? `${who} (${note})` : who),
					cell: ({ who, note, runId }) => (
						<>
							{runId === null ? (
								who
							) : (
								<Anchor component={Link} to={`/runs/${runId}`} size="sm" underline="always">
									{who}
								</Anchor>
							)}
							{note && (
								<Text size="xs" c="dimmed">
									{note}
								</Text>
							)}
						</>
					),
				},
				{
					title: metricTitle(`.${verdict.metric}`),
					numeric: true,
					text: ({ value }) => metric(value),
					values: [{ title: metricTitle(`.${verdict.metric}`), of: ({ value }) => value }],
					cell: ({ value }) => metric(value),
				},
				{
					title: "The candidate needs",
					numeric: true,
					text: (row) => (isCandidate(row) ? "" : metric(row.needs)),
					values: [{ title: "The candidate needs", of: (row) => (isCandidate(row) ? null : row.needs) }],
					cell: (row) => (isCandidate(row) ? "" : metric(row.needs)),
				},
			]}
		/>
	</Stack>
);
