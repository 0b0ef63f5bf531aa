import { Button } from "@mantine/core";
import { type QueryKey, useMutation, useQueryClient } from "@tanstack/react-query";
import { ProblemAlert } from "./feedback";

interface Props {
	/** Asks the service. */
	cancel: () => Promise<unknown>;
	/** The queries that show it. */
	shownBy: QueryKey;
	/** Somebody else, or this page before it was loaded anew, has asked already. */
	requested?: boolean;
}

/** Asks to cancel what is open. It goes on until the trainer has heard of it. */
export function CancelButton({ cancel: ask, shownBy, requested = false }: Props) {
	const client = useQueryClient();
	const cancel = useMutation({
		mutationFn: ask,
		onSettled: () => client.invalidateQueries({ queryKey: shownBy }),
	});
	const isRequested = requested || cancel.isSuccess;
	return (
		<>
			<Button
				size="xs"
				color="red"
				variant="light"
				disabled={isRequested}
				loading={cancel.isPending}
				onClick={() => cancel.mutate()}
			>
				{isRequested ? "Cancelling" : "Cancel"}
			</Button>
			<ProblemAlert error={cancel.error} />
		</>
	);
}
