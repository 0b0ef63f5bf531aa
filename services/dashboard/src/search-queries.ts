// What pages ask of searches.
import { queryOptions, useQuery } from "@tanstack/react-query";
import { api } from "./api";

const POLL_MS = 2_000;
/** What the trainer works out; it changes slowly. */
const IMPORTANCE_MS = 10_000;

const searchQuery = (id: string) =>
	queryOptions({
		queryKey: ["searches", id],
		queryFn: () => api.get("/searches/{id}", { path: { id } }),
		refetchInterval: (query) => (query.state.data?.isOver === false ? POLL_MS : false),
	});

export const useSearch = (id: string) => useQuery(searchQuery(id));

/** Asked for anew while the search goes on, and once when it is over. */
export const useImportance = (id: string, isOver: boolean) =>
	useQuery({
		queryKey: ["searches", id, "importance", isOver],
		queryFn: () => api.get("/searches/{id}/importance", { path: { id } }),
		refetchInterval: isOver ? false : IMPORTANCE_MS,
		placeholderData: (before) => before,
	});
