import { Button, Checkbox, Group, Progress, Stack, Text, TextInput } from "@mantine/core";
import { Dropzone } from "@mantine/dropzone";
import { UploadIcon } from "@radix-ui/react-icons";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { uploadToFeed } from "../api";
import { isMoment, MOMENT } from "../dataset-rule";
import {
	type ColumnChoices,
	type Dropped,
	feedImportProblem,
	feedPreview,
	feedRole,
	filesSentence,
	filesToSend,
	ruleWith,
	withFiles,
	withoutFiles,
} from "../import-wizard";
import { keys, usePreview } from "../queries";
import { ProblemAlert } from "./feedback";
import { FilesPreview } from "./files-preview";

/** From files to rows of a feed: drop them, look at how they are read, import. */
export function FeedImportForm({ name }: { name: string }) {
	const client = useQueryClient();
	const [files, setFiles] = useState<Dropped[]>([]);
	const [choices, setChoices] = useState<ColumnChoices>({});
	const [at, setAt] = useState("");
	const [skipBadRows, setSkip] = useState(false);
	const [progress, setProgress] = useState(0);
	const wrongAt = at !== "" && !isMoment(at);
	const rule = ruleWith(skipBadRows ? { skipBadRows } : {}, choices);
	const preview = usePreview(files, choices, rule, true);
	const send = useMutation({
		mutationFn: () => {
			setProgress(0);
			// Fields before files: the service streams the files on as they come.
			const form = new FormData();
			form.set("rule", JSON.stringify({ ...rule, ...(at !== "" && { at }) }));
			for (const { role, file } of filesToSend(files, preview.data, choices))
				form.append(feedRole(role), file, file.name);
			return uploadToFeed(name, form, setProgress);
		},
		onSuccess: () => start(),
		onSettled: () => client.invalidateQueries({ queryKey: keys.feedImports(name) }),
	});
	const start = () => {
		setFiles([]);
		setChoices({});
	};
	const take = (added: File[]) => {
		send.reset();
		const taken = withFiles(files, added);
		setFiles(taken.files);
		setChoices(withoutFiles(choices, taken.replaced));
	};
	// What is shown meanwhile is of the files or columns before, and must not decide.
	const isReading = preview.isPlaceholderData || preview.isLoading;
	const reason = isReading ? "Reading …" : feedImportProblem(files, preview.data, at !== "");
	return (
		<Stack gap="sm">
			<Dropzone
				onDrop={take}
				p="md"
				inputProps={{ "aria-label": "Files for the feed" }}
				aria-label="Choose files for the feed"
			>
				<Group justify="center" gap="sm" wrap="nowrap">
					<UploadIcon width={22} height={22} className="fixed" />
					<Text size="xs" c="dimmed">
						Drop files here, or press to choose. Tables with a user, an item and a time column, whatever a dataset is
						imported from; what is in the feed already counts once.
					</Text>
				</Group>
			</Dropzone>
			{files.length > 0 && (
				<>
					<Text size="sm" className="breaks">
						{filesSentence(files, preview.data, choices)}
					</Text>
					<FilesPreview
						files={files}
						preview={{ error: preview.error, data: preview.data && feedPreview(preview.data) }}
						asRole={feedRole}
						onFiles={setFiles}
						choices={choices}
						onChoices={setChoices}
					/>
					<Group align="end" gap="md">
						<TextInput
							label="Time of rows without one"
							placeholder="2026-12-31"
							value={at}
							onChange={(event) => setAt(event.currentTarget.value.trim())}
							error={wrongAt && MOMENT}
						/>
						<Checkbox
							label="Leave out rows that cannot be read"
							checked={skipBadRows}
							onChange={(event) => setSkip(event.currentTarget.checked)}
						/>
						<Button variant="subtle" color="gray" onClick={start}>
							Take other files
						</Button>
						<Button
							loading={send.isPending}
							disabled={wrongAt || reason !== null}
							aria-describedby={reason ? "feed-import-says" : undefined}
							onClick={() => send.mutate()}
						>
							Import into the feed
						</Button>
					</Group>
					{reason && (
						<Text id="feed-import-says" size="sm" c="dimmed" className="breaks">
							{reason}
						</Text>
					)}
				</>
			)}
			{send.isPending && (
				<Progress value={progress * 100} animated aria-label={`${Math.round(progress * 100)} % uploaded`} />
			)}
			<ProblemAlert error={send.error} />
		</Stack>
	);
}
