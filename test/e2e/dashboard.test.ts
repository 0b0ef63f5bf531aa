// A person's way through the real system in a real browser: import, launch, watch, deploy, see recommendations.
import { comparingSteps } from "./steps-comparing.js";
import { dataSteps } from "./steps-data.js";
import { feedSteps } from "./steps-feeds.js";
import { interestSteps } from "./steps-interests.js";
import { modelSteps } from "./steps-models.js";
import { pageSteps } from "./steps-pages.js";
import { refreshSteps } from "./steps-refresh.js";
import { servedSteps } from "./steps-served.js";
import { servingSteps } from "./steps-serving.js";
import { tabSteps } from "./steps-tabs.js";
import { trainingSteps } from "./steps-training.js";
import { Valence } from "./valence.js";

const valence = new Valence();
beforeAll(() => valence.start(), 180_000);
afterAll(() => valence.stop(), 60_000);

// In this order: each step works on what those before it made.
dataSteps(valence);
trainingSteps(valence);
tabSteps(valence);
servingSteps(valence);
feedSteps(valence);
servedSteps(valence);
refreshSteps(valence);
comparingSteps(valence);
interestSteps(valence);
pageSteps(valence);
modelSteps(valence);
