import { Button, Collapse, FileInput, Group, Progress, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { Dropzone } from "@mantine/dropzone";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { IconAdjustments, IconUpload } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ProblemError, upload } from "../api";
import { EMPTY_RULE, parseRule, type RuleTexts, roleOf } from "../dataset-rule";
import { bytes } from "../format";
import { keys } from "../queries";
import type { Dataset } from "../shapes";
import { Panel } from "./facts";
import { ProblemAlert } from "./feedback";
import { RuleFields } from "./rule-fields";

export function UploadForm({ onUploaded }: { onUploaded: (dataset: Dataset) => void }) {
	const client = useQueryClient();
	const [name, setName] = useState("");
	const [files, setFiles] = useState<File[]>([]);
	const [items, setItems] = useState<File | null>(null);
	const [texts, setTexts] = useState<RuleTexts>(EMPTY_RULE);
	const [progress, setProgress] = useState(0);
	const [ruleShown, rulePanel] = useDisclosure();
	const { rule, problems } = parseRule(texts);

	const send = useMutation({
		mutationFn: () => {
			setProgress(0);
			// Fields before files: the service streams the files on as they come.
			const form = new FormData();
			form.set("name", name.trim() || (files[0]?.name.split(".")[0] ?? "dataset"));
			form.set("rule", JSON.stringify(rule));
			for (const file of files) form.append(roleOf(file.name), file, file.name);
			if (items) form.append("items", items, items.name);
			return upload<Dataset>("/datasets", form, setProgress);
		},
		onSuccess: async (dataset) => {
			if (dataset.state === "SUCCEEDED") {
				notifications.show({ message: `The same bytes and rule are here already, as ${dataset.name}.` });
			}
			setFiles([]);
			setItems(null);
			setName("");
			await client.invalidateQueries({ queryKey: keys.datasets });
			onUploaded(dataset);
		},
	});
	const refused = (pointer: string) =>
		send.error instanceof ProblemError && send.error.errors.find((one) => one.pointer.startsWith(pointer))?.message;

	return (
		<Panel title="Upload">
			<Stack gap="sm">
				<Dropzone onDrop={setFiles} p="md" inputProps={{ "aria-label": "Interaction files" }} aria-label="Choose files">
					<Group justify="center" gap="sm" wrap="nowrap">
						<IconUpload size={22} stroke={1.6} className="fixed" />
						<div>
							<Text size="sm" fw={500} className="breaks">
								{files.length > 0
									? files.map((file) => `${file.name} (${roleOf(file.name)}, ${bytes(file.size)})`).join(", ")
									: "Drop interactions here, or press to choose"}
							</Text>
							<Text size="xs" c="dimmed">
								CSV, TSV or RecBole .inter, plain or gzip, with a user and an item column; or ready-made parts named
								.train. .valid. .test.
							</Text>
						</div>
					</Group>
				</Dropzone>
				<SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
					<TextInput
						label="Name"
						placeholder="from the file"
						maxLength={200}
						value={name}
						onChange={(event) => setName(event.currentTarget.value)}
						error={refused("/name")}
					/>
					<FileInput
						label="Item titles"
						placeholder="optional file with item and title columns"
						value={items}
						onChange={setItems}
						clearable
						clearButtonProps={{ "aria-label": "Take the file out" }}
					/>
				</SimpleGrid>
				<Collapse expanded={ruleShown}>
					<RuleFields texts={texts} onChange={setTexts} problems={problems} refused={refused} />
				</Collapse>
				<Group justify="space-between">
					<Button
						size="xs"
						variant="subtle"
						leftSection={<IconAdjustments size={16} />}
						aria-expanded={ruleShown}
						onClick={rulePanel.toggle}
					>
						Import rule: columns, split, filters
					</Button>
					<Button
						size="sm"
						onClick={() => send.mutate()}
						disabled={files.length === 0 || Object.keys(problems).length > 0}
						loading={send.isPending}
					>
						Upload
					</Button>
				</Group>
				{send.isPending && (
					<Progress value={progress * 100} animated aria-label={`${Math.round(progress * 100)} % uploaded`} />
				)}
				<ProblemAlert error={send.error} />
			</Stack>
		</Panel>
	);
}
