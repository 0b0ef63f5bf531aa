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
	ActivityLogIcon,
	ArchiveIcon,
	BarChartIcon,
	ColumnsIcon,
	Component1Icon,
	CubeIcon,
	DesktopIcon,
	IdCardIcon,
	LockClosedIcon,
	MoonIcon,
	PersonIcon,
	ReaderIcon,
	RocketIcon,
	RowsIcon,
	Share2Icon,
	StackIcon,
	SunIcon,
} from "@radix-ui/react-icons";
import { Problem } from "@valence/client";
import { Link, Navigate, Route, Routes, useLocation } from "react-router";
import { isAdmin } from "./access";
import { EmptyState } from "./components/feedback";
import { Logo } from "./components/logo";
import { KeyDialog, openKeyDialog } from "./key-dialog";
import { AuditPage } from "./pages/audit";
import { ComparePage } from "./pages/compare";
import { ComparisonPage } from "./pages/comparison";
import { ComparisonListsPage } from "./pages/comparison-lists";
import { ComparisonsPage } from "./pages/comparisons";
import { DatasetPage } from "./pages/dataset";
import { DatasetsPage } from "./pages/datasets";
import { DeploymentsPage } from "./pages/deployments";
import { ExperimentPage } from "./pages/experiment";
import { ExperimentsPage } from "./pages/experiments";
import { ExportsPage } from "./pages/exports";
import { FeedPage } from "./pages/feed";
import { FeedsPage } from "./pages/feeds";
import { KeysPage } from "./pages/keys";
import { LeaderboardPage } from "./pages/leaderboard";
import { MachinesPage } from "./pages/machines";
import { ModelsPage } from "./pages/models";
import { NewExperimentPage } from "./pages/new-experiment";
import { RefreshPage } from "./pages/refresh";
import { RunPage } from "./pages/run";
import { RunUserPage } from "./pages/run-user";
import { SearchPage } from "./pages/search";
import { StoragePage } from "./pages/storage";
import { UsersPage } from "./pages/users";
import { useSystem } from "./queries";

const PAGES = [
	{ path: "/experiments", alsoUnder: ["/runs", "/searches"], label: "Experiments", icon: BarChartIcon },
	{ path: "/leaderboard", label: "Leaderboard", icon: RowsIcon },
	{ path: "/compare", alsoUnder: ["/comparisons"], label: "Compare", icon: ColumnsIcon },
	{ path: "/datasets", label: "Datasets", icon: StackIcon },
	{ path: "/feeds", label: "Feeds", icon: ReaderIcon },
	{ path: "/users", label: "Users", icon: PersonIcon },
	{ path: "/deployments", alsoUnder: ["/refreshes"], label: "Deployments", icon: RocketIcon },
	{ path: "/exports", label: "Exports", icon: Share2Icon },
	{ path: "/models", label: "Models", icon: Component1Icon },
	{ path: "/machines", label: "Machines", icon: CubeIcon },
	{ path: "/storage", label: "Storage", icon: ArchiveIcon },
	{ path: "/keys", label: "Keys", icon: IdCardIcon, isForAdmins: true },
	{ path: "/audit", label: "Audit log", icon: ActivityLogIcon, isForAdmins: true },
];

export function App() {
	const [opened, { toggle, close }] = useDisclosure();
	const { pathname } = useLocation();
	const { data: system, error } = useSystem();
	// What a service without a key in use says of itself is just that it wants one.
	const asksForKey = system?.authentication ?? (error instanceof Problem && error.status === 401);
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
						{asksForKey && (
							<ActionIcon
								variant="subtle"
								color="gray"
								aria-label="API key"
								title={system?.key ? `In use: ${system.key.name}, of scope ${system.key.scope}` : undefined}
								onClick={openKeyDialog}
							>
								<LockClosedIcon width={18} height={18} />
							</ActionIcon>
						)}
						<SchemeButton />
					</Group>
				</Group>
			</AppShell.Header>
			<AppShell.Navbar p="xs" aria-label="Pages">
				<AppShell.Section grow>
					{PAGES.filter(({ isForAdmins }) => !isForAdmins || isAdmin(system)).map(
						({ path, alsoUnder, label, icon: Icon }) => (
							<NavLink
								key={path}
								component={Link}
								to={path}
								label={label}
								active={[path, ...(alsoUnder ?? [])].some((one) => pathname.startsWith(one))}
								leftSection={<Icon width={17} height={17} />}
								py={6}
								mb={2}
								className="nav"
								onClick={close}
							/>
						),
					)}
				</AppShell.Section>
				{system && (
					<Text size="xs" c="dimmed" p="xs">
						Valence {system.version}
						<br />
						{system.device ? `${system.device}, torch ${system.torchVersion}` : "the trainer does not answer"}
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
					<Route path="/searches/:id" element={<SearchPage />} />
					<Route path="/runs/:id/users/:user?" element={<RunUserPage />} />
					<Route path="/leaderboard" element={<LeaderboardPage />} />
					<Route path="/compare" element={<ComparePage />} />
					<Route path="/comparisons" element={<ComparisonsPage />} />
					<Route path="/comparisons/:id" element={<ComparisonPage />} />
					<Route path="/comparisons/:id/lists" element={<ComparisonListsPage />} />
					<Route path="/datasets" element={<DatasetsPage />} />
					<Route path="/datasets/:id" element={<DatasetPage />} />
					<Route path="/feeds" element={<FeedsPage />} />
					<Route path="/feeds/:name" element={<FeedPage />} />
					<Route path="/users/:id?" element={<UsersPage />} />
					<Route path="/deployments" element={<DeploymentsPage />} />
					<Route path="/refreshes/:id" element={<RefreshPage />} />
					<Route path="/exports" element={<ExportsPage />} />
					<Route path="/models" element={<ModelsPage />} />
					<Route path="/machines" element={<MachinesPage />} />
					<Route path="/storage" element={<StoragePage />} />
					<Route path="/keys" element={<KeysPage />} />
					<Route path="/audit" element={<AuditPage />} />
					<Route path="*" element={<EmptyState title="There is no such page">Choose one at the left.</EmptyState>} />
				</Routes>
			</AppShell.Main>
			<KeyDialog />
		</AppShell>
	);
}

const SCHEMES: Record<MantineColorScheme, { next: MantineColorScheme; icon: typeof SunIcon; label: string }> = {
	auto: { next: "light", icon: DesktopIcon, label: "Colours as the system has them" },
	light: { next: "dark", icon: SunIcon, label: "Light colours" },
	dark: { next: "auto", icon: MoonIcon, label: "Dark colours" },
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
			<Icon width={18} height={18} />
		</ActionIcon>
	);
}
