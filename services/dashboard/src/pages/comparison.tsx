import { Anchor, Code, Progress, Stack, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ComparisonDetail } from "@valence/client";
import { Link, useNavigate, useParams } from "react-router";
import { api } from "../api";
import { comparisonKeys, useComparison } from "../comparison-queries";
import { CancelButton } from "../components/cancel-button";
import { ComparisonFound } from "../components/comparison-found";
import { ConfirmButton } from "../components/confirm-button";
import { Loaded, ProblemAlert, StateBadge } from "../components/feedback";
import { PageHeader } from "../components/page-header";
import { when } from "../format";
import { leaderboardPath } from "../links";
import { isOpen } from "../queries";

export function ComparisonPage() {
	const { id = "" } = useParams();
	return (
		<Loaded query={useComparison(id)}>{(comparison) => <ComparisonView key={id} comparison={comparison} />}</Loaded>
	);
}

function ComparisonView({ comparison }: { comparison: ComparisonDetail }) {
	const { name, state, error, progress, dataset, protocol, createdAt } = comparison;
	const done = progress === null ? 0 : progress.done / Math.max(1, progress.total);
	return (
		<Stack>
			<PageHeader
				title={name}
				parent={{ to: "/comparisons", label: "Comparisons" }}
				badge={<StateBadge state={state} />}
				details={
					<>
						<Anchor component={Link} to={leaderboardPath(dataset.id, protocol.hash)} size="sm" underline="always">
							{dataset.name}
						</Anchor>{" "}
						· {when(createdAt)} · test masks {protocol.maskTest} · protocol <Code>{protocol.hash.slice(0, 10)}</Code>
					</>
				}
				actions={<Actions comparison={comparison} />}
			/>
			<ProblemAlert error={error} />
			{isOpen(state) && (
				<div role="status">
					<Progress value={100 * done} animated aria-label={`${Math.round(100 * done)} % done`} mb={4} />
					<Text size="sm" c="dimmed">
						{progress === null ? "Waits for the trainer." : `${progress.done} of ${progress.total} steps are done.`} The
						result appears here.
					</Text>
				</div>
			)}
			{comparison.result && <ComparisonFound comparison={comparison} />}
		</Stack>
	);
}

function Actions({ comparison: { id, name, state } }: { comparison: ComparisonDetail }) {
	const client = useQueryClient();
	const navigate = useNavigate();
	const discard = useMutation({
		mutationFn: () => api.delete("/comparisons/{id}", { path: { id } }),
		onSuccess: async () => {
			navigate("/comparisons");
			await client.invalidateQueries({
				queryKey: comparisonKeys.all,
				predicate: ({ queryKey }) => queryKey[2] !== id,
			});
		},
	});
	if (isOpen(state))
		return (
			<CancelButton
				cancel={() => api.post("/comparisons/{id}/cancel", { path: { id } })}
				shownBy={comparisonKeys.one(id)}
			/>
		);
	return (
		<>
			<ConfirmButton
				size="xs"
				color="red"
				variant="subtle"
				label="Delete"
				question={`Delete ${name}?`}
				consequence="Its runs stay, and can be compared again."
				loading={discard.isPending}
				onConfirm={() => discard.mutate()}
			/>
			<ProblemAlert error={discard.error} />
		</>
	);
}
