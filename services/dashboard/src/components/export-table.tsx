import { Anchor, Group, Progress, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { Export } from "@valence/client";
import { Link } from "react-router";
import { api } from "../api";
import { wish } from "../exports";
import { bytes, count, when } from "../format";
import { inWords } from "../in-words";
import { isOpen, keys } from "../queries";
import { CancelButton } from "./cancel-button";
import { ConfirmButton } from "./confirm-button";
import { DataTable } from "./data-table";
import { DownloadButton } from "./download-button";
import { ProblemAlert, StateBadge } from "./feedback";

/** How far exports are, and their files. */
export const ExportTable = ({ exports }: { exports: Export[] }) => (
	<DataTable
		label="Exports"
		rows={exports}
		keyOf={({ id }) => id}
		columns={[
			{
				title: "Deployment",
				lead: true,
				value: (one) => one.deployment,
				cell: (one) => (
					<>
						<span className="breaks">{one.deployment}</span>
						<Text size="xs" c="dimmed">
							{when(one.createdAt)}
						</Text>
					</>
				),
			},
			{
				title: "Model",
				value: (one) => one.checkpoint.model,
				cell: (one) => (
					<>
						<Anchor component={Link} to={`/runs/${one.checkpoint.runId}`} size="sm">
							{one.checkpoint.model}, epoch {one.checkpoint.epoch}
						</Anchor>
						<Text size="xs" c="dimmed" className="breaks">
							on {one.dataset.name}
						</Text>
					</>
				),
			},
			{
				title: "What",
				cell: (one) => (
					<>
						{one.format}
						<Text size="xs" c="dimmed">
							{wish(one)}
						</Text>
					</>
				),
			},
			{ title: "State", value: (one) => one.state, cell: (one) => <Progressing one={one} /> },
			{ title: "Rows", numeric: true, value: (one) => one.rows, cell: (one) => count(one.rows) },
			{
				title: "Size",
				numeric: true,
				value: (one) => (one.hasFile ? one.bytes : null),
				cell: (one) => (one.state === "SUCCEEDED" && !one.hasFile ? "file is gone" : bytes(one.bytes)),
			},
			{ title: "File", bare: true, numeric: true, cell: (one) => <Actions one={one} /> },
		]}
	/>
);

function Progressing({ one }: { one: Export }) {
	const { state, error, progress } = one;
	const part = progress ? progress.done / Math.max(progress.total, 1) : 0;
	return (
		<>
			<StateBadge state={state} />
			{state === "RUNNING" && progress && (
				<>
					<Progress value={part * 100} miw={90} aria-label={`${Math.round(part * 100)} % done`} />
					<Text size="xs" c="dimmed">
						{count(progress.done)} of {count(progress.total)} users
					</Text>
				</>
			)}
			{error && (
				<Text size="xs" c="red">
					{inWords(error).title}
				</Text>
			)}
		</>
	);
}

function Actions({ one }: { one: Export }) {
	const client = useQueryClient();
	const discard = useMutation({
		mutationFn: () => api.delete("/exports/{id}", { path: { id: one.id } }),
		onSettled: () => client.invalidateQueries({ queryKey: keys.exports }),
	});
	if (isOpen(one.state))
		return (
			<CancelButton cancel={() => api.post("/exports/{id}/cancel", { path: { id: one.id } })} shownBy={keys.exports} />
		);
	return (
		<>
			<Group gap="xs" justify="end" wrap="nowrap">
				{one.hasFile && <DownloadButton path={`/exports/${one.id}/file`} />}
				<ConfirmButton
					size="compact-xs"
					color="red"
					variant="subtle"
					label="Delete"
					question={one.hasFile ? "Delete the export with its file?" : "Delete the export?"}
					loading={discard.isPending}
					onConfirm={() => discard.mutate()}
				/>
			</Group>
			<ProblemAlert error={discard.error} />
		</>
	);
}
