import { Button, type ButtonProps, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { NewComparison } from "@valence/client";
import { useNavigate } from "react-router";
import { api } from "../api";
import { comparisonKeys } from "../comparison-queries";
import { comparisonPath } from "../comparison-view";
import { ProblemAlert } from "./feedback";

interface Props extends ButtonProps {
	asked: NewComparison;
	/** Why it is not taken, and what to do instead. */
	refusal: string | null;
	way: string;
}

/** Asks for a comparison and goes to its page. */
export function TestDifferences({ asked, refusal, way, ...button }: Props) {
	const client = useQueryClient();
	const navigate = useNavigate();
	const begin = useMutation({
		mutationFn: () => api.post("/comparisons", { body: asked }),
		onSuccess: async ({ id }) => {
			navigate(comparisonPath(id));
			await client.invalidateQueries({ queryKey: comparisonKeys.all });
		},
	});
	return (
		<>
			<Button
				size="xs"
				{...button}
				disabled={refusal !== null}
				loading={begin.isPending}
				onClick={() => begin.mutate()}
			>
				Test the differences
			</Button>
			{refusal !== null && (
				<Text size="xs" c="dimmed" maw={360}>
					{refusal} {way}
				</Text>
			)}
			<ProblemAlert error={begin.error} />
		</>
	);
}
