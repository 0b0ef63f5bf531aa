"""Makes the generated part of the package before it is packed: `pip install ./clients/python` needs no other step."""

import sys
from pathlib import Path

from setuptools import setup

sys.path.insert(0, str(Path(__file__).parent / "scripts"))

from generate import PACKAGE, generate

generate(PACKAGE)
setup()
