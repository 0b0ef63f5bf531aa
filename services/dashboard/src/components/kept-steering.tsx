import { Alert, Button, Group, Paper, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { Recommendations } from "@valence/client";
import { api } from "../api";
import { when } from "../format";
import { nameAt, titleOf } from "../interests";
import { keys } from "../queries";
import { steeringOf, useKeptSteering } from "../serving-queries";
import { saidOf } from "../steering";
import { ProblemAlert } from "./feedback";

interface Props {
	deployment: string;
	user: string;
	steering: NonNullable<Recommendations["steering"]>;
	/** Of the interests. */
	names: string[];
	onUndone: () => void;
}

/** What is kept for a person, until when, what of it no longer applies; and the way back. */
export function KeptSteering({ deployment, user, steering: { weights, dropped }, names, onUndone }: Props) {
	const client = useQueryClient();
	const kept = useKeptSteering(deployment, user);
	const undo = useMutation({
		mutationFn: () => api.delete("/users/{id}/steering", steeringOf(deployment, user)),
		onSuccess: onUndone,
		onSettled: () => client.invalidateQueries({ queryKey: keys.user(user, deployment) }),
	});
	const said = weights.flatMap((weight, index) => (weight === 1 ? [] : [`${nameAt(names, index)}: ${saidOf(weight)}`]));
	return (
		<>
			<Paper withBorder p="sm" component="section" aria-label="Kept">
				<Group justify="space-between" wrap="nowrap" align="start">
					<Text size="sm" role="status">
						Kept
						{kept.data && ` ${kept.data.until ? `until ${when(kept.data.until)}` : "until undone"}`}
						{said.length > 0 && `. ${said.join("; ")}`}.
					</Text>
					<Button
						size="compact-xs"
						variant="default"
						className="fixed"
						loading={undo.isPending}
						onClick={() => undo.mutate()}
					>
						Undo
					</Button>
				</Group>
				<ProblemAlert error={undo.error} />
			</Paper>
			{dropped.length > 0 && (
				<Alert color="yellow" title="Kept, but no longer applied">
					{dropped.map(({ weight, items }) => (
						<Text key={items.map(({ id }) => id).join(" ")} size="xs">
							{saidOf(weight)}: {items.map(titleOf).join("; ")}
						</Text>
					))}
					<Text size="xs">What is served now has no interest like that.</Text>
				</Alert>
			)}
		</>
	);
}
