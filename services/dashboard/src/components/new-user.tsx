import { Button, Group, Stack, Textarea } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { post } from "../api";
import type { Recommendations } from "../shapes";
import { ProblemAlert } from "./feedback";
import { Ranking } from "./ranking";

/** Recommendations for somebody who was not in the dataset, from items they like. */
export function NewUser({ deployment }: { deployment: string }) {
	const [text, setText] = useState("");
	const items = [...new Set(text.split("\n").map((line) => line.trim()))].filter(Boolean);
	const ask = useMutation({
		mutationFn: () => post<Recommendations>("/recommendations", { items, n: 20, deployment }),
	});
	return (
		<Stack>
			<Textarea
				label="Items they like"
				description="One item id a line."
				autosize
				minRows={4}
				maxRows={12}
				maw={560}
				value={text}
				onChange={(event) => setText(event.currentTarget.value)}
			/>
			<Group>
				<Button disabled={items.length === 0} loading={ask.isPending} onClick={() => ask.mutate()}>
					Recommend
				</Button>
			</Group>
			<ProblemAlert error={ask.error} />
			{ask.data && <Ranking label="Recommended" answer={ask.data} />}
		</Stack>
	);
}
