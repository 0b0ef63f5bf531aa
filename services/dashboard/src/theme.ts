// The look: calm, dense, the system's own typeface.
import { type CSSVariablesResolver, createTheme, Paper, Stack, Table } from "@mantine/core";

const sans = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';

export const theme = createTheme({
	primaryColor: "indigo",
	// Light enough a button in dark colours, dark enough a link in light ones: 4.5 to 1 on either.
	primaryShade: { light: 7, dark: 8 },
	autoContrast: true,
	defaultRadius: "md",
	fontFamily: sans,
	headings: { fontFamily: sans, fontWeight: "650" },
	components: {
		Paper: Paper.extend({ defaultProps: { radius: "md" } }),
		Stack: Stack.extend({ defaultProps: { gap: "md" } }),
		Table: Table.extend({ defaultProps: { verticalSpacing: 6 }, classNames: { th: "th" } }),
	},
});

/** Mantine's quiet and coloured texts are too faint: these have 4.5 to 1 and more on every surface. Rows that differ are tinted. */
export const readable: CSSVariablesResolver = () => ({
	variables: {},
	light: {
		"--mantine-color-dimmed": "#5c646b",
		"--mantine-color-placeholder": "#6b737a",
		"--mantine-color-red-text": "#c92a2a",
		"--mantine-color-error": "#c92a2a",
		"--mantine-color-red-light-color": "#a51d1d",
		"--mantine-color-orange-light-color": "#8f3400",
		"--differs": "#fff4cc",
	},
	dark: {
		"--mantine-color-red-text": "#ff8787",
		"--mantine-color-error": "#ff8787",
		"--mantine-color-dimmed": "#a3a3a3",
		"--mantine-color-placeholder": "#9a9a9a",
		"--mantine-color-orange-light": "#3d2a14",
		"--mantine-color-orange-light-color": "#ffc078",
		"--differs": "#3f3518",
	},
});
