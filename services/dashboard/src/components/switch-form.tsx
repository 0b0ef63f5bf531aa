import { Button, Group, Select } from "@mantine/core";
import { useState } from "react";
import { useCheckpoints } from "../queries";
import type { Checkpoint } from "../shapes";

interface Props {
	serving: string;
	isPending: boolean;
	onSwitch: (checkpoint: string) => void;
}

const nameOf = ({ model, epoch, experiment, isBest, id }: Checkpoint) =>
	`${model}, epoch ${epoch}${isBest ? " (best)" : ""}, ${experiment.name} · ${id.slice(-6)}`;

/** Puts another checkpoint into service; it answers only once it is loaded and warm. */
export function SwitchForm({ serving, isPending, onSwitch }: Props) {
	const checkpoints = useCheckpoints();
	const [chosen, setChosen] = useState<string | null>(null);
	return (
		<Group align="end" gap="xs">
			<Select
				label="Serve another checkpoint"
				placeholder="choose one"
				size="xs"
				flex="1 1 260px"
				maw={520}
				searchable
				data={(checkpoints.data ?? [])
					.filter(({ id }) => id !== serving)
					.map((one) => ({ value: one.id, label: nameOf(one) }))}
				value={chosen}
				onChange={setChosen}
			/>
			<Button size="xs" disabled={chosen === null} loading={isPending} onClick={() => chosen && onSwitch(chosen)}>
				Switch
			</Button>
		</Group>
	);
}
