import {
	ActionIcon,
	AppShell,
	Burger,
	Group,
	type MantineColorScheme,
	NavLink,
	Text,
	Title,
	useMantineColorScheme,
} from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import {
	IconArrowsDiff,
	IconChartLine,
	IconDatabase,
	IconDeviceDesktop,
	IconKey,
	IconMoon,
	IconRocket,
	IconSchema,
	IconSun,
	IconUserSearch,
} from "@tabler/icons-react";
import { Link, Navigate, Route, Routes, useLocation } from "react-router";
import { EmptyState } from "./components/feedback";
import { Logo } from "./components/logo";
import { KeyDialog, openKeyDialog } from "./key-dialog";
import { ComparePage } from "./pages/compare";
import { DatasetsPage } from "./pages/datasets";
import { DeploymentsPage } from "./pages/deployments";
import { ExperimentPage } from "./pages/experiment";
import { ExperimentsPage } from "./pages/experiments";
import { ModelsPage } from "./pages/models";
import { NewExperimentPage } from "./pages/new-experiment";
import { RunPage } from "./pages/run";
import { UsersPage } from "./pages/users";
import { useSystem } from "./queries";

const PAGES = [
	{ path: "/experiments", alsoUnder: "/runs", label: "Experiments", icon: IconChartLine },
	{ path: "/compare", label: "Compare", icon: IconArrowsDiff },
	{ path: "/datasets", label: "Datasets", icon: IconDatabase },
	{ path: "/users", label: "Users", icon: IconUserSearch },
	{ path: "/deployments", label: "Deployments", icon: IconRocket },
	{ path: "/models", label: "Models", icon: IconSchema },
];

export function App() {
	const [opened, { toggle, close }] = useDisclosure();
	const { pathname } = useLocation();
	const system = useSystem().data;
	return (
		<AppShell
			header={{ height: 48 }}
			navbar={{ width: 190, breakpoint: "sm", collapsed: { mobile: !opened } }}
			padding="md"
		>
			<a className="skip" href="#main">
				Skip to content
			</a>
			<AppShell.Header>
				<Group h="100%" px="md" justify="space-between" wrap="nowrap">
					<Group gap={8} wrap="nowrap">
						<Burger opened={opened} onClick={toggle} hiddenFrom="sm" size="sm" aria-label="Menu" />
						<Logo />
						<Title order={1} size="h5">
							Valence
						</Title>
					</Group>
					<Group gap={4} wrap="nowrap">
						{system?.authentication && (
							<ActionIcon variant="subtle" color="gray" aria-label="API key" onClick={openKeyDialog}>
								<IconKey size={18} />
							</ActionIcon>
						)}
						<SchemeButton />
					</Group>
				</Group>
			</AppShell.Header>
			<AppShell.Navbar p="xs" aria-label="Pages">
				<AppShell.Section grow>
					{PAGES.map(({ path, alsoUnder, label, icon: Icon }) => (
						<NavLink
							key={path}
							component={Link}
							to={path}
							label={label}
							active={pathname.startsWith(path) || (alsoUnder !== undefined && pathname.startsWith(alsoUnder))}
							leftSection={<Icon size={17} stroke={1.7} />}
							py={6}
							mb={2}
							className="nav"
							onClick={close}
						/>
					))}
				</AppShell.Section>
				{system && (
					<Text size="xs" c="dimmed" p="xs">
						Valence {system.version}
						<br />
						{system.device}, torch {system.torchVersion}
						<br />
						queue on {system.queue === "redis" ? "Redis" : "PostgreSQL"}
					</Text>
				)}
			</AppShell.Navbar>
			<AppShell.Main id="main" tabIndex={-1}>
				<Routes>
					<Route path="/" element={<Navigate to="/experiments" replace />} />
					<Route path="/experiments" element={<ExperimentsPage />} />
					<Route path="/experiments/new" element={<NewExperimentPage />} />
					<Route path="/experiments/:id" element={<ExperimentPage />} />
					<Route path="/runs/:id" element={<RunPage />} />
					<Route path="/compare" element={<ComparePage />} />
					<Route path="/datasets" element={<DatasetsPage />} />
					<Route path="/users" element={<UsersPage />} />
					<Route path="/deployments" element={<DeploymentsPage />} />
					<Route path="/models" element={<ModelsPage />} />
					<Route path="*" element={<EmptyState title="There is no such page">Choose one at the left.</EmptyState>} />
				</Routes>
			</AppShell.Main>
			<KeyDialog />
		</AppShell>
	);
}

const SCHEMES: Record<MantineColorScheme, { next: MantineColorScheme; icon: typeof IconSun; label: string }> = {
	auto: { next: "light", icon: IconDeviceDesktop, label: "Colours as the system has them" },
	light: { next: "dark", icon: IconSun, label: "Light colours" },
	dark: { next: "auto", icon: IconMoon, label: "Dark colours" },
};

function SchemeButton() {
	const { colorScheme, setColorScheme } = useMantineColorScheme();
	const { next, icon: Icon, label } = SCHEMES[colorScheme];
	return (
		<ActionIcon
			variant="subtle"
			color="gray"
			title={label}
			aria-label={`${label}; press to change`}
			onClick={() => setColorScheme(next)}
		>
			<Icon size={18} />
		</ActionIcon>
	);
}
