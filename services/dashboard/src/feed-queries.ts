// One hook per query to feeds. What keeps coming is asked for again while somebody looks.
import { useQuery } from "@tanstack/react-query";
import { api } from "./api";
import { isOpen, keys } from "./queries";

const POLL_MS = 5_000;
const SHOWN = 20;

export const useFeeds = () =>
	useQuery({
		queryKey: keys.feeds,
		queryFn: () => api.get("/feeds", { query: { limit: 200 } }),
		select: (page) => page.items,
		refetchInterval: POLL_MS,
	});

export const useFeed = (name: string) =>
	useQuery({
		queryKey: keys.feed(name),
		queryFn: () => api.get("/feeds/{name}", { path: { name } }),
		refetchInterval: POLL_MS,
	});

/** Those of the last days; `interactions` because it is asked for again only when there are more. */
export const useFeedDays = (name: string, interactions: number) =>
	useQuery({
		queryKey: [...keys.feed(name), "days", interactions],
		queryFn: () => api.get("/feeds/{name}/days", { path: { name } }),
		placeholderData: (before) => before,
	});

export const useNewestRows = (name: string) =>
	useQuery({
		queryKey: [...keys.feed(name), "interactions"],
		queryFn: () => api.get("/feeds/{name}/interactions", { path: { name }, query: { limit: SHOWN } }),
		refetchInterval: POLL_MS,
	});

/** Those who came last, or the one of this id. */
export const useFeedUsers = (name: string, user: string) =>
	useQuery({
		queryKey: [...keys.feed(name), "users", user],
		queryFn: () =>
			api.get("/feeds/{name}/users", { path: { name }, query: { limit: SHOWN, ...(user !== "" && { user }) } }),
		select: (page) => page.items,
	});

/** Those named last, or the one of this id. */
export const useFeedItems = (name: string, item: string) =>
	useQuery({
		queryKey: [...keys.feed(name), "items", item],
		queryFn: () =>
			api.get("/feeds/{name}/items", { path: { name }, query: { limit: SHOWN, ...(item !== "" && { item }) } }),
		select: (page) => page.items,
	});

/** Asked for again while one is under way. */
export const useFeedImports = (name: string) =>
	useQuery({
		queryKey: keys.feedImports(name),
		queryFn: () => api.get("/feeds/{name}/imports", { path: { name }, query: { limit: SHOWN } }),
		select: (page) => page.items,
		refetchInterval: (query) => (query.state.data?.items.some((one) => isOpen(one.state)) ? POLL_MS / 5 : false),
	});
