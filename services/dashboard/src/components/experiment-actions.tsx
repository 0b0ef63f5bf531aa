import { Button } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "react-router";
import { remove } from "../api";
import { isOpen, keys } from "../queries";
import type { Experiment, Run } from "../shapes";
import { CancelButton } from "./cancel-button";
import { ConfirmButton } from "./confirm-button";
import { ProblemAlert } from "./feedback";

/** Compare what is drawn, cancel what is open, delete what is over. */
export function ExperimentActions({ experiment, drawn }: { experiment: Experiment; drawn: Run[] }) {
	const { id, name, state } = experiment;
	const client = useQueryClient();
	const navigate = useNavigate();
	const discard = useMutation({
		mutationFn: () => remove(`/experiments/${id}`),
		onSuccess: async () => {
			navigate("/experiments");
			await client.invalidateQueries({ queryKey: [...keys.experiments, "list"] });
		},
	});
	return (
		<>
			{drawn.length > 1 && (
				<Button
					size="xs"
					variant="default"
					component={Link}
					to={`/compare?runs=${drawn.map((run) => run.id).join(",")}`}
				>
					Compare {drawn.length} runs
				</Button>
			)}
			{isOpen(state) ? (
				<CancelButton path={`/experiments/${id}`} shownBy={keys.experiments} />
			) : (
				<ConfirmButton
					size="xs"
					color="red"
					variant="subtle"
					label="Delete"
					question={`Delete ${name} with its runs and checkpoints?`}
					loading={discard.isPending}
					onConfirm={() => discard.mutate()}
				/>
			)}
			<ProblemAlert error={discard.error} />
		</>
	);
}
