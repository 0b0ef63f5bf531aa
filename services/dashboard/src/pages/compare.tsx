import { Anchor, Button, Stack } from "@mantine/core";
import { useQueries } from "@tanstack/react-query";
import { Link, useSearchParams } from "react-router";
import { MOST_LINES } from "../colours";
import { CompareWays } from "../components/compare-ways";
import { Comparison } from "../components/comparison";
import { EmptyState, ProblemAlert } from "../components/feedback";
import { PageHeader } from "../components/page-header";
import { RunPicker } from "../components/run-picker";
import { runQuery } from "../queries";

/** The chosen runs are in the address, so that a comparison can be shared. */
export function ComparePage() {
	const [search, setSearch] = useSearchParams();
	const ids = [...new Set((search.get("runs") ?? "").split(",").filter(Boolean))].slice(0, MOST_LINES);
	const setIds = (next: string[]) => setSearch(next.length > 0 ? { runs: next.join(",") } : {});
	const details = useQueries({ queries: ids.map(runQuery) });
	const runs = details.flatMap(({ data }) => (data ? [data] : []));
	return (
		<Stack>
			<PageHeader
				title="Compare"
				details={ids.length > 0 ? `${ids.length} of at most ${MOST_LINES}` : undefined}
				actions={
					ids.length > 0 && (
						<Button size="xs" variant="default" onClick={() => setIds([])}>
							Start anew
						</Button>
					)
				}
			/>
			<CompareWays now="/compare" />
			<RunPicker ids={ids} setIds={setIds} />
			<ProblemAlert error={details.find(({ error }) => error)?.error ?? null} />
			{ids.length === 0 && (
				<EmptyState title="Choose runs first">
					Choose an experiment above and the runs of it, as many experiments as you like; or open an{" "}
					<Anchor component={Link} to="/experiments" underline="always">
						experiment
					</Anchor>
					, tick its runs and press Compare.
				</EmptyState>
			)}
			{runs.length > 0 && <Comparison runs={runs} remove={(id) => setIds(ids.filter((one) => one !== id))} />}
		</Stack>
	);
}
