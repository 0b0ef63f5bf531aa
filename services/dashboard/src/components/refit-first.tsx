import { Anchor, Button, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { Run } from "@valence/client";
import { useEffect, useState } from "react";
import { Link } from "react-router";
import { api } from "../api";
import { isName, replaced, type Servable, toServe } from "../deploying";
import { isOpen, keys, runQuery } from "../queries";
import { useDeployments } from "../serving-queries";
import { ConfirmButton } from "./confirm-button";
import { DeployButton, useDeploy } from "./deploy-button";
import { ProblemAlert } from "./feedback";

interface Props {
	/** One that has been tested. */
	run: Pick<Run, "id" | "refit">;
	/** What its best checkpoint is called, for the question that replacing something asks. */
	checkpoint: Servable;
	/** The name to serve under. */
	name: string;
	feed?: string | null | undefined;
	/** Does not lead to the Users page. */
	stays?: boolean;
}

const LABEL = "Refit on all data, then deploy";

/** The way to serve what has learnt from every interaction: trains that, and puts it into service once it is there. */
export function RefitFirst({ run, checkpoint, name, feed, stays = false }: Props) {
	const client = useQueryClient();
	const deployments = useDeployments();
	const { mutate: deploy, isIdle: isNotYet } = useDeploy(name, stays);
	const [isWanted, setWanted] = useState(false);
	const begin = useMutation({
		mutationFn: () => api.post("/runs/{id}/refit", { path: { id: run.id } }),
		onSuccess: async () => {
			setWanted(true);
			await client.invalidateQueries({ queryKey: keys.run(run.id), exact: true });
			await client.invalidateQueries({ queryKey: keys.experiments });
		},
	});
	const id = begin.data?.id ?? run.refit?.id ?? "";
	const refit = useQuery({ ...runQuery(id), enabled: id !== "" }).data;
	const done = refit?.state === "SUCCEEDED" ? toServe(refit.checkpoints) : undefined;
	useEffect(() => {
		if (isWanted && done && isNotYet) deploy({ checkpoint: done.id, feed });
	}, [isWanted, done, isNotYet, deploy, feed]);

	if (id !== "" && !refit) return null;
	if (done)
		return <DeployButton size="xs" name={name} checkpoint={done} feed={feed} stays={stays} label="Deploy the refit" />;
	if (refit && isOpen(refit.state)) {
		return (
			<Text size="xs" c="dimmed" role="status">
				<Anchor component={Link} to={`/runs/${refit.id}`} size="xs" underline="always">
					The refit
				</Anchor>{" "}
				is {Math.round(refit.progress * 100)} % done
				{isWanted ? `; ${name} serves it then, if this page is still open.` : "."}
			</Text>
		);
	}
	const shared = { size: "xs", loading: begin.isPending, disabled: !isName(name) || !deployments.data };
	const now = deployments.data?.find((one) => one.name === name);
	const asks = replaced(now, checkpoint, feed);
	return (
		<>
			{asks ? (
				<ConfirmButton {...shared} label={LABEL} {...asks} confirmColor="indigo" onConfirm={() => begin.mutate()} />
			) : (
				<Button {...shared} onClick={() => begin.mutate()}>
					{LABEL}
				</Button>
			)}
			<ProblemAlert error={begin.error} />
		</>
	);
}
