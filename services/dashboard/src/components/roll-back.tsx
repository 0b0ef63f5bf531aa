import { Button, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { Deployment } from "@valence/client";
import { useState } from "react";
import { api } from "../api";
import { servableSentence } from "../deploying";
import { keys } from "../queries";
import { ProblemAlert } from "./feedback";

interface Props {
	deployment: Deployment;
	/** What it served once and is still there. */
	to: Deployment["history"][number] & { checkpointId: string };
}

/** Serves again what was served before; asks first, and says what is served then. */
export function RollBack({ deployment: { name, checkpoint, renews }, to }: Props) {
	const client = useQueryClient();
	const [opened, { open, close }] = useDisclosure();
	const [reason, setReason] = useState("");
	const goBack = useMutation({
		mutationFn: () =>
			api.post("/deployments/{name}/rollback", {
				path: { name },
				body: { to: to.checkpointId, ...(reason.trim() !== "" && { reason: reason.trim() }) },
			}),
		onSuccess: (served) => {
			notifications.show({
				message: `${name} serves ${served.checkpoint.model}, epoch ${served.checkpoint.epoch}`,
				color: "teal",
			});
			close();
		},
		onSettled: async () => {
			await client.invalidateQueries({ queryKey: keys.deployments });
			await client.invalidateQueries({ queryKey: keys.users });
		},
	});
	const then = servableSentence({
		model: to.model,
		epoch: to.epoch,
		experiment: { name: to.experiment },
		dataset: { name: to.dataset },
	});
	return (
		<>
			<Button size="compact-xs" variant="default" onClick={open}>
				Roll back
			</Button>
			<Modal opened={opened} onClose={close} title={`Roll ${name} back?`}>
				<Stack gap="sm" ta="left">
					<Text size="sm" c="dimmed" className="breaks">
						{name} serves {servableSentence(checkpoint)} now. From then on it serves {then}, once that is loaded and
						warm.
						{renews && " The next refresh compares with that; pause the rule when it is to stay."}
					</Text>
					<TextInput
						label="Reason"
						description="Kept in the history"
						value={reason}
						maxLength={500}
						onChange={(event) => setReason(event.currentTarget.value)}
					/>
					<ProblemAlert error={goBack.error} />
					<Group justify="end">
						<Button variant="default" onClick={close} data-autofocus>
							Keep
						</Button>
						<Button loading={goBack.isPending} onClick={() => goBack.mutate()}>
							Roll back
						</Button>
					</Group>
				</Stack>
			</Modal>
		</>
	);
}
