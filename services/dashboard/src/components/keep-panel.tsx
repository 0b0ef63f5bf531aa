import { Button, Group, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type CheckpointsRemoved, type ExperimentDetail, Problem } from "@valence/client";
import { useState } from "react";
import { api } from "../api";
import { bytes, count } from "../format";
import { keepSentence, requestOf, runsProblem, textsOf } from "../keep";
import { isOpen, keys, useKeepPreview } from "../queries";
import { ConfirmButton } from "./confirm-button";
import { Panel } from "./facts";
import { ProblemAlert } from "./feedback";
import { KEEP_HINT, KeepFields } from "./keep-fields";

const amount = ({ checkpoints, bytes: size }: CheckpointsRemoved) =>
	`${count(checkpoints)} ${checkpoints === 1 ? "checkpoint" : "checkpoints"}, ${bytes(size)}`;

/** The rule on what the runs keep, and what another one would remove. */
export function KeepPanel({ experiment }: { experiment: ExperimentDetail }) {
	const { id, keep, state } = experiment;
	const client = useQueryClient();
	const [texts, setTexts] = useState(textsOf(keep));
	const asked = requestOf(texts);
	const isWrong = runsProblem(texts.runs) !== null;
	const isChanged = asked.checkpoints !== keep.checkpoints || (asked.runs ?? null) !== keep.runs;
	const preview = useKeepPreview(id, asked, state, !isWrong && isChanged);
	const apply = useMutation({
		mutationFn: () => api.put("/experiments/{id}/keep", { path: { id }, body: asked }),
		onSuccess: async ({ removed }) => {
			notifications.show({ message: `Removed: ${amount(removed)}`, color: "teal" });
			await Promise.all([
				client.invalidateQueries({ queryKey: keys.experiment(id) }),
				client.invalidateQueries({ queryKey: ["runs"] }),
				client.invalidateQueries({ queryKey: keys.disk }),
			]);
		},
	});
	const refused = (field: string) =>
		apply.error instanceof Problem && apply.error.errors.find(({ pointer }) => pointer === `/${field}`)?.message;
	const removes = preview.data?.removes;
	const waits = isOpen(state) && asked.runs !== undefined ? " Other runs give theirs up once every run has ended." : "";
	return (
		<Panel title="Checkpoints kept">
			<details>
				<summary>Kept: {keepSentence(keep)}. Change</summary>
				<Stack gap="sm" mt="sm">
					<KeepFields texts={texts} onChange={setTexts} refused={refused} />
					<Text size="xs" c="dimmed">
						{KEEP_HINT}
					</Text>
					<Group gap="sm">
						{removes && removes.checkpoints > 0 ? (
							<ConfirmButton
								size="xs"
								label="Apply"
								question={`Remove ${amount(removes)}, and keep ${keepSentence({ ...asked, runs: asked.runs ?? null })}?`}
								disabled={!isChanged || isWrong}
								loading={apply.isPending}
								onConfirm={() => apply.mutate()}
							/>
						) : (
							<Button
								size="xs"
								disabled={!isChanged || isWrong || !removes}
								loading={apply.isPending}
								onClick={() => apply.mutate()}
							>
								Apply
							</Button>
						)}
						<Text size="sm" role="status">
							{isChanged &&
								removes &&
								(removes.checkpoints > 0 ? `Removes ${amount(removes)}, now.` : "Removes nothing now.") + waits}
						</Text>
					</Group>
					<ProblemAlert error={apply.error ?? preview.error} />
				</Stack>
			</details>
		</Panel>
	);
}
