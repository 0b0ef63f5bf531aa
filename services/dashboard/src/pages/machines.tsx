import { Stack } from "@mantine/core";
import { EmptyState, Loaded } from "../components/feedback";
import { MachineTable } from "../components/machine-table";
import { PageHeader } from "../components/page-header";
import { useMachines } from "../machine-queries";

export const MachinesPage = () => (
	<Stack>
		<PageHeader
			title="Machines"
			details="Each is a worker with its trainer. It takes runs that ask for its class, and what asks for none."
		/>
		<Loaded query={useMachines()}>
			{({ items }) =>
				items.length === 0 ? (
					<EmptyState title="No machine is there">A worker appears here once its trainer answers.</EmptyState>
				) : (
					<MachineTable machines={items} />
				)
			}
		</Loaded>
	</Stack>
);
