import { Switch } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { Deployment, Fallback } from "@valence/client";
import { api } from "../api";
import { keys } from "../queries";
import { ProblemAlert } from "./feedback";

/** What answers for people whom the model does not know. */
export function FallbackSwitch({ deployment: { name, fallback } }: { deployment: Deployment }) {
	const client = useQueryClient();
	const set = useMutation({
		mutationFn: (next: Fallback) =>
			api.put("/deployments/{name}/fallback", { path: { name }, body: { fallback: next } }),
		onSettled: () => client.invalidateQueries({ queryKey: keys.deployments }),
	});
	return (
		<>
			<Switch
				size="sm"
				label="Unknown users get what most people like"
				description="Else they are answered with an error, unless the request itself asks for it."
				checked={(set.isPending ? set.variables : fallback) === "popular"}
				onChange={(event) => set.mutate(event.currentTarget.checked ? "popular" : "none")}
			/>
			<ProblemAlert error={set.error} />
		</>
	);
}
