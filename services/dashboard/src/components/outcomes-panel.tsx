import { Group, Paper, SegmentedControl, Stack, Text } from "@mantine/core";
import { useInViewport } from "@mantine/hooks";
import type { Outcomes } from "@valence/client";
import { useState } from "react";
import { type By, COLUMNS, drawn, linesOf, notesOf } from "../outcomes";
import { useOutcomes } from "../serving-queries";
import { DataTable } from "./data-table";
import { Loaded } from "./feedback";
import { OutcomesChart } from "./outcomes-chart";

const CHOICES: { value: By; label: string }[] = [
	{ value: "all", label: "All" },
	{ value: "tier", label: "By tier" },
	{ value: "checkpoint", label: "By checkpoint" },
];

/** Whether people take what a deployment recommends, over the last 30 days. */
export function OutcomesPanel({ deployment }: { deployment: string }) {
	const { ref, inViewport } = useInViewport();
	return (
		<div ref={ref}>
			<Loaded query={useOutcomes(deployment, inViewport)}>
				{(outcomes) => <Shown deployment={deployment} outcomes={outcomes} />}
			</Loaded>
		</div>
	);
}

function Shown({ deployment, outcomes }: { deployment: string; outcomes: Outcomes }) {
	const [by, setBy] = useState<By>("all");
	const lines = linesOf(outcomes, by);
	const notes = notesOf(outcomes).map((note) => (
		<Text key={note} size="sm" c="dimmed">
			{note}
		</Text>
	));
	return (
		<Paper withBorder p="sm" component="section" aria-label={`Outcomes of ${deployment}`}>
			<Stack gap="xs">
				<Group justify="space-between" gap="xs">
					<Text size="sm" fw={600}>
						Outcomes
					</Text>
					{outcomes.answered > 0 && (
						<SegmentedControl
							size="xs"
							data={CHOICES}
							value={by}
							onChange={(value) => setBy(value as By)}
							aria-label="Lines of the outcomes"
						/>
					)}
				</Group>
				{notes}
				{outcomes.answered > 0 && (
					<>
						<OutcomesChart lines={drawn(lines)} />
						<DataTable
							label={`Outcomes of ${deployment}`}
							rows={lines}
							keyOf={({ id }) => id}
							pageSize={10}
							takenAs={`Outcomes of ${deployment}`}
							columns={COLUMNS.map((column) => ({ ...column, cell: column.text }))}
						/>
					</>
				)}
			</Stack>
		</Paper>
	);
}
