"""Near-duplicates: pictures of one spot, also flipped, rotated, relit or saved again, found by correlation.

Small grey thumbnails lose their illumination, are whitened with the data set's own statistics and compared in all
eight flips and rotations. Whitening is what lets one threshold serve textures and aligned parts alike: what all
pictures of a set share (the outline of a casting, the banding of a strip) counts little, what two of them share alone
counts much. It follows Jégou & Chum, "Negative evidences and co-occurrences in image retrieval: the benefit of PCA and
whitening" (ECCV 2012), with the covariance shrunk towards the identity as long as there are few pictures.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage, sparse

from models.imagefile import MAX_PIXELS

#: Correlation from which two pictures count as one. Measured (32×32, whitened within the set):
#: - 400 NEU pictures and 100 copies (flipped or rotated, gamma 0.7–1.4, noise of 4 grey levels, JPEG 40–90): 95 % of
#:   the copies reach 0.90, with up to 2 % cut off each side half of them reach 0.76 and 95 % reach 0.55; the best of
#:   120,000 other pairs reaches 0.50. Independent rendered strips stay below 0.41.
#: - The 1620 pictures of NEU-DET: 6 pairs; 4 by eye the same spot, one of them rotated, and 2 scratches that are alike.
#:   (The groups of its split.csv join pictures of like illumination: 1718 pairs, of which 2 show the same spot.)
#: - Magnetic tiles against the groups of folds.csv: pairwise precision 0.987, recall 0.16. The same tile under another
#:   lamp is out of reach of this method: such data needs a `group` column. At 0.5: 0.982 and 0.19.
#: - 715 castings, all aligned alike: 223 groups, the largest of 72, too large but fit for a split; at 0.5 one of 642.
#: A pair that is missed makes a validation score false, a pair too many only coarsens the split: hence not higher.
THRESHOLD = 0.6
SIDE = 32
#: Standard deviation in thumbnail pixels: lighting varies over a quarter of the picture and more.
HIGH_PASS = SIDE / 8
#: A thumbnail with less contrast left than this (grey levels of 255) holds rounding errors only.
FLATTEST = 0.25
#: The covariance is that of so many pictures at most; more do not change it.
SAMPLED = 4096
CHUNK = 512

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Fingerprint:
    """What is compared: the digest of the file's bytes, and a grey thumbnail (SIDE×SIDE float32, 0 to 255)."""

    digest: bytes
    thumbnail: NDArray[np.float32]


def fingerprint(content: bytes) -> Fingerprint:
    """Of one encoded picture; JPEG is decoded at reduced size, which is five times as fast.

    Raises:
        Exception: it cannot be decoded (Pillow raises nearly anything) or exceeds `MAX_PIXELS`.
    """
    with Image.open(io.BytesIO(content)) as image:
        if image.width * image.height > MAX_PIXELS:
            raise ValueError("too large")
        image.draft("L", (2 * SIDE, 2 * SIDE))
        # Deep greys go to float as they are: "L" would clip them.
        grey = image if image.mode.startswith(("I", "F")) else image.convert("L")
        thumbnail = np.asarray(grey.convert("F").resize((SIDE, SIDE), Image.Resampling.BOX))
    return Fingerprint(hashlib.blake2b(content, digest_size=16).digest(), np.nan_to_num(thumbnail))


def near_duplicate_groups(
    paths: Sequence[Path], threshold: float = THRESHOLD, progress: Progress | None = None
) -> list[int]:
    """Number the pictures so that near-duplicates, also in several steps, share a number.

    Args:
        paths: pictures; one that cannot be read gets a number of its own.
        threshold: correlation, 0 to 1, above which two are the same.
        progress: called with (pictures read, all).

    Returns:
        One number a path, from 0 in order of first appearance.
    """

    def load(path: Path) -> Fingerprint | None:
        try:
            return fingerprint(path.read_bytes())
        except Exception:  # see `fingerprint`; what is wrong is for `describe` and the training to tell
            return None

    prints: list[Fingerprint | None] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(load, paths):
            prints.append(found)
            if progress:
                progress(len(prints), len(paths))
    return group_fingerprints(prints, threshold)


def group_fingerprints(prints: Sequence[Fingerprint | None], threshold: float = THRESHOLD) -> list[int]:
    """As `near_duplicate_groups`; None stands for a picture that cannot be read."""
    first: dict[bytes, int] = {}
    # Where each picture's twin to the byte is first seen; only those are compared.
    origin = [first.setdefault(p.digest, index) if p else index for index, p in enumerate(prints)]
    # Only distinct, readable pictures: a file copied a thousand times would make a million pairs.
    members = np.array(sorted(first.values()), dtype=np.int64)
    labels = np.arange(len(prints))
    if len(members):
        thumbnails = np.stack([p.thumbnail for index in members.tolist() if (p := prints[index])])
        features, contrast = flatten(thumbnails)
        usable = np.flatnonzero(contrast >= FLATTEST)
        found = _components(_whiten(features[usable]), threshold)
        smallest = np.full(len(found), len(prints), dtype=np.int64)
        np.minimum.at(smallest, found, members[usable])
        labels[members[usable]] = smallest[found]
    numbers: dict[int, int] = {}
    return [numbers.setdefault(int(labels[index]), len(numbers)) for index in origin]


