import { Alert, Anchor, Checkbox, Stack } from "@mantine/core";
import { Link } from "react-router";
import { useKeys } from "../access-queries";
import { NewestFirstPages } from "../components/cursor-pages";
import { Panel } from "../components/facts";
import { EmptyState, Loaded } from "../components/feedback";
import { KeyForm } from "../components/key-form";
import { KeyTable } from "../components/key-table";
import { PageHeader } from "../components/page-header";
import { useSystem } from "../queries";
import { useAddress } from "../use-address";

export function KeysPage() {
	const { search, change } = useAddress();
	const { data: system } = useSystem();
	const revoked = search.get("revoked") === "true";
	const keys = useKeys(revoked, search.get("cursor"));
	return (
		<Stack>
			<PageHeader
				title="Keys"
				details={
					<>
						Each with a name and what it may do. Those of API_KEYS may do everything, and are not listed.{" "}
						<Anchor component={Link} to="/audit" size="sm">
							Who changed what
						</Anchor>
					</>
				}
			/>
			{system?.authentication === false && (
				<Alert color="yellow" title="This service asks nobody for a key">
					It listens on this machine alone, and whoever reaches it may do everything. With API_KEYS set, every request
					needs one; a key that is sent is held to its scope all the same.
				</Alert>
			)}
			<Panel title="New key">
				<KeyForm />
			</Panel>
			<Loaded query={keys}>
				{({ items, nextCursor }) => (
					<>
						<Checkbox
							size="xs"
							label="Show those that were revoked"
							checked={revoked}
							onChange={(event) => change({ revoked: event.currentTarget.checked ? "true" : null, cursor: null })}
						/>
						{items.length === 0 ? (
							<EmptyState title="No key yet">What is made above appears here.</EmptyState>
						) : (
							<KeyTable keys={items} />
						)}
						<NewestFirstPages nextCursor={nextCursor} />
					</>
				)}
			</Loaded>
		</Stack>
	);
}
