import "@mantine/core/styles.css";
import "@mantine/charts/styles.css";
import "@mantine/dropzone/styles.css";
import "@mantine/notifications/styles.css";
import "./app.css";
import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { Problem } from "@valence/client";
import { setNonce } from "get-nonce";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { BrowserRouter } from "react-router";
import { App } from "./app";
import { followWhileSeen } from "./event-tab";
import { askForKey } from "./key-dialog";
import { readable, theme } from "./theme";

// Mantine, and what locks the page behind its dialogs, add style elements while they run; the page's policy lets in those
// that carry its nonce.
const nonce = document.querySelector('meta[name="csp-nonce"]')?.getAttribute("content") ?? "";
setNonce(nonce);
const client = new QueryClient({
	queryCache: new QueryCache({ onError: askForKey }),
	mutationCache: new MutationCache({ onError: askForKey }),
	defaultOptions: {
		queries: {
			staleTime: 1_000,
			// What the client did wrong stays wrong; only an absent service is worth a second try.
			retry: (times, error) => times < 2 && !(error instanceof Problem && error.status >= 400 && error.status < 500),
		},
	},
});

followWhileSeen();
createRoot(document.getElementById("root") as HTMLElement).render(
	<StrictMode>
		<MantineProvider
			theme={theme}
			cssVariablesResolver={readable}
			defaultColorScheme="auto"
			getStyleNonce={() => nonce}
		>
			<QueryClientProvider client={client}>
				<Notifications position="bottom-right" />
				{/* At once: a field whose text is in the address must not lag behind the keys. */}
				<BrowserRouter basename="/ui" useTransitions={false}>
					<App />
				</BrowserRouter>
			</QueryClientProvider>
		</MantineProvider>
	</StrictMode>,
);
