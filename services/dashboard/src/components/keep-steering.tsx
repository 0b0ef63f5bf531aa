import { Button, NativeSelect } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api";
import { keys } from "../queries";
import { steeringOf } from "../serving-queries";

interface Props {
	deployment: string;
	user: string;
	weights: number[];
	onKept: () => void;
}

const WEEK_MS = 7 * 24 * 3_600_000;

/** Keeps the weights, so that they apply to whatever this person is recommended. */
export function KeepSteering({ deployment, user, weights, onKept }: Props) {
	const client = useQueryClient();
	const [lasts, setLasts] = useState("week");
	const keep = useMutation({
		mutationFn: () => {
			const steer = weights.flatMap((weight, interest) => (weight === 1 ? [] : [{ interest, weight }]));
			const until = lasts === "week" ? new Date(Date.now() + WEEK_MS).toISOString() : null;
			const asked = steeringOf(deployment, user);
			// All as usual is what applies where nothing is kept.
			return steer.length === 0
				? api.delete("/users/{id}/steering", asked)
				: api.put("/users/{id}/steering", { ...asked, body: { steer, until } });
		},
		onSuccess: async (kept) => {
			if (kept) client.setQueryData(keys.steering(user, deployment), kept);
			await client.invalidateQueries({ queryKey: keys.user(user, deployment) });
			onKept();
		},
		onError: (error) => notifications.show({ message: error.message, color: "red" }),
	});
	return (
		<>
			<NativeSelect
				size="xs"
				aria-label="Keep for"
				data={[
					{ value: "week", label: "for 7 days" },
					{ value: "undone", label: "until undone" },
				]}
				value={lasts}
				onChange={(event) => setLasts(event.currentTarget.value)}
			/>
			<Button size="xs" loading={keep.isPending} onClick={() => keep.mutate()}>
				Keep
			</Button>
		</>
	);
}
