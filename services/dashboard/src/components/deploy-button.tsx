import { Button, type ButtonProps, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { Problem } from "@valence/client";
import { useNavigate } from "react-router";
import { api } from "../api";
import { isName, replaced, type Servable, servableSentence, withFeed } from "../deploying";
import { inWords } from "../in-words";
import { userPath } from "../links";
import { keys } from "../queries";
import { randomUser, useDeployments } from "../serving-queries";
import { ConfirmButton } from "./confirm-button";

interface Props extends ButtonProps {
	/** The name that it is served under. */
	name: string;
	checkpoint: Servable & { id: string };
	/** Whose rows join people's histories; as it is where nothing is said. */
	feed?: string | null | undefined;
	label?: string;
	/** Does not lead to the Users page. */
	stays?: boolean;
}

/** Serves a checkpoint, by its id, under the name; leads to what somebody now gets, unless it stays. */
export function useDeploy(name: string, stays = false) {
	const client = useQueryClient();
	const navigate = useNavigate();
	return useMutation({
		mutationFn: ({ checkpoint, feed }: { checkpoint: string; feed?: string | null | undefined }) =>
			api.put("/deployments/{name}", { path: { name }, body: { checkpoint, ...(feed !== undefined && { feed }) } }),
		onSuccess: async (served) => {
			notifications.show({
				message: `${name} serves ${served.checkpoint.model}, epoch ${served.checkpoint.epoch}${withFeed(served)}`,
				color: "teal",
			});
			await client.invalidateQueries({ queryKey: keys.deployments });
			await client.invalidateQueries({ queryKey: keys.users });
			if (stays) return;
			const somebody = await randomUser(name).catch(() => undefined);
			const search = new URLSearchParams({ deployment: name });
			navigate(somebody === undefined ? `/users?${search}` : userPath(somebody, search));
		},
		onError: (error) => {
			const { title, hint } = inWords(error as Problem);
			notifications.show({ title, message: hint ?? "", color: "red", autoClose: false });
		},
	});
}

/** Puts a checkpoint into service. Asks where it replaces another model's or dataset's. */
export function DeployButton({ name, checkpoint, feed, label = "Deploy", stays = false, ...button }: Props) {
	const deployments = useDeployments();
	const now = deployments.data?.find((one) => one.name === name);
	const deploy = useDeploy(name, stays);
	const shared = { loading: deploy.isPending, disabled: !isName(name) || !deployments.data, ...button };
	const asks = replaced(now, checkpoint, feed);
	const serve = () => deploy.mutate({ checkpoint: checkpoint.id, feed });
	return asks ? (
		<ConfirmButton {...shared} label={label} {...asks} confirmColor="indigo" onConfirm={serve} />
	) : (
		<Button {...shared} onClick={serve}>
			{label}
		</Button>
	);
}

/** What a name serves now, or why nothing can be deployed while that is not known. */
export function ServedNow({ name }: { name: string }) {
	const deployments = useDeployments();
	if (deployments.error && !deployments.data) {
		return (
			<Text size="xs" c="red" role="status" className="breaks">
				{`${inWords(deployments.error as Problem).title}: what is served now cannot be read, and nothing is replaced unseen.`}
			</Text>
		);
	}
	if (!deployments.data) return null;
	const now = deployments.data.find((one) => one.name === name);
	return (
		<Text size="xs" c="dimmed" className="breaks">
			{now
				? `${name} serves ${servableSentence(now.checkpoint)}${withFeed(now)} now.`
				: `Nothing is served as ${name || "that"} yet.`}
		</Text>
	);
}
