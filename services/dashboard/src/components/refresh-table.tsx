import { Anchor, Text } from "@mantine/core";
import type { Refresh } from "@valence/client";
import { Link } from "react-router";
import { api } from "../api";
import { count, when } from "../format";
import { refreshPath } from "../links";
import { isOpen } from "../queries";
import { refreshKeys } from "../refresh-queries";
import { begunBy, trainedSentence } from "../refreshing";
import { CancelButton } from "./cancel-button";
import { DataTable } from "./data-table";
import { RefreshBadge } from "./refresh-badge";
import { RefreshSteps } from "./refresh-steps";

/** The latest refreshes of a deployment and what became of each. */
export const RefreshTable = ({ name, refreshes }: { name: string; refreshes: Refresh[] }) => (
	<DataTable
		label={`Refreshes of ${name}`}
		rows={refreshes}
		keyOf={({ id }) => id}
		pageSize={5}
		columns={[
			{
				title: "When",
				lead: true,
				width: 190,
				cell: (one) => (
					<>
						<Anchor component={Link} to={refreshPath(one.id)} size="sm" underline="always">
							{when(one.createdAt)}
						</Anchor>
						<Text size="xs" c="dimmed" fw={400}>
							{begunBy(one)}
						</Text>
					</>
				),
			},
			{ title: "State", cell: (one) => <RefreshBadge refresh={one} /> },
			{ title: "New", numeric: true, cell: (one) => count(one.newInteractions) },
			{
				title: "Outcome",
				cell: (one) => (
					<>
						{isOpen(one.state) && <RefreshSteps refresh={one} />}
						<Text size="sm">
							{one.reason}
							{one.skips > 0 && ` ${count(one.skips + 1)} times, last ${when(one.checkedAt)}.`}
						</Text>
						{isOpen(one.state) && one.step === "train" && (
							<Text size="xs" c="dimmed">
								{trainedSentence(one.jobs)}
							</Text>
						)}
					</>
				),
			},
			{
				title: "Cancel",
				bare: true,
				numeric: true,
				cell: (one) =>
					isOpen(one.state) && (
						<CancelButton
							cancel={() => api.post("/refreshes/{id}/cancel", { path: { id: one.id } })}
							shownBy={refreshKeys.of(name)}
							requested={one.cancelRequested}
						/>
					),
			},
		]}
	/>
);
