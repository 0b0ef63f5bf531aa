import { Button, Collapse, Group, Stack } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { MixerVerticalIcon } from "@radix-ui/react-icons";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type Dataset, Problem } from "@valence/client";
import { useState } from "react";
import { api } from "../api";
import { parseRule, textsOf } from "../dataset-rule";
import { keys } from "../queries";
import { ProblemAlert } from "./feedback";
import { RuleFields } from "./rule-fields";

interface Props {
	failed: Dataset;
	/** With the dataset that came of it: another one where the same bytes and rule are here already. */
	onImported: (dataset: Dataset) => void;
}

/** The files of a failed import are still there: another rule may do. */
export function ImportAgain({ failed, onImported }: Props) {
	const client = useQueryClient();
	const [texts, setTexts] = useState(() => textsOf(failed.rule));
	const [shown, panel] = useDisclosure();
	const { rule, problems } = parseRule(texts);
	const again = useMutation({
		mutationFn: () => api.post("/datasets/{id}/imports", { path: { id: failed.id }, body: { rule } }),
		onSuccess: async (dataset) => {
			if (dataset.id !== failed.id) {
				notifications.show({ message: `The same bytes and rule are here already, as ${dataset.name}.` });
			}
			await client.invalidateQueries({ queryKey: keys.datasets });
			onImported(dataset);
		},
	});
	const refused = (pointer: string) =>
		again.error instanceof Problem && again.error.errors.find((one) => one.pointer.startsWith(pointer))?.message;
	return (
		<Stack gap="sm">
			<Group>
				<Button
					size="xs"
					variant="light"
					leftSection={<MixerVerticalIcon width={16} height={16} />}
					aria-expanded={shown}
					onClick={panel.toggle}
				>
					Import again with another rule
				</Button>
			</Group>
			<Collapse expanded={shown}>
				<Stack gap="sm">
					<RuleFields texts={texts} onChange={setTexts} problems={problems} refused={refused} />
					<Group justify="end">
						<Button
							size="xs"
							disabled={Object.keys(problems).length > 0}
							loading={again.isPending}
							onClick={() => again.mutate()}
						>
							Import again
						</Button>
					</Group>
				</Stack>
			</Collapse>
			<ProblemAlert error={again.error} />
		</Stack>
	);
}
