# trainer and recommender: one image, two commands. CUDA: PyPI's wheel brings its libraries, the host its driver.
FROM python:3.11.14-slim-bookworm AS build
WORKDIR /app
COPY services/trainer-py/requirements.txt ./
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir torch==2.13.0 \
 && /venv/bin/pip install --no-cache-dir -r requirements.txt
COPY proto proto
COPY services/trainer-py services/trainer-py
RUN /venv/bin/python services/trainer-py/scripts/generate.py

FROM python:3.11.14-slim-bookworm
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --uid 10001 --no-create-home valence && install -d -o valence -g valence /artifacts
WORKDIR /app
COPY --from=build /venv /venv
COPY --from=build /app/services/trainer-py/trainer trainer
COPY deploy/probe.py probe.py
USER valence
VOLUME /artifacts
EXPOSE 50051 50052
CMD ["python", "-m", "trainer", "serve"]
