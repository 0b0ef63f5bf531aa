"""The built-in sample: generated, deterministic, with topics planted in it as ground truth.

2,000 users, 1,000 titled items, 12 topics. An item belongs to one topic, its tag; a user follows 1 to 4 topics; within
a topic items are drawn by Zipf popularity. Nothing in it is real.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

# By the role of each in an upload.
FILES = {"interactions": "sample.inter", "items": "sample.item"}
USERS, ITEMS = 2_000, 1_000
SEED = 20231021
ZIPF_EXPONENT = 0.8
STRAY = 0.05  # share of interactions outside the user's topics
TOPICS: dict[str, tuple[str, ...]] = {
    "Baking": ("Sourdough", "Croissants", "Rye bread", "Focaccia", "Brioche", "Shortcrust"),
    "Astronomy": ("Exoplanets", "Neutron stars", "Dark matter", "Comets", "Quasars", "The Moon"),
    "Cycling": ("Gravel routes", "Hill climbs", "Wheel building", "Bikepacking", "Track racing", "Winter riding"),
    "Gardening": ("Composting", "Raised beds", "Heirloom tomatoes", "Pruning", "Wildflowers", "Seed saving"),
    "Jazz": ("Modal harmony", "Bebop lines", "Brushwork", "Big bands", "Walking bass", "Trumpet tone"),
    "Chess": ("Rook endings", "The Sicilian", "Pawn storms", "Quiet moves", "Blitz tactics", "Studies"),
    "Sailing": ("Night passages", "Spinnakers", "Tides", "Anchoring", "Storm sails", "Dinghy racing"),
    "Statistics": ("Bayesian priors", "Bootstrap", "Causal graphs", "Mixed models", "Sampling", "Time series"),
    "Pottery": ("Celadon glazes", "Wheel throwing", "Raku firing", "Slip casting", "Porcelain", "Kiln repair"),
    "History": ("Silk Road", "Hanseatic trade", "Roman roads", "Cartography", "Printing press", "Lighthouses"),
    "Robotics": ("Inverse kinematics", "Lidar maps", "Soft grippers", "Quadrupeds", "Control loops", "Swarms"),
    "Birds": ("Swifts", "Migration", "Owl pellets", "Waders", "Nest boxes", "Dawn chorus"),
}
ANGLES = ("for beginners", "in depth", "at home", "revisited", "step by step", "field notes", "a short guide", "myths")


def write_sample(folder: Path) -> None:
    """Writes sample.inter, sample.item (RecBole) and sample.topics.json (the ground truth)."""
    random = np.random.Generator(np.random.Philox(SEED))
    names = list(TOPICS)
    item_topic = random.permutation(np.arange(ITEMS) % len(names))
    popularity = (1 + random.permutation(ITEMS)) ** -ZIPF_EXPONENT
    followed = [
        np.sort(random.choice(len(names), size=random.choice([1, 2, 3, 4], p=[0.15, 0.35, 0.3, 0.2]), replace=False))
        for _ in range(USERS)
    ]
    pairs = []
    for user, topics in enumerate(followed):
        appeal = np.where(np.isin(item_topic, topics), popularity, 0)
        weights = (1 - STRAY) * appeal / appeal.sum() + STRAY * popularity / popularity.sum()
        size = int(np.clip(random.lognormal(3.1, 0.4), 10, 80))
        chosen = random.choice(ITEMS, size=size, replace=False, p=weights)
        pairs += [(user, int(item)) for item in chosen]
    folder.mkdir(parents=True, exist_ok=True)
    rows = "".join(f"user-{user:04d}\titem-{item:04d}\n" for user, item in pairs)
    (folder / FILES["interactions"]).write_text("user_id:token\titem_id:token\n" + rows)
    described = "".join(
        f"item-{item:04d}\t{_title(names, item_topic, item)}\t{names[item_topic[item]]}\n" for item in range(ITEMS)
    )
    (folder / FILES["items"]).write_text("item_id:token\ttitle:token_seq\ttags:token_seq\n" + described)
    truth = {
        "topics": names,
        "item_topic": {f"item-{item:04d}": names[topic] for item, topic in enumerate(item_topic)},
        "user_topics": {f"user-{user:04d}": [names[topic] for topic in topics] for user, topics in enumerate(followed)},
    }
    (folder / "sample.topics.json").write_text(json.dumps(truth, indent=1))


def _title(names: list[str], item_topic: np.ndarray, item: int) -> str:
    name = names[item_topic[item]]
    subjects = TOPICS[name]
    subject, angle = subjects[item // len(names) % len(subjects)], ANGLES[item // 97 % len(ANGLES)]
    return f"{subject}: {angle} ({name} #{item})"
