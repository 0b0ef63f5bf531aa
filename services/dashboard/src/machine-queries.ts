// The machines, asked for again while somebody looks.
import { useQuery } from "@tanstack/react-query";
import { api } from "./api";

const POLL_MS = 2_000;
export const MACHINES = ["machines"] as const;

export const useMachines = () =>
	useQuery({
		queryKey: MACHINES,
		queryFn: () => api.get("/machines"),
		refetchInterval: POLL_MS,
	});
