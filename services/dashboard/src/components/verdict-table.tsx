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
			columns={[
				{
					title: "Who",
					lead: true,
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
				{ title: metricTitle(`.${verdict.metric}`), numeric: true, cell: ({ value }) => metric(value) },
				{
					title: "The candidate needs",
					numeric: true,
					cell: ({ needs, who }) => (who.startsWith("Candidate") ? "" : metric(needs)),
				},
			]}
		/>
	</Stack>
);