def exact_groups(prints: Sequence[Fingerprint | None]) -> list[list[int]]:
    """Indices of pictures that are the same to the byte, two or more each."""
    found: dict[bytes, list[int]] = {}
    for index, item in enumerate(prints):
        if item:
            found.setdefault(item.digest, []).append(index)
    return [indices for indices in found.values() if len(indices) > 1]


def flatten(thumbnails: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Take out lighting and straight bands, and bring the rest to unit length.

    Rows and columns lose their mean: rolling marks and the black edge of a strip run straight across, so that any two
    strips with bands would correlate on 32 numbers instead of 1024.

    Args:
        thumbnails: N×S×S.

    Returns:
        N×S² features of unit length, and N standard deviations of what was left, in grey levels.
    """
    rest = thumbnails - ndimage.gaussian_filter(thumbnails, (0, HIGH_PASS, HIGH_PASS), mode="reflect")
    rest += rest.mean((1, 2), keepdims=True) - rest.mean(1, keepdims=True) - rest.mean(2, keepdims=True)
    flat = rest.reshape(len(rest), -1)
    return _unit(flat), flat.std(1)


def _whiten(features: NDArray[np.float32]) -> NDArray[np.float32]:
    count = len(features)
    if count < 2:
        return features
    sample = features[:: -(-count // SAMPLED)]
    once = sample.T @ sample / len(sample)
    # Averaged over the eight versions, so that whitening and flipping may be done in either order.
    covariance = np.mean([once[np.ix_(turn, turn)] for turn in _turns()], axis=0, dtype=np.float64)
    # The identity's share: with few pictures the covariance is mostly the difference between them, and whitening by
    # it alone would make any two of them, copies too, as unlike as can be.
    ridge = (1 + 256 / count) * np.trace(covariance) / SIDE**2
    matrix = np.zeros((SIDE**2, SIDE**2))
    for basis in _parities():
        values, vectors = np.linalg.eigh(basis @ covariance @ basis.T)
        own = basis.T @ vectors
        matrix += (own / np.sqrt(np.maximum(values, 0) + ridge)) @ own.T
    return _unit(features @ matrix.astype(np.float32))


def _components(features: NDArray[np.float32], threshold: float) -> NDArray[np.int64]:
    """Component number of each of N rows in the graph of pairs above the threshold; memory is CHUNK×N numbers."""
    count = len(features)
    labels: NDArray[np.int64] = np.arange(count)
    for start in range(0, count, CHUNK):
        part, others = features[start : start + CHUNK], features[start:]
        hits = np.zeros((len(part), len(others)), dtype=bool)
        for turn in _turns():
            hits |= part[:, turn] @ others.T > threshold
        rows, columns = np.nonzero(np.triu(hits, 1))
        if len(rows):
            ends = np.concatenate((rows + start, np.arange(count))), np.concatenate((columns + start, labels))
            graph = sparse.coo_array((np.ones(len(ends[0]), dtype=bool), ends), shape=(count, count))
            labels = _first_members(sparse.csgraph.connected_components(graph, directed=False)[1])
    return labels


def _first_members(components: NDArray[np.int32]) -> NDArray[np.int64]:
    """Component numbers → the smallest index in each component."""
    _, first, inverse = np.unique(components, return_index=True, return_inverse=True)
    return np.asarray(first[inverse], dtype=np.int64)


def _turns() -> list[NDArray[np.int64]]:
    """The eight flips and rotations of a square as orders of its S² pixels."""
    pixels = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    turned = [np.rot90(pixels, quarter) for quarter in range(4)]
    return [view.ravel() for square in turned for view in (square, square[:, ::-1])]


def _parities() -> list[NDArray[np.float64]]:
    """Bases (S²/4 × S²) of pictures that are even or odd from left to right and from top to bottom.

    A covariance that flips do not change falls apart into these four, and four small matrices are diagonalised ten
    times as fast as a large one.
    """
    half = np.eye(SIDE // 2) / np.sqrt(2)
    halves = [np.hstack([half, sign * half[:, ::-1]]) for sign in (1, -1)]
    return [np.kron(rows, columns) for rows in halves for columns in halves]


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return np.asarray(rows / lengths, dtype=np.float32)
