import { Alert, Stack } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { Deployment } from "@valence/client";
import { useState } from "react";
import { api } from "../api";
import { count } from "../format";
import { keys } from "../queries";
import { useHidden } from "../serving-queries";
import { Loaded, ProblemAlert } from "./feedback";
import { ItemsField } from "./items-field";

/** Items that nobody is recommended. */
export function HiddenItems({ deployment: { name, hidden } }: { deployment: Deployment }) {
	const [isOpen, setOpen] = useState(false);
	return (
		<details onToggle={(event) => setOpen(event.currentTarget.open)}>
			<summary>Hidden items, {count(hidden)}</summary>
			{isOpen && <Editor deployment={name} />}
		</details>
	);
}

function Editor({ deployment }: { deployment: string }) {
	const client = useQueryClient();
	const hide = useMutation({
		mutationFn: (items: string[]) =>
			api.put("/deployments/{name}/hidden", { path: { name: deployment }, body: { items } }),
		onSettled: () => client.invalidateQueries({ queryKey: keys.deployments }),
	});
	return (
		<Loaded query={useHidden(deployment)}>
			{({ items, unknown }) => (
				<Stack gap="xs" mt="xs">
					<ItemsField
						deployment={deployment}
						label="Never recommended"
						description="Holds at once, for every answer of this deployment, and for the checkpoints that follow."
						picked={items}
						disabled={hide.isPending}
						onChange={(ids) => hide.mutate([...ids, ...unknown])}
					/>
					{unknown.length > 0 && (
						<Alert color="yellow">Hidden too, but not in the data of what is served now: {unknown.join(", ")}</Alert>
					)}
					<ProblemAlert error={hide.error} />
				</Stack>
			)}
		</Loaded>
	);
}
