import { SimpleGrid, Stack } from "@mantine/core";
import { useInViewport } from "@mantine/hooks";
import type { Serving } from "@valence/client";
import { bytes, count, percent, tick } from "../format";
import { useServing } from "../serving-queries";
import { summaryOf } from "../traffic";
import { Facts } from "./facts";
import { Loaded } from "./feedback";
import { TrafficCharts } from "./traffic-charts";

const ms = (value: number | null | undefined) => (value == null ? "–" : `${tick(value)} ms`);

/** How a deployment has answered in the last quarter of an hour, and the memory of its lists. */
export function ServingPanel({ deployment }: { deployment: string }) {
	const { ref, inViewport } = useInViewport();
	return (
		<div ref={ref}>
			<Loaded query={useServing(deployment, inViewport)}>
				{({ lists, traffic }) => (
					<Stack gap="sm">
						<TrafficCharts traffic={traffic} />
						<Figures lists={lists} traffic={traffic} />
					</Stack>
				)}
			</Loaded>
		</div>
	);
}

function Figures({ lists, traffic }: Serving) {
	const { requests, rate, latest, shares } = summaryOf(traffic);
	return (
		<SimpleGrid cols={{ base: 1, md: 2 }} spacing="xl" verticalSpacing={2}>
			<Facts
				rows={[
					["Requests in 15 minutes", count(requests)],
					["Requests a second, last minute", tick(rate)],
					["p50 / p99, latest", `${ms(latest?.p50)} / ${ms(latest?.p99)}`],
					["Answered by", shares.map(({ label, share }) => `${label} ${percent(share)}`).join(", ")],
				]}
			/>
			<Facts
				rows={[
					["Users with a list", `${count(lists.users)} of ${count(lists.total)}`],
					["Memory of lists", `${bytes(lists.bytes)} of ${bytes(lists.budget)}`],
					["Items a list", count(lists.depth)],
					["Warm", lists.warm ? "yes" : "still being made"],
				]}
			/>
		</SimpleGrid>
	);
}
