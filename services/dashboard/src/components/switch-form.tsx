import { Group, Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { Checkpoint } from "@valence/client";
import { useState } from "react";
import { runQuery, useCheckpoints } from "../queries";
import { DeployButton } from "./deploy-button";
import { useFeedChoice } from "./feed-choice";
import { RefitFirst } from "./refit-first";

interface Props {
	/** Of the deployment. */
	name: string;
	serving: string;
}

const labelOf = ({ model, epoch, experiment, isBest, vouchedBy, id }: Checkpoint) =>
	`${model}, epoch ${epoch}${vouchedBy ? " (refit)" : isBest ? " (best)" : ""}, ${experiment.name} · ${id.slice(-6)}`;

/** Puts another checkpoint into service; it answers only once it is loaded and warm. */
export function SwitchForm({ name, serving }: Props) {
	const checkpoints = useCheckpoints().data ?? [];
	const [chosenId, setChosenId] = useState<string | null>(null);
	const chosen = checkpoints.find(({ id }) => id === chosenId && id !== serving);
	const { feed, field } = useFeedChoice(name, chosen?.dataset.id);
	const run = useQuery({ ...runQuery(chosen?.runId ?? ""), enabled: chosen !== undefined }).data;
	return (
		<Group align="end" gap="xs">
			<Select
				label="Serve another checkpoint"
				placeholder="choose one"
				size="xs"
				flex="1 1 260px"
				maw={520}
				searchable
				data={checkpoints.filter(({ id }) => id !== serving).map((one) => ({ value: one.id, label: labelOf(one) }))}
				value={chosen?.id ?? null}
				onChange={setChosenId}
			/>
			{chosen && field}
			{chosen?.isBest && chosen.vouchedBy === null && run?.state === "SUCCEEDED" && (
				<RefitFirst key={run.id} run={run} checkpoint={chosen} name={name} feed={feed} stays />
			)}
			{chosen && (
				<DeployButton size="xs" variant="default" stays label="Switch" name={name} checkpoint={chosen} feed={feed} />
			)}
		</Group>
	);
}
