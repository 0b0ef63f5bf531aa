import Fastify from "fastify";
import { declareAccess } from "../../services/api/src/access/access.js";

const app = () => {
	const app = Fastify();
	app.addHook("onRoute", declareAccess);
	return app;
};

test("a route that does not declare who may ask it fails at the start, also under a path of pages when it changes something", () => {
	expect(() => app().get("/secrets", async () => "")).toThrow("GET /secrets does not declare who may ask it");
	expect(() => app().post("/ui/secrets", async () => "")).toThrow("POST /ui/secrets does not declare");
	expect(() => app().get("/uix", async () => "")).toThrow("does not declare");
	expect(() => app().get("/ui/page", async () => "")).not.toThrow();
	expect(() => app().get("/models", { config: { access: "any" } }, async () => "")).not.toThrow();
});
