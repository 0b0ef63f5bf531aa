"""Health check of a gRPC process: exits 0 when it says SERVING. Usage: probe.py host:port"""

import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

with grpc.insecure_channel(sys.argv[1]) as channel:
    reply = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=3)
sys.exit(reply.status != health_pb2.HealthCheckResponse.SERVING)
