// One hook per query. Polls only while something is still moving.
import { keepPreviousData, queryOptions, useQuery } from "@tanstack/react-query";
import { get } from "./api";
import type {
	Checkpoint,
	Dataset,
	Deployment,
	Evaluation,
	Experiment,
	Model,
	Page,
	Recommendations,
	Run,
	RunDetail,
	Series,
	Similar,
	State,
	System,
	UserInterests,
} from "./shapes";

const POLL_MS = 2_000;
export const isOpen = (state: State | undefined) => state === "QUEUED" || state === "RUNNING";

export const keys = {
	datasets: ["datasets"] as const,
	deployments: ["deployments"] as const,
	experiments: ["experiments"] as const,
	experiment: (id: string) => ["experiments", id] as const,
	run: (id: string) => ["runs", id] as const,
	evaluations: (run: string) => ["runs", run, "evaluations"] as const,
};

export const useSystem = () =>
	useQuery({ queryKey: ["system"], queryFn: () => get<System>("/system"), staleTime: Number.POSITIVE_INFINITY });

export const useModels = () =>
	useQuery({ queryKey: ["models"], queryFn: () => get<{ items: Model[] }>("/models"), select: (page) => page.items });

export const useDatasets = () =>
	useQuery({
		queryKey: keys.datasets,
		queryFn: () => get<Page<Dataset>>("/datasets?limit=200"),
		select: (page) => page.items,
		refetchInterval: (query) =>
			query.state.data?.items.some((dataset) => isOpen(dataset.state)) ? POLL_MS / 2 : false,
	});

export const useExperiments = (filter: URLSearchParams) =>
	useQuery({
		queryKey: [...keys.experiments, "list", filter.toString()],
		queryFn: () => get<Page<Experiment>>(`/experiments?${filter}`),
		placeholderData: keepPreviousData,
		refetchInterval: (query) => (query.state.data?.items.some((one) => isOpen(one.state)) ? POLL_MS : false),
	});

export const useExperiment = (id: string) =>
	useQuery({
		queryKey: keys.experiment(id),
		queryFn: () => get<Experiment>(`/experiments/${id}`),
		refetchInterval: (query) => (isOpen(query.state.data?.state) ? POLL_MS : false),
	});

export const runQuery = (id: string) =>
	queryOptions({
		queryKey: keys.run(id),
		queryFn: () => get<RunDetail>(`/runs/${id}`),
		refetchInterval: (query) => (isOpen(query.state.data?.state) ? POLL_MS : false),
	});

export const useRun = (id: string) => useQuery(runQuery(id));

const lastEpochOf = (series: Series[] = []) =>
	Math.max(0, ...series.flatMap(({ points }) => points.map(({ epoch }) => epoch)));

/** The metrics of a run, asked for again until they reach the epoch that the run is known to have ended. */
export const seriesQuery = ({ id, epoch }: Pick<Run, "id" | "epoch">) =>
	queryOptions({
		queryKey: ["runs", id, "metrics"],
		queryFn: () => get<{ series: Series[] }>(`/runs/${id}/metrics`),
		refetchInterval: (query) => (lastEpochOf(query.state.data?.series) < epoch ? POLL_MS / 4 : false),
	});

export const useEvaluations = (run: string) =>
	useQuery({
		queryKey: keys.evaluations(run),
		queryFn: () => get<{ items: Evaluation[] }>(`/runs/${run}/evaluations`),
		select: (answer) => answer.items,
		refetchInterval: (query) => (query.state.data?.items.some((one) => isOpen(one.state)) ? POLL_MS / 2 : false),
	});

export const useCheckpoints = () =>
	useQuery({
		queryKey: ["checkpoints"],
		queryFn: () => get<Page<Checkpoint>>("/checkpoints?limit=200"),
		select: (page) => page.items,
	});

export const useDeployments = () =>
	useQuery({
		queryKey: keys.deployments,
		queryFn: () => get<{ items: Deployment[] }>("/deployments"),
		select: (page) => page.items,
	});

export const useRecommendations = (user: string, deployment: string) =>
	useQuery({
		queryKey: ["users", user, deployment, "recommendations"],
		queryFn: () =>
			get<Recommendations>(
				`/users/${encodeURIComponent(user)}/recommendations?n=20&deployment=${encodeURIComponent(deployment)}`,
			),
		enabled: user !== "",
	});

export const useInterests = (user: string, deployment: string) =>
	useQuery({
		queryKey: ["users", user, deployment, "interests"],
		queryFn: () =>
			get<UserInterests>(
				`/users/${encodeURIComponent(user)}/interests?n=8&deployment=${encodeURIComponent(deployment)}`,
			),
		enabled: user !== "",
	});

export const useSimilar = (item: string, deployment: string) =>
	useQuery({
		queryKey: ["items", item, deployment, "similar"],
		queryFn: () =>
			get<Similar>(`/items/${encodeURIComponent(item)}/similar?n=20&deployment=${encodeURIComponent(deployment)}`),
		enabled: item !== "",
	});
