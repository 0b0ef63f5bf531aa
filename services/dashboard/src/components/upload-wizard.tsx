import { Alert, Button, Collapse, Group, Progress, Stack, Text, TextInput } from "@mantine/core";
import { Dropzone } from "@mantine/dropzone";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { MixerVerticalIcon, UploadIcon } from "@radix-ui/react-icons";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type Dataset, type Preview, Problem, ruleFor } from "@valence/client";
import { useState } from "react";
import { api, uploadDataset } from "../api";
import { EMPTY_RULE, parseRule, type RuleTexts } from "../dataset-rule";
import {
	type ColumnChoices,
	type Dropped,
	filesSentence,
	filesToSend,
	importProblem,
	problemText,
	ruleWith,
	withFiles,
	withoutFiles,
} from "../import-wizard";
import { keys, usePreview } from "../queries";
import { Panel } from "./facts";
import { ProblemAlert } from "./feedback";
import { FilesPreview } from "./files-preview";
import { PublicDatasets } from "./public-datasets";
import { RuleFields } from "./rule-fields";

/** From files, whatever they look like, to a dataset: drop them, look at how they are read, import. */
export function UploadWizard({ onImported }: { onImported: (dataset: Dataset) => void }) {
	const client = useQueryClient();
	const [name, setName] = useState("");
	const [files, setFiles] = useState<Dropped[]>([]);
	/** Names of dropped files in whose place others came. */
	const [replaced, setReplaced] = useState<string[]>([]);
	const [choices, setChoices] = useState<ColumnChoices>({});
	const [texts, setTexts] = useState<RuleTexts>(EMPTY_RULE);
	const [progress, setProgress] = useState(0);
	const [ruleShown, rulePanel] = useDisclosure();
	const { rule: written, problems } = parseRule(texts);
	const rule = ruleWith(written, choices);
	const preview = usePreview(files, choices, rule, Object.keys(problems).length === 0);

	const imported = (dataset: Dataset) => {
		if (dataset.state === "SUCCEEDED") {
			notifications.show({ message: `The same bytes and rule are here already, as ${dataset.name}.` });
		}
		client.invalidateQueries({ queryKey: keys.datasets });
	};
	// Said with the press, so that nobody who has left for another page meanwhile is brought back.
	const thenShown = { onSuccess: onImported };
	const send = useMutation({
		mutationFn: () => {
			setProgress(0);
			// Fields before files: the service streams the files on as they come.
			const form = new FormData();
			form.set("name", name.trim() || (files[0]?.file.name.split(".")[0] ?? "dataset"));
			form.set("rule", JSON.stringify(preview.data ? ruleFor(rule, preview.data) : rule));
			for (const { role, file } of filesToSend(files, preview.data, choices)) form.append(role, file, file.name);
			return uploadDataset(form, setProgress);
		},
		onSuccess: imported,
	});
	const takeSample = useMutation({ mutationFn: () => api.post("/datasets/sample"), onSuccess: imported });
	const refused = (pointer: string) =>
		send.error instanceof Problem && send.error.errors.find((one) => one.pointer.startsWith(pointer))?.message;
	const take = (added: File[]) => {
		send.reset();
		const taken = withFiles(files, added);
		setFiles(taken.files);
		setReplaced(taken.replaced);
		setChoices(withoutFiles(choices, taken.replaced));
	};
	const start = () => {
		send.reset();
		setFiles([]);
		setReplaced([]);
		setChoices({});
	};
	const [wrongField] = Object.values(problems);
	// What is shown meanwhile is of the files or columns before, and must not decide.
	const isReading = !wrongField && (preview.isPlaceholderData || preview.isLoading);
	const reason = wrongField
		? `Import rule: ${wrongField}.`
		: isReading
			? "Reading …"
			: importProblem(files, preview.data);

	return (
		<Panel title="Import a dataset">
			<Stack gap="sm">
				<Dropzone onDrop={take} p="md" inputProps={{ "aria-label": "Files" }} aria-label="Choose files">
					<Group justify="center" gap="sm" wrap="nowrap">
						<UploadIcon width={22} height={22} className="fixed" />
						<div>
							<Text size="sm" fw={500}>
								{files.length > 0 ? "Drop more files here, or press to choose" : "Drop files here, or press to choose"}
							</Text>
							<Text size="xs" c="dimmed">
								Who chose what: a table with a user and an item column, and maybe a second one with titles and tags of
								items. CSV, TSV, JSON, Parquet or RecBole, also gzip, zstd or a zip archive.
							</Text>
						</div>
					</Group>
				</Dropzone>
				{files.length === 0 ? (
					<>
						<Group gap="xs">
							<Text size="sm" c="dimmed">
								No file at hand?
							</Text>
							<Button
								size="compact-sm"
								variant="light"
								loading={takeSample.isPending}
								onClick={() => takeSample.mutate(undefined, thenShown)}
							>
								Use the sample
							</Button>
						</Group>
						<PublicDatasets />
						<ProblemAlert error={takeSample.error} />
					</>
				) : (
					<>
						<Group gap="4px 16px" justify="space-between">
							<Text size="sm" role="status" className="breaks">
								{filesSentence(files, preview.data, choices)}
							</Text>
							<Button size="compact-xs" variant="subtle" color="gray" onClick={start}>
								Take other files
							</Button>
						</Group>
						{replaced.length > 0 && (
							<Alert color="yellow" p="xs" role="status">
								<Text size="sm" className="breaks">
									There was more than one file of the name {replaced.join(", ")}: only the last one dropped is taken.
									Rename one to import both.
								</Text>
							</Alert>
						)}
						{preview.isPending && !wrongField && (
							<Text size="sm" c="dimmed">
								Reading the beginning of the files …
							</Text>
						)}
						<FilesPreview files={files} preview={preview} onFiles={setFiles} choices={choices} onChoices={setChoices} />
						{preview.data && <Unshown preview={preview.data} said={reason} />}
						<TextInput
							label="Name"
							placeholder={files[0]?.file.name.split(".")[0]}
							maxLength={200}
							maw={420}
							value={name}
							onChange={(event) => setName(event.currentTarget.value)}
							error={refused("/name")}
						/>
						<Collapse expanded={ruleShown}>
							<RuleFields texts={texts} onChange={setTexts} problems={problems} refused={refused} />
						</Collapse>
						<Group justify="space-between">
							<Button
								size="xs"
								variant="subtle"
								leftSection={<MixerVerticalIcon width={16} height={16} />}
								aria-expanded={ruleShown}
								onClick={rulePanel.toggle}
							>
								Import rule: columns, split, filters
							</Button>
							<Group gap="sm">
								{reason && (
									<Text size="sm" c={isReading ? "dimmed" : "red"} role="status" id="import-says">
										{reason}
									</Text>
								)}
								<Button
									size="sm"
									onClick={() => send.mutate(undefined, thenShown)}
									disabled={reason !== null}
									aria-describedby={reason ? "import-says" : undefined}
									loading={send.isPending}
								>
									Import
								</Button>
							</Group>
						</Group>
						{send.isPending && (
							<Progress value={progress * 100} animated aria-label={`${Math.round(progress * 100)} % uploaded`} />
						)}
						<ProblemAlert error={send.error} />
					</>
				)}
			</Stack>
		</Panel>
	);
}

/** Problems of files of which nothing is shown, but for what is said beside the button. */
function Unshown({ preview: { files, problems }, said }: { preview: Preview; said: string | null }) {
	const others = problems.filter(
		(problem) =>
			problemText(problem) !== said && !files.some(({ name, columns }) => name === problem.file && columns.length > 0),
	);
	return (
		others.length > 0 && (
			<Alert color="orange" p="xs">
				{others.map((problem) => (
					<Text key={problemText(problem)} size="sm" className="breaks">
						{problemText(problem)}
					</Text>
				))}
			</Alert>
		)
	);
}
