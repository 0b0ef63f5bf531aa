import { Code, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { DiskFile, DiskUse } from "@valence/client";
import { api } from "../api";
import { bytes, count, when } from "../format";
import { keys } from "../queries";
import { ConfirmButton } from "./confirm-button";
import { DataTable } from "./data-table";
import { Panel } from "./facts";
import { ProblemAlert } from "./feedback";

const artifacts = (number: number) => `${count(number)} ${number === 1 ? "artifact" : "artifacts"}`;

/** What no dataset, run or upload names any more, and the way to be rid of it. */
export function Orphans({ disk }: { disk: DiskUse }) {
	const client = useQueryClient();
	const discard = useMutation({
		mutationFn: () => api.delete("/system/orphans"),
		onSuccess: async (removed) => {
			notifications.show({ message: `Removed: ${artifacts(removed.keys)}, ${bytes(removed.bytes)}`, color: "teal" });
			await client.invalidateQueries({ queryKey: keys.disk });
		},
	});
	const { orphans } = disk.counts;
	return (
		<Panel
			title="Orphans"
			actions={
				orphans > 0 && (
					<ConfirmButton
						size="xs"
						color="red"
						variant="light"
						label="Remove orphans"
						question={`Remove ${artifacts(orphans)}, ${bytes(disk.orphans)}, from the disk?`}
						loading={discard.isPending}
						onConfirm={() => discard.mutate()}
					/>
				)
			}
		>
			<Stack gap="sm">
				<Text size="sm" c="dimmed">
					{orphans === 0
						? "There are none: everything on the disk belongs to a dataset, a run or an upload."
						: "Artifacts that no dataset, run or upload names, and that nobody is making: left by a crash, or by a database that was restored."}
				</Text>
				{orphans > 0 && <FileTable label="Orphans" files={disk.orphanFiles} total={orphans} />}
				<ProblemAlert error={discard.error} />
			</Stack>
		</Panel>
	);
}

/** Half-written folders and what is not Valence's: shown, never deleted from here. */
export function OtherFiles({ disk }: { disk: DiskUse }) {
	const { temporary, unknown } = disk.counts;
	if (temporary + unknown === 0) return null;
	return (
		<Panel title="Other files">
			<Stack gap="sm">
				{temporary > 0 && (
					<>
						<Text size="sm" c="dimmed">
							Half-written: being made now, or left by a crash; then the trainer sweeps them when it starts.
						</Text>
						<FileTable label="Half-written" files={disk.temporaryFiles} total={temporary} />
					</>
				)}
				{unknown > 0 && (
					<>
						<Text size="sm" c="dimmed">
							Not Valence's by their names. They are counted, and never deleted.
						</Text>
						<FileTable label="Unknown files" files={disk.unknownFiles} total={unknown} />
					</>
				)}
			</Stack>
		</Panel>
	);
}

const FileTable = ({ label, files, total }: { label: string; files: DiskFile[]; total: number }) => (
	<>
		<DataTable
			label={label}
			rows={files}
			keyOf={(file) => file.key}
			pageSize={10}
			sort="Size"
			columns={[
				{
					title: "Key",
					lead: true,
					value: (file) => file.key,
					cell: (file) => <Code className="breaks">{file.key}</Code>,
				},
				{
					title: "Last change",
					value: (file) => file.changedAt,
					cell: (file) => <span className="together">{when(file.changedAt)}</span>,
				},
				{ title: "Size", numeric: true, value: (file) => file.bytes, cell: (file) => bytes(file.bytes) },
			]}
		/>
		{total > files.length && (
			<Text size="xs" c="dimmed">
				The largest {count(files.length)} of {count(total)}.
			</Text>
		)}
	</>
);
