"""VALID and its special case MacridVAE.

Tran & Lauw, "Multi-Representation Variational Autoencoder via Iterative Latent Attention and Implicit
Differentiation", CIKM 2023. Ma et al., "Learning Disentangled Representations for Recommendation", NeurIPS 2019.
"""

from __future__ import annotations

from ..contract.interest_config import MacridVAEConfig, ValidConfig
from ..contract.interest_vae import InterestVAE


class Valid(InterestVAE):
    name = "valid"
    title = "VALID"
    paper = "Tran & Lauw, Multi-Representation VAE via Iterative Latent Attention, CIKM 2023"
    paper_url = "https://doi.org/10.1145/3583780.3614980"
    summary = "Groups each user's items around personal prototypes in R blocks, one interest a prototype."
    config_class = ValidConfig


class MacridVAE(InterestVAE):
    """VALID with one block: prototypes shared by all users, trained with everything else."""

    name = "macridvae"
    title = "MacridVAE"
    paper = "Ma et al., Learning Disentangled Representations for Recommendation, NeurIPS 2019"
    paper_url = "https://doi.org/10.48550/arXiv.1910.14238"
    summary = "Groups items around prototypes shared by all users; VALID with a single block."
    config_class = MacridVAEConfig
