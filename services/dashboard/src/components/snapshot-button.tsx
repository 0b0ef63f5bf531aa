import { Button, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type Feed, Problem } from "@valence/client";
import { useState } from "react";
import { useNavigate } from "react-router";
import { api } from "../api";
import { EMPTY_RULE, parseRule } from "../dataset-rule";
import { count } from "../format";
import { datasetPath } from "../links";
import { keys } from "../queries";
import { ProblemAlert } from "./feedback";
import { RuleFields } from "./rule-fields";

/** Takes a feed as it is now as a dataset, split and filtered as is asked. */
export function SnapshotButton({ feed }: { feed: Feed }) {
	const navigate = useNavigate();
	const client = useQueryClient();
	const [opened, { open, close }] = useDisclosure();
	const [name, setName] = useState("");
	const [texts, setTexts] = useState(EMPTY_RULE);
	const { rule, problems } = parseRule(texts);
	const take = useMutation({
		mutationFn: () =>
			api.post("/feeds/{name}/snapshots", {
				path: { name: feed.name },
				body: { rule, ...(name.trim() !== "" && { name: name.trim() }) },
			}),
		onSuccess: (dataset) => {
			if (dataset.state === "SUCCEEDED")
				notifications.show({ message: `The same rows and rule are here already, as ${dataset.name}.` });
			navigate(datasetPath(dataset.id));
		},
		onSettled: () => client.invalidateQueries({ queryKey: keys.datasets }),
	});
	const refused = (pointer: string) =>
		take.error instanceof Problem && take.error.errors.find((one) => one.pointer.startsWith(pointer))?.message;
	return (
		<>
			<Button disabled={feed.interactions === 0} onClick={open}>
				Take a snapshot
			</Button>
			<Modal opened={opened} onClose={close} title={`Take ${feed.name} as a dataset`} size="lg">
				<Stack gap="sm">
					<Text size="sm" c="dimmed">
						The {count(feed.interactions)} interactions that are there now, with titles and tags. What is sent meanwhile
						is in the next one.
					</Text>
					<TextInput
						label="Name"
						placeholder="made from the feed and the time"
						value={name}
						maxLength={200}
						onChange={(event) => setName(event.currentTarget.value)}
						error={refused("/name")}
					/>
					<RuleFields ofFeed texts={texts} onChange={setTexts} problems={problems} refused={refused} />
					<ProblemAlert error={take.error} />
					<Group justify="end">
						<Button variant="default" onClick={close}>
							Close
						</Button>
						<Button loading={take.isPending} disabled={Object.keys(problems).length > 0} onClick={() => take.mutate()}>
							Take it
						</Button>
					</Group>
				</Stack>
			</Modal>
		</>
	);
}
