import { Button, Group, Stack, Text, Title } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { Deployment, RefreshRule } from "@valence/client";
import { useEffect, useState } from "react";
import { api } from "../api";
import { count, when } from "../format";
import { isOpen, keys, useModels } from "../queries";
import { refreshKeys, useRefreshes, useRefreshRule } from "../refresh-queries";
import { ruleSentence, withPaused } from "../refreshing";
import { ConfirmButton } from "./confirm-button";
import { Loaded, ProblemAlert } from "./feedback";
import { RefreshEditor } from "./refresh-editor";
import { RefreshTable } from "./refresh-table";

/** How a deployment renews itself, whether it does, and what came of it. */
export function RefreshSection({ deployment }: { deployment: Deployment }) {
	const { name, renews, checkpoint } = deployment;
	const client = useQueryClient();
	const rule = useRefreshRule(deployment);
	const refreshes = useRefreshes(deployment);
	const [isEdited, setEdited] = useState(false);
	const switchedTo = refreshes.data?.find(({ outcome }) => outcome === "switched")?.newCheckpointId ?? null;
	// What a refresh has put into service meanwhile is shown without a reload.
	useEffect(() => {
		if (switchedTo !== null && switchedTo !== checkpoint.id)
			void client.invalidateQueries({ queryKey: keys.deployments, exact: true });
	}, [switchedTo, checkpoint.id, client]);
	const edit = () => setEdited(true);
	return (
		<Stack gap="xs">
			<Title order={3} size="h5">
				Refresh
			</Title>
			{isEdited ? (
				<RefreshEditor
					deployment={deployment}
					spec={renews ? (rule.data?.spec ?? null) : null}
					onDone={() => setEdited(false)}
				/>
			) : renews ? (
				<Loaded query={rule}>{(set) => <RuleLine rule={set} onEdit={edit} />}</Loaded>
			) : (
				<Group gap="xs">
					<Text size="sm" c="dimmed" flex="1 1 260px">
						It serves the same checkpoint until somebody deploys another. A refresh trains anew on a feed, by a
						schedule, and switches only where what it trained is as good.
					</Text>
					<Button size="xs" variant="default" onClick={edit}>
						Renew it by itself
					</Button>
				</Group>
			)}
			{refreshes.data && refreshes.data.length > 0 && <RefreshTable name={name} refreshes={refreshes.data} />}
		</Stack>
	);
}

/** The rule in a sentence, and what can be done with it. */
function RuleLine({ rule, onEdit }: { rule: RefreshRule; onEdit: () => void }) {
	const { deployment: name, spec, newInteractions, nextAt, last } = rule;
	const client = useQueryClient();
	const title = useModels().data?.find((model) => model.name === spec.model)?.title ?? spec.model;
	const onSettled = async () => {
		await client.invalidateQueries({ queryKey: keys.deployments, exact: true });
		await client.invalidateQueries({ queryKey: refreshKeys.of(name) });
	};
	const path = { name };
	const pause = useMutation({
		mutationFn: () => api.put("/deployments/{name}/refresh", { path, body: withPaused(spec, !spec.paused) }),
		onSettled,
	});
	const remove = useMutation({
		mutationFn: () => api.delete("/deployments/{name}/refresh", { path }),
		// Not the rule, which is not there any more.
		onSettled: () => client.invalidateQueries({ queryKey: keys.deployments, exact: true }),
	});
	const begin = useMutation({
		mutationFn: (force: boolean) => api.post("/deployments/{name}/refreshes", { path, body: { force } }),
		onSettled: () => client.invalidateQueries({ queryKey: refreshKeys.of(name) }),
	});
	const next = spec.paused ? "Paused: nothing begins by itself." : nextAt === null ? "" : `Next ${when(nextAt)}.`;
	const isFew = newInteractions < spec.minNew;
	return (
		<>
			<Text size="sm" className="breaks">
				{ruleSentence(spec, title)}
			</Text>
			<Text size="xs" c="dimmed">
				{[next, `${count(newInteractions)} new since the last snapshot.`].filter(Boolean).join(" ")}
			</Text>
			<Group gap="xs">
				<Button
					size="xs"
					loading={begin.isPending}
					disabled={last !== null && isOpen(last.state)}
					onClick={() => begin.mutate(isFew)}
				>
					{isFew ? "Refresh now all the same" : "Refresh now"}
				</Button>
				<Button size="xs" variant="default" onClick={onEdit}>
					Edit
				</Button>
				<Button size="xs" variant="default" loading={pause.isPending} onClick={() => pause.mutate()}>
					{spec.paused ? "Resume" : "Pause"}
				</Button>
				<ConfirmButton
					size="xs"
					color="red"
					variant="subtle"
					label="Delete rule"
					question={`Delete the rule by which ${name} renews itself?`}
					consequence="Nothing is renewed by itself any more. A refresh under way goes on, and earlier ones stay."
					loading={remove.isPending}
					onConfirm={() => remove.mutate()}
				/>
			</Group>
			<ProblemAlert error={begin.error ?? pause.error ?? remove.error} />
		</>
	);
}
