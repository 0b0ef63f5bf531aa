// One hook per query to comparisons and to the leaderboard. Polls only while one is open.
import { keepPreviousData, queryOptions, useQuery } from "@tanstack/react-query";
import { api } from "./api";
import { isOpen } from "./queries";

const OPEN_MS = 1_000;
/** Of a dataset, newest first: an older one of the same groups is nobody's last word. */
const LOOKED_THROUGH = 100;

export const comparisonKeys = {
	all: ["comparisons"] as const,
	one: (id: string) => ["comparisons", "one", id] as const,
};

export const useComparisons = (filter: URLSearchParams) =>
	useQuery({
		queryKey: [...comparisonKeys.all, "list", filter.toString()],
		queryFn: () => api.get("/comparisons", { query: Object.fromEntries(filter) }),
		placeholderData: keepPreviousData,
		refetchInterval: (query) => (query.state.data?.items.some(({ state }) => isOpen(state)) ? OPEN_MS : false),
	});

/** None is asked for while `dataset` is empty. */
export const useComparisonsOf = (dataset: string) =>
	useQuery({
		queryKey: [...comparisonKeys.all, "of", dataset],
		queryFn: () => api.get("/comparisons", { query: { dataset, limit: LOOKED_THROUGH } }),
		select: (page) => page.items,
		enabled: dataset !== "",
	});

const comparisonQuery = (id: string) =>
	queryOptions({
		queryKey: comparisonKeys.one(id),
		queryFn: () => api.get("/comparisons/{id}", { path: { id } }),
		enabled: id !== "",
		refetchInterval: (query) => (isOpen(query.state.data?.state) ? OPEN_MS : false),
	});

/** None is asked for while `id` is empty. */
export const useComparison = (id: string) => useQuery(comparisonQuery(id));

/** Under one protocol; the one used last unless another is asked for. */
export const useLeaderboard = (dataset: string, protocol: string | null) =>
	useQuery({
		queryKey: ["leaderboard", dataset, protocol],
		queryFn: () =>
			api.get("/datasets/{id}/leaderboard", {
				path: { id: dataset },
				query: protocol === null ? {} : { protocol },
			}),
		enabled: dataset !== "",
	});
