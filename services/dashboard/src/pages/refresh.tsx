import { Stack } from "@mantine/core";
import { useParams } from "react-router";
import { api } from "../api";
import { CancelButton } from "../components/cancel-button";
import { Loaded } from "../components/feedback";
import { PageHeader } from "../components/page-header";
import { RefreshBadge } from "../components/refresh-badge";
import { RefreshDetails } from "../components/refresh-details";
import { when } from "../format";
import { isOpen } from "../queries";
import { refreshKeys, useRefresh } from "../refresh-queries";

export function RefreshPage() {
	const { id = "" } = useParams();
	return (
		<Loaded query={useRefresh(id)}>
			{(refresh) => (
				<Stack>
					<PageHeader
						title={`Refresh of ${refresh.deployment}`}
						parent={{ to: "/deployments", label: "Deployments" }}
						badge={<RefreshBadge refresh={refresh} />}
						details={when(refresh.createdAt)}
						actions={
							isOpen(refresh.state) && (
								<CancelButton
									cancel={() => api.post("/refreshes/{id}/cancel", { path: { id } })}
									shownBy={refreshKeys.one(id)}
									requested={refresh.cancelRequested}
								/>
							)
						}
					/>
					<RefreshDetails refresh={refresh} />
				</Stack>
			)}
		</Loaded>
	);
}
