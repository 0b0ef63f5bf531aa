import { Button } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { download, hasKey } from "../api";
import { ProblemAlert } from "./feedback";

/** A link; where the service asks for a key, which no link can carry, the file is fetched and then saved. */
export function DownloadButton({ path, label = "Download" }: { path: string; label?: string }) {
	const fetching = useMutation({ mutationFn: () => download(path) });
	if (!hasKey()) {
		return (
			<Button component="a" href={path} download size="compact-xs" variant="light">
				{label}
			</Button>
		);
	}
	return (
		<>
			<Button size="compact-xs" variant="light" loading={fetching.isPending} onClick={() => fetching.mutate()}>
				{label}
			</Button>
			<ProblemAlert error={fetching.error} />
		</>
	);
}
